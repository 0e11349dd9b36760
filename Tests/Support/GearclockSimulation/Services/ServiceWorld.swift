internal import GearclockCore
internal import Gearman

/// One life of one process.
struct ProcessName: Hashable, Sendable {
    let node: Int
    let incarnation: Int
}

/// One simulated installation whose daemons are the real services, with their real Gearman clients and workers, on
/// simulated executors, clocks and streams: what surrounds them, and what goes wrong.
///
/// It has the worlds, the faults and the auditor of ``World``, in which only the state machines are real.
actor ServiceWorld {
    typealias Plan = @Sendable (isolated ServiceWorld) -> Void

    /// A child of the run: something asynchronous that a process does.
    struct Child: Sendable {
        let name: String
        let process: SimulatedProcess
        let body: @Sendable @concurrent () async -> Void
    }

    nonisolated let scheduler: SimulatedScheduler
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.scheduler.unownedExecutor }

    nonisolated let seed: UInt64
    nonisolated let canary: ServiceCanary?
    nonisolated let course: Course
    nonisolated let swarm: Swarm
    /// What the processes of the run do besides what their event loops do.
    nonisolated let children: AsyncStream<Child>
    private let starter: AsyncStream<Child>.Continuation
    private let trace: (@Sendable (StoryLine) -> Void)?

    var dice: Dice
    var phase = World.Phase.faults
    let ledger: Ledger
    var store: SimulatedStore
    var calls: [Int: PendingCall] = [:]
    var nextCall = 0
    /// How often each process put each kind of question to the store.
    var storeCalls: [Int: Int] = [:]
    var taken: Set<Taking> = []
    var nodes: [ServiceNode] = []
    var targets: [ServiceTarget] = []
    var clients: [ServiceClient] = []
    var servers: [ServiceJobServer] = []
    var streams: [ServiceStream] = []
    /// Processes that were killed: what is left of them reaches nobody.
    var gone: Set<Int> = []
    /// For each machine and each job server: nothing passes between them before.
    var blockedUntil: [Int: [Int64]] = [:]
    var requests: [ServiceRequest] = []
    /// The faults that struck, in their order.
    private(set) var struck: [FaultName] = []
    /// The function that is paused.
    var heldBack: FunctionName?
    /// How often operators changed their mind about each function.
    var wishes: [FunctionName: Int] = [:]
    var limits = LimitAudit()
    /// When and how each job, by its unique, was submitted first.
    var submissions: [[UInt8]: JobSubmission] = [:]
    /// When all tasks must have ended, once healed.
    var endBy: Int64 = 0
    var stoppingSince: Int64 = 0
    private(set) var isOver = false
    /// The children that have not ended.
    private var running: [String] = []

    init(
        seed: UInt64, canary: ServiceCanary?, course: Course, scheduler: SimulatedScheduler,
        trace: (@Sendable (StoryLine) -> Void)?
    ) {
        var dice = Dice(seed: seed)
        var swarm = Swarm(&dice)
        swarm.services = ServiceSwarm(seed: seed)
        swarm.drawMix(seed: seed)
        // Who is late because of a jam is late for a reason.
        if swarm.isCalm { swarm.services.jams = 0 }
        if !swarm.operations.isEmpty, swarm.services.limitsAreQuiet {
            swarm.quieten()
            swarm.horizon = max(swarm.horizon, 15_000_000)
            if swarm.services.cancelsLongJobs { swarm.cancelLongJobs() }
        }
        for part in Plainness.allCases where course.plain.contains(part) { swarm.simplify(part) }
        self.seed = seed
        self.canary = canary
        self.course = course
        self.scheduler = scheduler
        self.swarm = swarm
        self.store = SimulatedStore(seed: seed, clockLimit: swarm.clockLimit)
        self.dice = dice
        self.trace = trace
        (self.children, self.starter) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
        self.ledger = Ledger(
            clockPlay: .microseconds(2 * swarm.clockLimit),
            latenessBound: swarm.latenessBound.map { .microseconds($0 + Self.latenessPlay(swarm)) },
            idleBound: swarm.idleBound.map { .microseconds($0 + Self.longestRest) },
            stalledFunction: swarm.stalledFunction.map { World.functionName($0) },
            pausedFunction: swarm.pausedFunction)
    }

    /// Real clients find out by a heartbeat that a server is silent, and rest before they try it again.
    private static let longestRest: Int64 = 20_000_000

    /// Where nothing fails, real clients and workers take some turns and some round trips more than simulated ones.
    private static func latenessPlay(_ swarm: Swarm) -> Int64 {
        swarm.faults.allSatisfy { $0 == 0 } ? 1_000_000 : Self.longestRest
    }

    /// Enters from anywhere on the thread of the simulation.
    nonisolated func enter<Success: Sendable>(_ body: (isolated ServiceWorld) -> Success) -> Success {
        self.assumeIsolated(body)
    }

    func build() {
        self.scheduler.enter { scheduler in
            scheduler.observeStandstill { isIdle in self.enter { $0.standsStill(isIdle: isIdle) } }
        }
        self.servers = (0..<self.swarm.servers).map { _ in ServiceJobServer() }
        for roles in self.swarm.nodes { self.nodes.append(ServiceNode(roles: roles, clock: self.makeClock())) }
        for _ in 0..<self.swarm.targets { self.targets.append(ServiceTarget()) }
        for _ in 0..<self.swarm.clients { self.addClient() }
        self.planRequests()
        self.planQuestions()
        self.planOperations()
        self.pause()
        for index in self.nodes.indices { self.startNode(index) }
        for index in self.targets.indices { self.startTarget(index) }
        self.schedule(after: 2_000_000) { $0.keepHouse() }
        self.schedule(after: self.swarm.horizon) { $0.heal() }
        self.planStrike(1)
    }

    func makeClock() -> SimulatedClock {
        SimulatedClock(limit: self.swarm.clockLimit, driftPerMillion: self.swarm.driftPerMillion, &self.dice)
    }

    // MARK: - Time

    var time: Int64 { self.scheduler.enter { $0.time } }
    var trueNow: Timestamp { Timestamp(microseconds: SimulatedClock.start + self.time) }

    func schedule(after delay: Int64, _ plan: @escaping Plan) {
        self.schedule(at: self.time + max(0, delay), plan)
    }

    func schedule(at time: Int64, _ plan: @escaping Plan) {
        self.scheduler.enter { scheduler in
            scheduler.plan(at: time) {
                self.enter { world in
                    guard !world.isOver else { return }
                    world.ledger.now = world.trueNow
                    plan(world)
                    if world.ledger.failure != nil { world.end() }
                }
            }
        }
    }

    /// A line of the story; costs nothing where nobody reads it.
    func note(_ text: @autoclosure () -> String, by actor: Actor = .world, _ fault: FaultName? = nil) {
        guard let trace = self.trace else { return }
        trace(StoryLine(time: self.time, actor: "\(actor)", text: text(), fault: fault))
    }

    /// Whether a fault that the seed draws strikes in this course; if so, it is written down.
    func strikes(_ fault: FaultName) -> Bool {
        guard self.course.only?.contains(fault) ?? true else { return false }
        self.struck.append(fault)
        return true
    }

    // MARK: - Processes

    func makeProcess(clock: SimulatedClock) -> SimulatedProcess {
        self.scheduler.enter { $0.addProcess(clock: clock) }
    }

    /// Lets a process do something asynchronous.
    func start(
        _ name: String, on process: SimulatedProcess, _ body: @escaping @Sendable @concurrent () async -> Void
    ) {
        self.running.append(name)
        self.starter.yield(
            Child(name: name, process: process) {
                await body()
                self.enter { world in world.running.removeAll { $0 == name } }
            })
    }

    // MARK: - The end

    private func keepHouse() {
        self.ledger.sweep(self.store.model)
        self.ledger.checkPunctuality()
        self.checkReading()
        switch self.phase {
        case .faults:
            break
        case .healed:
            self.resumeIfOthersEnded()
            if self.isQuiet {
                self.stopAll()
            } else if self.time > self.endBy {
                self.ledger.fail(
                    self.ledger.unfinished(except: self.heldBack) ?? self.openRequest ?? "", breaks: .heals)
            }
        case .stopping:
            if self.nodes.allSatisfy({ $0.status == .dead }) { return self.end() }
            if self.time > self.stoppingSince + Self.timeToStop {
                let late = self.nodes.indices.filter { self.nodes[$0].status != .dead }
                self.ledger.fail("Processes \(late) do not stop", breaks: .stops)
            }
        }
        self.schedule(after: 2_000_000) { $0.keepHouse() }
    }

    /// A healthy process stops in this time: a drain waits for jobs in hand, and for a job server that is silent.
    private static let timeToStop: Int64 = 60_000_000

    private var isQuiet: Bool { self.openRequest == nil && self.ledger.unfinished() == nil }

    private var openRequest: String? {
        self.requests.firstIndex { !$0.isOver }.map { "Request \($0) is open" }
    }

    private func stopAll() {
        self.phase = .stopping
        self.stoppingSince = self.time
        self.note("everything stops")
        for index in self.nodes.indices { self.shutDown(index, deadline: nil) }
    }

    /// The run is over: what still lives is ended, and nothing more is planned.
    private func end() {
        guard !self.isOver else { return }
        self.isOver = true
        for index in self.nodes.indices { self.killNode(index, noticedWithin: 0) }
        for index in self.targets.indices { self.endTarget(index) }
        for index in self.clients.indices { self.endClient(index) }
        self.starter.finish()
    }

    private func standsStill(isIdle: Bool) {
        precondition(!self.isOver, "Seed \(self.seed): \(self.running) do not end when they are killed")
        self.ledger.fail(isIdle ? "Nothing happens any more" : "Time stands still: an endless loop", breaks: .heals)
        self.end()
    }
}
