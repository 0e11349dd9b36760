import Gearman
import Testing

@Suite struct ClientConnectionStateMachineTests {
    private let server = GearmanServerAddress(host: "localhost")

    private func ready(_ limits: GearmanLimits = GearmanLimits()) throws -> ClientConnectionStateMachine {
        var machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(server: self.server, limits: limits))
        _ = machine.connected(now: .ms(0))
        let actions = machine.packetsReceived([try response(.optionResponse, "exceptions")], now: .ms(1))
        try #require(actions.becameReady)
        return machine
    }

    private func created(_ id: UInt64, _ handle: String) -> GearmanJobUpdate {
        let handle = GearmanJobHandle(bytes: Array(handle.utf8), server: self.server)!
        return GearmanJobUpdate(id: id, event: .created(handle))
    }

    // MARK: Connect

    @Test func `a connection asks for exceptions first and is ready when that is answered`() throws {
        var machine = ClientConnectionStateMachine(configuration: ClientConnectionConfiguration(server: self.server))
        let connected = machine.connected(now: .ms(0))
        #expect(try shown(connected.write) == ["OPTION_REQ exceptions"])
        #expect(connected.wakeAt == .ms(5_000))
        #expect(!connected.becameReady)
        #expect(machine.packetsReceived([try response(.optionResponse, "exceptions")], now: .ms(1)).becameReady)
    }

    @Test func `a server that knows no options is ready all the same`() throws {
        var machine = ClientConnectionStateMachine(configuration: ClientConnectionConfiguration(server: self.server))
        _ = machine.connected(now: .ms(0))
        let actions = machine.packetsReceived([try response(.error, "UNKNOWN_OPTION", "no")], now: .ms(1))
        #expect(actions.becameReady && actions.close == nil)
    }

    @Test func `without exceptions an echo is the greeting`() throws {
        var machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(server: self.server, wantsExceptions: false))
        #expect(try shown(machine.connected(now: .ms(0)).write) == ["ECHO_REQ "])
        #expect(machine.packetsReceived([try response(.echoResponse)], now: .ms(1)).becameReady)
    }

    // MARK: Jobs

    @Test func `jobs that come together are written together, each by the packet of its kind`() throws {
        var machine = try self.ready()
        var jobs: [GearmanPipelinedJob] = []
        for (index, priority) in GearmanPriority.allCases.enumerated() {
            for isBackground in [false, true] {
                let request = GearmanJobRequest(function: "f", unique: "u", workload: "w", priority: priority)
                let id = UInt64(index * 2 + (isBackground ? 1 : 0))
                jobs.append(GearmanPipelinedJob(id: id, request: request, isBackground: isBackground))
            }
        }
        let written = try shown(machine.jobsSubmitted(jobs, now: .ms(2)).write)
        #expect(
            written == [
                "SUBMIT_JOB_HIGH f|u|w", "SUBMIT_JOB_HIGH_BG f|u|w", "SUBMIT_JOB f|u|w", "SUBMIT_JOB_BG f|u|w",
                "SUBMIT_JOB_LOW f|u|w", "SUBMIT_JOB_LOW_BG f|u|w",
            ])
    }

    @Test func `a foreground job has all its events in order and a background job only the first`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1), .init(2, isBackground: true)], now: .ms(2))
        let actions = machine.packetsReceived(
            [
                try response(.jobCreated, "H:1"), try response(.jobCreated, "H:2"),
                try response(.workData, "H:1", data: "d"), try response(.workWarning, "H:1", data: "w"),
                try response(.workStatus, "H:1", "3", "10"),
                try response(.workStatus, "H:1", "abc", "99999999999999999999"),
                try response(.workComplete, "H:1", data: "r"), try response(.workComplete, "H:2", data: "not ours"),
            ], now: .ms(3))
        #expect(
            actions.updates == [
                self.created(1, "H:1"), self.created(2, "H:2"), .init(id: 1, event: .data([0x64])),
                .init(id: 1, event: .warning([0x77])), .init(id: 1, event: .status(numerator: 3, denominator: 10)),
                .init(id: 1, event: .status(numerator: nil, denominator: nil)), .init(id: 1, event: .complete([0x72])),
            ])
        // Whatever still comes for an ended job means nothing, and its number is free again.
        #expect(machine.packetsReceived([try response(.workFail, "H:1")], now: .ms(4)).updates.isEmpty)
        #expect(try shown(machine.jobsSubmitted([.init(1)], now: .ms(5)).write) == ["SUBMIT_JOB f||w1"])
    }

    @Test func `an exception ends a job, and so does a failure with the stray NUL of gearmand`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1), .init(2)], now: .ms(2))
        let actions = machine.packetsReceived(
            [
                try response(.jobCreated, "H:1"), try response(.jobCreated, "H:2"),
                try response(.workException, "H:1", data: "boom"), try response(.workFail, "H:1"),
                try response(.workFail, "H:2\0"),
            ], now: .ms(3))
        #expect(
            actions.updates.suffix(2) == [
                .init(id: 1, event: .exception(Array("boom".utf8))), .init(id: 2, event: .fail),
            ])
        #expect(actions.close == nil)
    }

    @Test func `an ERROR refuses the oldest submission and no other`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1), .init(2), .init(3)], now: .ms(2))
        let actions = machine.packetsReceived(
            [
                try response(.jobCreated, "H:1"), try response(.error, "QUEUE_ERROR", "Job queue is full"),
                try response(.jobCreated, "H:3"),
            ], now: .ms(3))
        let error = GearmanError(.serverError, "The server answered QUEUE_ERROR: Job queue is full")
        #expect(
            actions.updates == [self.created(1, "H:1"), .init(id: 2, event: .refused(error)), self.created(3, "H:3")])
    }

    @Test func `submissions that were merged each get their copy of every packet`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1, unique: "u"), .init(2, unique: "u")], now: .ms(2))
        let data = try response(.workData, "H:1", data: "d")
        let end = try response(.workComplete, "H:1", data: "r")
        let created = try response(.jobCreated, "H:1")
        _ = machine.packetsReceived([created, created], now: .ms(3))
        let first = machine.packetsReceived([data, data], now: .ms(4)).updates
        #expect(first == [.init(id: 1, event: .data([0x64])), .init(id: 2, event: .data([0x64]))])
        // A third joins while it runs.
        _ = machine.jobsSubmitted([.init(3, unique: "u")], now: .ms(5))
        let second = machine.packetsReceived([created, data, data, data], now: .ms(6)).updates
        #expect(second.dropFirst().map(\.id) == [1, 2, 3])
        #expect(machine.packetsReceived([end, end, end, end], now: .ms(7)).updates.map(\.id) == [1, 2, 3])
    }

    @Test func `an abandoned job is not heard of again, and the others of its handle are`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1, unique: "u"), .init(2, unique: "u"), .init(3)], now: .ms(2))
        let created = try response(.jobCreated, "H:1")
        _ = machine.packetsReceived([created, created], now: .ms(3))
        _ = machine.jobsAbandoned([1, 3, 99])
        let end = try response(.workComplete, "H:1", data: "r")
        let actions = machine.packetsReceived([try response(.jobCreated, "H:3"), end, end], now: .ms(4))
        #expect(actions.updates == [.init(id: 2, event: .complete([0x72]))])
        #expect(machine.connectionClosed(unsentBytes: 0).updates.isEmpty)
    }

    @Test func `a request that breaks a rule is refused before it is sent`() throws {
        var machine = try self.ready(GearmanLimits(argumentSizeBytes: 20, payloadSizeBytes: 4, uniqueSizeBytes: 3))
        let requests = [
            GearmanJobRequest(function: ""), GearmanJobRequest(function: "a\0b"),
            GearmanJobRequest(function: String(repeating: "f", count: 21)),
            GearmanJobRequest(function: "f", unique: "1234"), GearmanJobRequest(function: "f", unique: "a\0b"),
            GearmanJobRequest(function: "f", workload: "12345"),
        ]
        let jobs = requests.enumerated().map { GearmanPipelinedJob(id: UInt64($0), request: $1) }
        let actions = machine.jobsSubmitted(jobs, now: .ms(2))
        #expect(actions.write.isEmpty)
        #expect(actions.updates.map(\.id) == Array(0..<6))
        for update in actions.updates {
            guard case .refused(let error) = update.event else { Issue.record("\(update)"); continue }
            #expect(error.code == .invalidRequest)
        }
    }

    @Test func `more requests than may wait are refused`() throws {
        var machine = try self.ready(GearmanLimits(pendingRequests: 2))
        let actions = machine.jobsSubmitted([.init(1), .init(2), .init(3)], now: .ms(2))
        #expect(try shown(actions.write).count == 2)
        #expect(
            actions.updates == [
                .init(id: 3, event: .refused(GearmanError(.tooManyRequests, "2 requests wait for their answers")))
            ])
    }

    @Test func `requests beyond the room are refused, the one that passes its limit is sent`() throws {
        var machine = try self.ready()
        // Each of the submissions has 18 bytes.
        let actions = machine.jobsSubmitted([.init(1), .init(2), .init(3)], room: 19, now: .ms(2))
        #expect(try shown(actions.write) == ["SUBMIT_JOB f||w1", "SUBMIT_JOB f||w2"])
        let error = GearmanError(.tooManyRequests, "Too much waits to be sent to the job server")
        #expect(actions.updates == [.init(id: 3, event: .refused(error))])
        let questions = machine.questionsAsked([.init(id: 7, subject: .unique([0x75]))], room: 0, now: .ms(3))
        #expect(questions.write.isEmpty)
        #expect(questions.answers == [.init(id: 7, result: .failed(error))])
    }

    // MARK: Questions

    @Test func `questions are answered in their order, between submissions`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1)], now: .ms(2))
        _ = machine.packetsReceived([try response(.jobCreated, "H:1")], now: .ms(3))
        var write = machine.questionsAsked(
            [
                .init(id: 7, subject: .job(1)), .init(id: 8, subject: .unique(Array("u".utf8))),
            ], now: .ms(4)
        ).write
        write += machine.jobsSubmitted([.init(2)], now: .ms(4)).write
        write += machine.questionsAsked([.init(id: 9, subject: .echo([1, 0, 2]))], now: .ms(4)).write
        #expect(
            try shown(write) == ["GET_STATUS H:1", "GET_STATUS_UNIQUE u", "SUBMIT_JOB f||w2", "ECHO_REQ \u{1}\0\u{2}"])
        let actions = machine.packetsReceived(
            [
                try response(.statusResponse, "H:1", "1", "1", "3", "10"),
                try response(.statusResponseUnique, "u", "1", "0", "0", "0", "2"), try response(.jobCreated, "H:2"),
                try GearmanPacket(.response, .echoResponse, data: [1, 0, 2]),
            ], now: .ms(5))
        #expect(
            actions.answers == [
                .init(id: 7, result: .status(.init(isKnown: true, isRunning: true, numerator: 3, denominator: 10))),
                .init(id: 8, result: .status(.init(isKnown: true, isRunning: false, waitingClients: 2))),
                .init(id: 9, result: .echo([1, 0, 2])),
            ])
        #expect(actions.updates == [self.created(2, "H:2")])
    }

    @Test func `a question that no server would answer is not asked`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1)], now: .ms(2))
        let long = [UInt8](repeating: 0x48, count: 64)
        let actions = machine.questionsAsked(
            [
                .init(id: 1, subject: .handle(try #require(HandleBytes([0x48, 0])))),
                .init(id: 2, subject: .unique(long)), .init(id: 3, subject: .job(1)), .init(id: 4, subject: .job(5)),
            ], now: .ms(3))
        #expect(actions.write.isEmpty)
        #expect(actions.answers.count == 4)
        #expect(GearmanJobHandle(bytes: long, server: self.server) == nil)
        for answer in actions.answers {
            guard case .failed(let error) = answer.result else { Issue.record("\(answer)"); continue }
            #expect(error.code == .invalidRequest)
        }
    }

    @Test func `an ERROR answers a question with its text`() throws {
        var machine = try self.ready()
        _ = machine.questionsAsked([.init(id: 1, subject: .unique([0x75]))], now: .ms(2))
        let actions = machine.packetsReceived([try response(.error, "UNKNOWN_COMMAND", "what?")], now: .ms(3))
        #expect(
            actions.answers == [
                .init(id: 1, result: .failed(GearmanError(.serverError, "The server answered UNKNOWN_COMMAND: what?")))
            ])
    }

    // MARK: A server that makes no sense

    @Test func `a handle that no server gives ends the connection, or is nobody's`() throws {
        let long = String(repeating: "H", count: 64)
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1)], now: .ms(2))
        let foreign = machine.packetsReceived([try response(.workComplete, long, data: "")], now: .ms(3))
        #expect(foreign.close == nil && foreign.updates.isEmpty)
        let created = machine.packetsReceived([try response(.jobCreated, long)], now: .ms(4))
        guard case .immediately(let error)? = created.close else { Issue.record("it stays open"); return }
        #expect(error == GearmanError(.protocolViolation, "The server sent a handle of 64 bytes"))
    }

    @Test func `an answer to another request, or to none, ends the connection`() throws {
        let handle = try #require(HandleBytes([0x48]))
        let cases: [(ClientQuestion.Subject?, GearmanPacket)] = [
            (nil, try response(.jobCreated, "H:1")), (nil, try response(.error, "A", "b")),
            (nil, try response(.echoResponse)), (nil, try response(.noop)), (nil, try response(.noJob)),
            (nil, try GearmanPacket(.request, .workFail, arguments: [[0x48]])),
            (.unique([0x75]), try response(.jobCreated, "H:1")), (.unique([0x75]), try response(.echoResponse)),
            (.handle(handle), try response(.statusResponse, "other", "1", "1", "0", "0")),
            (.echo([1]), try response(.echoResponse, data: "other")),
        ]
        for (subject, packet) in cases {
            var machine = try self.ready()
            if let subject { _ = machine.questionsAsked([.init(id: 1, subject: subject)], now: .ms(2)) }
            let actions = machine.packetsReceived([packet, try response(.echoResponse)], now: .ms(3))
            guard case .immediately(let error)? = actions.close else { Issue.record("\(packet)"); continue }
            #expect(error.code == .protocolViolation)
            #expect(actions.answers.isEmpty)
            let closed = machine.connectionClosed(unsentBytes: 0)
            #expect(closed.answers == (subject == nil ? [] : [.init(id: 1, result: .failed(error))]))
        }
    }

    @Test func `bytes that are no packet end the connection after the packets before them`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1)], now: .ms(2))
        let actions = machine.bytesReceived(
            try encoded(response(.jobCreated, "H:1")) + Array("garbage".utf8), now: .ms(3))
        #expect(actions.updates == [self.created(1, "H:1")])
        let error = GearmanError(.protocolViolation, "Not a packet: no packet starts with 0x67617262")
        #expect(actions.close == .immediately(error))
        #expect(machine.bytesReceived(try encoded(response(.workFail, "H:1")), now: .ms(4)).updates.isEmpty)
        #expect(machine.connectionClosed(unsentBytes: 0).updates == [.init(id: 1, event: .lost(error))])
    }
}
