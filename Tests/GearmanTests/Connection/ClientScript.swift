import Gearman

/// Drives a client's machine by bytes: each byte is an event, some with the next as argument. Any bytes are a script.
///
/// Whatever the server does, each job must have exactly one last event, at most one `created` before it, and none after
/// it; each question exactly one answer. A violation is thrown. Used by random tests and by the fuzzer.
struct ClientScript {
    struct Violation: Error, CustomStringConvertible {
        var description: String
    }

    private var machine: ClientConnectionStateMachine
    private var now = GearmanInstant(nanoseconds: 0)
    private var isConnected = false
    private var nextID: UInt64 = 1
    private var live: [UInt64: Bool] = [:]
    private var created: Set<UInt64> = []
    private var abandoned: Set<UInt64> = []
    private var questions: Set<UInt64> = []
    private var isClosing = false
    private var writtenBytes = 0

    private init() {
        self.machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(
                server: GearmanServerAddress(host: "localhost"),
                limits: GearmanLimits(argumentSizeBytes: 16, payloadSizeBytes: 32, pendingRequests: 20)))
    }

    static func run(_ bytes: some Sequence<UInt8>) throws {
        var script = ClientScript()
        var bytes = bytes.makeIterator()
        while let byte = bytes.next() {
            try script.step(byte, argument: { bytes.next() ?? 0 })
        }
        try script.check(script.machine.connectionClosed(unsentBytes: Int(script.nextID % 50)))
        guard script.live.isEmpty else { throw Violation(description: "no last event: \(script.live.keys.sorted())") }
        guard script.questions.isEmpty else { throw Violation(description: "no answer: \(script.questions.sorted())") }
        guard script.machine.connectionClosed(unsentBytes: 0) == ClientActions() else {
            throw Violation(description: "closed twice")
        }
    }

    private mutating func step(_ byte: UInt8, argument: () -> UInt8) throws {
        guard self.isConnected else {
            self.isConnected = true
            try self.check(self.machine.connected(now: self.now))
            return
        }
        switch byte % 16 {
        case 0...2: try self.submit(argument())
        case 3: try self.ask(argument())
        case 4:
            let id = UInt64(argument())
            if self.live[id] != nil { self.abandoned.insert(id) }
            try self.check(self.machine.jobsAbandoned([id]))
        case 5:
            self.now = self.now.advanced(by: .milliseconds(Int(argument()) * 100))
            try self.check(self.machine.timerFired(now: self.now))
        case 6: try self.check(self.machine.drainRequested(now: self.now))
        case 7:
            self.machine.writeProgressed(now: self.now)
        case 8:
            // Bytes that are whatever they are.
            let count = Int(argument() % 8)
            try self.check(self.machine.bytesReceived((0..<count).map { _ in argument() }, now: self.now))
        case _: try self.answer(byte, argument)
        }
    }

    private mutating func submit(_ argument: UInt8) throws {
        let unique: [UInt8] = argument & 1 == 0 ? [] : [0x75]
        let function: [UInt8] = argument & 0xF0 == 0xF0 ? [] : [0x66]
        let job = GearmanPipelinedJob(
            id: self.nextID, request: GearmanJobRequest(function: function, unique: unique),
            isBackground: argument & 2 != 0)
        self.nextID += 1
        self.live[job.id] = job.isBackground
        // A fuller buffer than it may be takes nothing; a job more is taken as long as there is any room.
        let room = argument & 12 == 12 ? 0 : Int(argument / 16) + 1
        let actions = self.machine.jobsSubmitted([job], room: room, now: self.now)
        guard room > 0 || actions.write.isEmpty else { throw Violation(description: "it writes without room") }
        try self.check(actions)
    }

    private mutating func ask(_ argument: UInt8) throws {
        let subject: ClientQuestion.Subject =
            switch argument % 4 {
            case 0: .job(UInt64(argument / 4))
            case 1: .handle(HandleBytes([0x30 + argument / 4 % 4])!)
            case 2: .unique([0x75])
            case _: .echo([argument])
            }
        let question = ClientQuestion(id: self.nextID, subject: subject)
        self.nextID += 1
        self.questions.insert(question.id)
        try self.check(self.machine.questionsAsked([question], now: self.now))
    }

    /// A packet that a server sends, with one of four handles.
    private mutating func answer(_ byte: UInt8, _ argument: () -> UInt8) throws {
        let types: [GearmanPacketType] = [
            .jobCreated, .jobCreated, .jobCreated, .error, .statusResponse, .statusResponseUnique, .echoResponse,
            .optionResponse, .workData, .workWarning, .workStatus, .workComplete, .workFail, .workException, .noop,
        ]
        let type = types[Int(byte / 16) % types.count]
        let handle: [UInt8] = [0x30 + argument() % 4]
        let count = type.definition.argumentCount
        var arguments = Array(repeating: [UInt8(0x31)], count: count)
        if count > 0, type != .optionResponse { arguments[0] = handle }
        if type == .workFail, argument() % 2 == 0 { arguments[0].append(0) }
        let data: [UInt8] = type == .echoResponse && argument() % 2 == 0 ? [argument()] : []
        let packet = try GearmanPacket(.response, type, arguments: arguments, data: data)
        try self.check(self.machine.bytesReceived(encoded(packet), now: self.now))
    }

    private mutating func check(_ actions: ClientActions) throws {
        self.writtenBytes += actions.write.count
        if self.isClosing, actions.close != nil { throw Violation(description: "asked to close twice") }
        if actions.close != nil { self.isClosing = true }
        for update in actions.updates {
            guard let isBackground = self.live[update.id] else {
                throw Violation(description: "an event after the last of \(update.id): \(update.event)")
            }
            guard !self.abandoned.contains(update.id) else {
                throw Violation(description: "an event of the abandoned \(update.id)")
            }
            if case .created = update.event {
                guard self.created.insert(update.id).inserted else {
                    throw Violation(description: "\(update.id) was created twice")
                }
                if isBackground { self.live[update.id] = nil }
            } else if case .refused = update.event {
                guard !self.created.contains(update.id) else {
                    throw Violation(description: "\(update.id) was created and refused")
                }
            }
            if update.event.isFinal { self.live[update.id] = nil }
        }
        // Of an abandoned job nobody hears; it counts as ended.
        for id in self.abandoned { self.live[id] = nil }
        for answer in actions.answers where self.questions.remove(answer.id) == nil {
            throw Violation(description: "a second answer to \(answer.id)")
        }
    }
}
