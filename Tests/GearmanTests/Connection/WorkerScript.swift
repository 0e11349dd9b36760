import Gearman

/// Drives a worker's machine by bytes, as ``ClientScript`` does a client's, against a small model of a job server.
///
/// Whatever happens, no more jobs are in hand or grabbed than the depth allows, nothing is grabbed while their
/// workloads are too large, PRE_SLEEP is sent only when all grabs are answered, and after a PRE_SLEEP nothing is
/// grabbed before a NOOP.
struct WorkerScript {
    private let depth: Int
    private var machine: WorkerConnectionStateMachine
    private var now = GearmanInstant(nanoseconds: 0)
    private var isConnected = false
    private static let heldSizeBytes = 40
    private var jobs: [UInt64] = []
    private var sizes: [UInt64: Int] = [:]
    private var unansweredGrabs = 0
    private var isAsleep = false
    /// The connection ends, or the model does not know what the machine makes of the bytes that it got.
    private var isClosing = false
    private var isDraining = false

    private init(depth: Int) {
        self.depth = depth
        self.machine = WorkerConnectionStateMachine(
            configuration: WorkerConnectionConfiguration(
                functions: [.init(name: [0x66])], clientID: [0x69], depth: depth,
                heldSizeBytes: Self.heldSizeBytes,
                limits: GearmanLimits(argumentSizeBytes: 16, payloadSizeBytes: 32)))
    }

    static func run(_ bytes: some Sequence<UInt8>) throws {
        var bytes = bytes.makeIterator()
        var script = WorkerScript(depth: Int((bytes.next() ?? 0) % 9) + 1)
        while let byte = bytes.next() {
            try script.step(byte, argument: { bytes.next() ?? 0 })
        }
        guard script.machine.connectionClosed() == script.jobs.sorted() else {
            throw ClientScript.Violation(description: "other jobs were forgotten than were in hand")
        }
    }

    private mutating func step(_ byte: UInt8, argument: () -> UInt8) throws {
        guard self.isConnected else {
            self.isConnected = true
            try self.check(self.machine.connected(now: self.now))
            return
        }
        switch byte % 8 {
        case 0, 1: try self.receive(.jobAssignUnique, argument())
        case 2: try self.receive(.noJob, argument())
        case 3: try self.receive(.noop, argument())
        case 4: try self.reply(argument())
        case 5:
            self.now = self.now.advanced(by: .milliseconds(Int(argument()) * 100))
            try self.check(self.machine.timerFired(now: self.now))
        case 6:
            guard argument() % 16 == 0 else { return }
            self.isDraining = true
            try self.check(self.machine.drainRequested(now: self.now))
        case _:
            let count = Int(argument() % 8)
            try self.check(self.machine.bytesReceived((0..<count).map { _ in argument() }, now: self.now))
            if count > 0 { self.isClosing = true }
        }
    }

    /// What a sound server sends only when it was asked.
    private mutating func receive(_ type: GearmanPacketType, _ argument: UInt8) throws {
        guard !self.isClosing else { return }
        if type != .noop {
            guard self.unansweredGrabs > 0 else { return }
            self.unansweredGrabs -= 1
        }
        if type == .noop || type == .jobAssignUnique { self.isAsleep = false }
        let arguments: [[UInt8]] = type == .jobAssignUnique ? [[0x30 + argument % 4], [0x66], []] : []
        let data = type == .jobAssignUnique ? [UInt8](repeating: 1, count: Int(argument % 33)) : []
        let packet = try GearmanPacket(.response, type, arguments: arguments, data: data)
        try self.check(self.machine.bytesReceived(encoded(packet), now: self.now))
    }

    private mutating func reply(_ argument: UInt8) throws {
        let index = Int(argument / 8)
        let number = index < self.jobs.count ? self.jobs[index] : UInt64(argument)
        let results: [GearmanJobReply.Result] = [
            .complete([argument]), .fail, .exception([]), .data([argument]), .warning([]),
            .status(numerator: 1, denominator: .max), .complete(Array(repeating: 1, count: 33)),
            .data(Array(repeating: 1, count: 33)),
        ]
        let result = results[Int(argument % 8)]
        let isFinal = [0, 1, 2, 6].contains(argument % 8)
        let actions = self.machine.replied([.init(job: number, result: result)], now: self.now)
        guard actions.droppedReplies == 0 || self.isClosing || !self.jobs.contains(number) else {
            throw ClientScript.Violation(description: "the reply to \(number), which is in hand, was dropped")
        }
        if isFinal, actions.droppedReplies == 0 { self.jobs.removeAll { $0 == number } }
        try self.check(actions)
    }

    private mutating func check(_ actions: WorkerActions) throws {
        self.jobs += actions.jobs.map(\.number)
        for job in actions.jobs { self.sizes[job.number] = job.workload.count }
        let heldBytes = self.jobs.reduce(0) { $0 + (self.sizes[$1] ?? 0) }
        for text in try shown(actions.write) {
            if text == "GRAB_JOB_UNIQ" {
                guard !self.isAsleep && !self.isDraining || self.isClosing else {
                    throw ClientScript.Violation(description: "it grabs in its sleep, or after a drain")
                }
                guard heldBytes < Self.heldSizeBytes || self.isClosing else {
                    throw ClientScript.Violation(description: "it grabs with \(heldBytes) bytes in hand")
                }
                self.unansweredGrabs += 1
            } else if text == "PRE_SLEEP" {
                guard self.unansweredGrabs == 0 || self.isClosing else {
                    throw ClientScript.Violation(description: "it sleeps before all grabs are answered")
                }
                self.isAsleep = true
            }
        }
        guard self.jobs.count + self.unansweredGrabs <= self.depth || self.isClosing else {
            throw ClientScript.Violation(description: "\(self.jobs.count) jobs, \(self.unansweredGrabs) grabs")
        }
        if actions.close != nil { self.isClosing = true }
    }
}
