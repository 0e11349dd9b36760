import Gearman
import GearmanServer
import Testing

/// Job servers that keep jobs, by seed: clients, workers, a journal that fails in all ways, and kill -9 at any moment.
@Suite struct KeptJobsSimulationTests {
    @Test func `whatever is killed when, an acknowledged job that has not ended is there again`() {
        for seed in UInt64(0)..<400 {
            var world = KeptJobsWorld(seed: seed)
            world.run(steps: 300)
            #expect(world.violations.isEmpty, "seed \(seed)")
            guard world.violations.isEmpty else { return }
        }
    }

    @Test func `a journal that says written too early is found`() {
        let found = (UInt64(0)..<50).contains { seed in
            var world = KeptJobsWorld(seed: seed)
            world.journalLies = true
            world.run(steps: 300)
            return world.violations.contains { $0.hasPrefix("lost") }
        }
        #expect(found)
    }

    @Test func `a journal that keeps a part of a change is found`() {
        let found = (UInt64(0)..<50).contains { seed in
            var world = KeptJobsWorld(seed: seed)
            world.journalForgets = true
            world.run(steps: 300)
            return world.violations.contains { $0.hasPrefix("lost") }
        }
        #expect(found)
    }
}

/// One server after the other, on one journal.
private struct KeptJobsWorld {
    private(set) var violations: [String] = []
    /// A planted bug: what is answered as written is lost if the server is killed soon after it.
    var journalLies = false
    /// A planted bug: of a change that keeps several jobs only the first one stands.
    var journalForgets = false
    private var random: SeededRandom
    private var server: InMemoryJobServer
    /// What is durable.
    private var rows: [UInt64: GearmanKeptJob] = [:]
    private var lastNumber: UInt64 = 0
    /// What was answered as written and is not yet, with the planted bug.
    private var unwritten: GearmanJournalChange?
    /// The numbers of background jobs that clients were told.
    private var acknowledged: Set<UInt64> = []
    /// The numbers of jobs that ended: completed, failed or cancelled.
    private var ended: Set<UInt64> = []
    /// Those of them that ended since the server started.
    private var endedHere: Set<UInt64> = []
    /// What each client asked for and was not answered, in its order: `echo …`, or the workload of a job.
    private var asked: [String: [String]] = [:]
    /// Jobs that workers have.
    private var inHand: [String: [UInt64]] = [:]
    private var nextWorkload = 0

    private static let clients = ["c1", "c2", "c3"]
    private static let workers = ["w1", "w2"]

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
        self.server = InMemoryJobServer(keepsJobs: true)
        self.start()
    }

    private func chance(_ percent: Int, _ random: inout SeededRandom) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps where self.violations.isEmpty { self.step() }
        // The journal is well, and workers do all that is left: then nothing is left in the journal.
        self.kill()
        for _ in 0..<10_000 where self.violations.isEmpty && !(self.rows.isEmpty && self.server.change == nil) {
            if self.server.change != nil { self.answerJournal(.written) }
            self.work(Self.workers[0], mayFail: false)
            self.server.pass(.seconds(1))
        }
        if self.violations.isEmpty, !self.rows.isEmpty { self.violations.append("left over: \(self.rows.count) rows") }
        for number in self.acknowledged.subtracting(self.ended) {
            self.violations.append("lost in the end: \(number)")
        }
    }

    private mutating func step() {
        switch Int.random(in: 0..<100, using: &self.random) {
        case 0..<45: self.submit(self.random.element(of: Self.clients))
        case 45..<75: self.work(self.random.element(of: Self.workers), mayFail: true)
        case 75..<90:
            guard self.server.change != nil else { return self.server.pass(.milliseconds(600)) }
            self.answerJournal(self.random.element(of: [.written, .written, .failed, .unknown]))
        case 90..<94: self.server.pass(.milliseconds(Int.random(in: 0...12_000, using: &self.random)))
        case 94..<96: self.cancel()
        case 96..<98: self.leave(self.random.element(of: Self.clients + Self.workers))
        default: self.kill()
        }
        for client in Self.clients { self.readAnswers(client) }
    }

    // MARK: The journal

    private enum Answer { case written, failed, unknown }

    private mutating func answerJournal(_ answer: Answer) {
        guard let change = self.server.change else { return }
        if let unwritten = self.unwritten { self.write(unwritten) }
        self.unwritten = nil
        switch answer {
        case .written:
            if self.journalLies { self.unwritten = change } else { self.write(change) }
            self.server.written()
        case .failed: self.server.failed()
        case .unknown:
            self.write(change)
            self.server.failed()
        }
        for client in Self.clients { self.readAnswers(client) }
    }

    private mutating func write(_ change: GearmanJournalChange) {
        for number in change.forgotten { self.rows[number] = nil }
        for job in self.journalForgets ? Array(change.kept.prefix(1)) : change.kept { self.rows[job.number] = job }
        self.lastNumber = max(self.lastNumber, change.lastNumber)
    }

    // MARK: Processes

    private mutating func kill() {
        for client in Self.clients { self.readAnswers(client) }
        // A change that is under way is made, or is not.
        if let change = self.server.change, self.chance(50, &self.random) { self.write(change) }
        self.unwritten = nil
        self.start()
        let lines = self.server.ask("c1", "show jobs").split(separator: "\n")
        let shown = lines.map { line in Self.number(line.prefix { $0 != "\t" }) }
        for number in self.acknowledged.subtracting(self.ended).subtracting(shown) {
            self.violations.append("lost: \(number)")
        }
        // Numbers that no kept job ever had are given again.
        let last = max(self.lastNumber, self.rows.keys.max() ?? 0)
        self.acknowledged = self.acknowledged.filter { $0 <= last }
        self.ended = self.ended.filter { $0 <= last }
    }

    private mutating func start() {
        self.server = InMemoryJobServer(keepsJobs: true)
        let jobs = self.rows.keys.sorted().compactMap { self.rows[$0] }
        self.server.restore(jobs, lastNumber: self.lastNumber)
        self.asked = [:]
        self.inHand = [:]
        self.endedHere = []
        for name in Self.clients + Self.workers { self.connect(name) }
    }

    private mutating func connect(_ name: String) {
        self.server.open(name)
        if Self.workers.contains(name), let canDo = try? request(.canDo, ["f"]) { self.server.send(name, canDo) }
    }

    private mutating func leave(_ name: String) {
        self.server.close(name)
        _ = self.server.take(name)
        self.asked[name] = nil
        self.inHand[name] = nil
        self.connect(name)
    }

    // MARK: Clients

    private mutating func submit(_ client: String) {
        self.nextWorkload += 1
        let workload = "job-\(self.nextWorkload)"
        let unique = self.chance(25, &self.random) ? "u\(Int.random(in: 0..<3, using: &self.random))" : ""
        let isEpoch = self.chance(20, &self.random)
        let kind: (type: GearmanPacketType, text: String) = self.random.element(of: [
            (isEpoch ? .submitJobEpoch : .submitJobBackground, "background"), (.submitJobLowBackground, "background"),
            (.submitJob, "foreground"), (.echoRequest, "echo"),
        ])
        let seconds = self.server.now.wallNanoseconds / 1_000_000_000 + Int64.random(in: -2...20, using: &self.random)
        var arguments = ["f", unique]
        if kind.type == .submitJobEpoch { arguments.append("\(seconds)") }
        if kind.type == .echoRequest { arguments = [] }
        guard let bytes = try? request(kind.type, arguments, data: workload) else { return }
        self.asked[client, default: []].append("\(kind.text) \(workload)")
        self.server.send(client, bytes)
    }

    private mutating func readAnswers(_ client: String) {
        for packet in (try? self.server.packets(client)) ?? [] {
            let words = packet.split(separator: " ", maxSplits: 1).map(String.init)
            guard ["JOB_CREATED", "ECHO_RES", "ERROR"].contains(words[0]) else { continue }
            guard let question = self.asked[client]?.first else {
                self.violations.append("not asked for: \(packet)")
                return
            }
            self.asked[client]?.removeFirst()
            let parts = question.split(separator: " ").map(String.init)
            switch (parts[0], words[0]) {
            case ("echo", "ECHO_RES") where words[1] == parts[1]: break
            case ("background", "JOB_CREATED"):
                self.acknowledged.insert(Self.number(words[1]))
            case ("foreground", "JOB_CREATED"), ("background", "ERROR"): break
            default: self.violations.append("\(packet) is no answer to \(question)")
            }
        }
    }

    private static func number(_ handle: some StringProtocol) -> UInt64 {
        handle.split(separator: ":").last.flatMap { UInt64($0) } ?? 0
    }

    /// A running job that is cancelled may be wanted again; others are gone.
    private mutating func cancel() {
        let running = Set(self.inHand.values.joined())
        guard let number = self.acknowledged.subtracting(self.ended).subtracting(running).min() else { return }
        guard self.server.ask("w1", "cancel job H:lab:\(number)").hasSuffix("OK\r\n") else {
            return self.violations.append("lost while it waited: \(number)")
        }
        self.ended.insert(number)
        self.endedHere.insert(number)
    }

    // MARK: Workers

    private mutating func work(_ worker: String, mayFail: Bool) {
        if let number = self.inHand[worker]?.first, !mayFail || self.chance(60, &self.random) {
            self.inHand[worker]?.removeFirst()
            let isFailure = mayFail && self.chance(20, &self.random)
            guard let bytes = try? request(isFailure ? .workFail : .workComplete, ["H:lab:\(number)"]) else { return }
            self.server.send(worker, bytes)
            self.ended.insert(number)
            self.endedHere.insert(number)
        } else if let bytes = try? request(.grabJob) {
            self.server.send(worker, bytes)
        }
        for packet in (try? self.server.packets(worker)) ?? [] where packet.hasPrefix("JOB_ASSIGN ") {
            let number = Self.number(packet.dropFirst("JOB_ASSIGN ".count).prefix { $0 != "|" })
            self.inHand[worker, default: []].append(number)
            if self.endedHere.contains(number) { self.violations.append("given out after its end: \(packet)") }
        }
    }
}
