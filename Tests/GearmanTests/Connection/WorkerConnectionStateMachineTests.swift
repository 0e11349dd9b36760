import Gearman
import Testing

@Suite struct WorkerConnectionStateMachineTests {
    private func machine(
        depth: Int = 1, functions: [WorkerConnectionConfiguration.Function] = [.init(name: [0x66])],
        clientID: String = "", limits: GearmanLimits = GearmanLimits()
    ) -> WorkerConnectionStateMachine {
        WorkerConnectionStateMachine(
            configuration: WorkerConnectionConfiguration(
                functions: functions, clientID: Array(clientID.utf8), depth: depth, limits: limits))
    }

    private func assignment(_ number: Int) throws -> GearmanPacket {
        try response(.jobAssignUnique, "H:\(number)", "f", "u\(number)", data: "w\(number)")
    }

    private func grabs(_ count: Int) -> [String] {
        Array(repeating: "GRAB_JOB_UNIQ", count: count)
    }

    @Test func `a connection says who it is and what it can do, and grabs`() throws {
        var machine = self.machine(
            functions: [.init(name: [0x66]), .init(name: [0x67], timeout: .microseconds(1_500_001))], clientID: "me")
        #expect(
            try shown(machine.connected(now: .ms(0)).write) == [
                "SET_CLIENT_ID me", "CAN_DO f", "CAN_DO_TIMEOUT g|1501", "GRAB_JOB_UNIQ",
            ])
    }

    @Test func `a job is given out, replied, and the next one grabbed in the same write`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        let assigned = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        #expect(assigned.becameReady)
        #expect(assigned.write.isEmpty)
        #expect(
            assigned.jobs == [
                WorkerJob(
                    number: 1, handle: HandleBytes(Array("H:1".utf8))!, function: [0x66], unique: Array("u1".utf8),
                    workload: Array("w1".utf8))
            ])
        let actions = machine.replied(
            [
                .init(job: 1, result: .data([0x64])), .init(job: 1, result: .warning([0x77])),
                .init(job: 1, result: .status(numerator: 3, denominator: 10)), .init(job: 1, result: .complete([0x72])),
            ], now: .ms(2))
        #expect(
            try shown(actions.write) == [
                "WORK_DATA H:1|d", "WORK_WARNING H:1|w", "WORK_STATUS H:1|3|10", "WORK_COMPLETE H:1|r", "GRAB_JOB_UNIQ",
            ])
    }

    @Test func `while too much waits to be sent nothing is grabbed, but what comes is taken`() throws {
        var machine = self.machine(depth: 2)
        _ = machine.connected(now: .ms(0))
        machine.writeBufferFilled()
        let assigned = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        #expect(assigned.jobs.count == 1)
        #expect(assigned.write.isEmpty)
        #expect(
            try shown(machine.replied([.init(job: 1, result: .complete([]))], now: .ms(2)).write)
                == ["WORK_COMPLETE H:1|"])
        #expect(try shown(machine.writeBufferDrained(now: .ms(3)).write) == self.grabs(2))
    }

    @Test func `while the workloads in hand are too large nothing is grabbed`() throws {
        var machine = WorkerConnectionStateMachine(
            configuration: WorkerConnectionConfiguration(
                functions: [.init(name: [0x66])], depth: 8, heldSizeBytes: 3))
        _ = machine.connected(now: .ms(0))
        let first = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        #expect(try shown(first.write) == self.grabs(2))
        // Two of the grabs are on their way already; each workload has two bytes.
        let rest = machine.packetsReceived([try self.assignment(2), try self.assignment(3)], now: .ms(2))
        #expect(rest.jobs.count == 2 && rest.write.isEmpty)
        #expect(machine.replied([.init(job: 1, result: .complete([]))], now: .ms(3)).write.count == 12 + 4)
        #expect(
            try shown(machine.replied([.init(job: 2, result: .fail)], now: .ms(4)).write).dropFirst().allSatisfy {
                $0 == "GRAB_JOB_UNIQ"
            })
    }

    @Test func `a grab that takes longer than a second to be answered makes a server slow`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        #expect(!machine.isLate(now: .ms(999)))
        #expect(machine.isLate(now: .ms(1_000)))
        _ = machine.packetsReceived([try response(.noJob)], now: .ms(1_500))
        // It sleeps: nothing is due.
        #expect(!machine.isLate(now: .ms(9_000)))
    }

    @Test func `a failure and an exception end a job too`() throws {
        var machine = self.machine(depth: 2)
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        _ = machine.packetsReceived([try self.assignment(2)], now: .ms(2))
        let actions = machine.replied(
            [.init(job: 1, result: .fail), .init(job: 2, result: .exception([0x62]))], now: .ms(3))
        #expect(try shown(actions.write) == ["WORK_FAIL H:1", "WORK_EXCEPTION H:2|b"] + self.grabs(2))
    }

    @Test func `replies to jobs that are not in hand are dropped`() throws {
        var machine = self.machine()
        #expect(machine.replied([.init(job: 1, result: .fail)], now: .ms(0)).droppedReplies == 1)
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        let actions = machine.replied(
            [
                .init(job: 1, result: .fail), .init(job: 1, result: .complete([])), .init(job: 2, result: .fail),
            ], now: .ms(2))
        #expect(try shown(actions.write) == ["WORK_FAIL H:1", "GRAB_JOB_UNIQ"])
        #expect(actions.droppedReplies == 2)
        #expect(machine.connectionClosed().isEmpty)
        #expect(machine.replied([.init(job: 1, result: .fail)], now: .ms(3)).droppedReplies == 1)
    }

    @Test func `a result beyond the limits fails its job instead of the connection`() throws {
        var machine = self.machine(limits: GearmanLimits(payloadSizeBytes: 3))
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try response(.jobAssignUnique, "H:1", "f", "", data: "w")], now: .ms(1))
        let data = machine.replied([.init(job: 1, result: .data([1, 2, 3, 4]))], now: .ms(2))
        #expect(data.write.isEmpty && data.unsendableReplies.count == 1)
        let end = machine.replied([.init(job: 1, result: .complete([1, 2, 3, 4]))], now: .ms(3))
        #expect(try shown(end.write) == ["WORK_FAIL H:1", "GRAB_JOB_UNIQ"])
        #expect(end.unsendableReplies.map(\.code) == [.invalidRequest])
    }

    // MARK: Sleep

    @Test func `it sleeps when there is no job, and grabs when it is woken`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        #expect(try shown(machine.packetsReceived([try response(.noJob)], now: .ms(1)).write) == ["PRE_SLEEP"])
        #expect(try shown(machine.packetsReceived([try response(.noop)], now: .ms(2)).write) == ["GRAB_JOB_UNIQ"])
        #expect(machine.packetsReceived([try self.assignment(1)], now: .ms(3)).jobs.count == 1)
    }

    @Test func `the number of grabs on their way grows with the jobs, up to the depth, and halves with a sleep`() throws
    {
        var machine = self.machine(depth: 6)
        #expect(try shown(machine.connected(now: .ms(0)).write) == ["CAN_DO f"] + self.grabs(1))
        var number = 0
        var answers: [GearmanPacket] = []
        for expected in [2, 4] {
            answers = try (0..<expected / 2).map { try self.assignment(number + $0) }
            number += expected / 2
            let actions = machine.packetsReceived(answers, now: .ms(1))
            #expect(try shown(actions.write) == self.grabs(min(expected, 6 - number)))
        }
        // Three in hand, three on their way: the depth.
        _ = machine.packetsReceived([try self.assignment(4)], now: .ms(2))
        #expect(machine.packetsReceived([try response(.noJob)], now: .ms(3)).write.isEmpty)
        #expect(try shown(machine.packetsReceived([try response(.noJob)], now: .ms(4)).write) == ["PRE_SLEEP"])
        #expect(machine.replied((1...4).map { .init(job: $0, result: .fail) }, now: .ms(5)).write.count == 4 * 15)
        #expect(try shown(machine.packetsReceived([try response(.noop)], now: .ms(6)).write) == self.grabs(2))
    }

    @Test func `it sleeps only when all grabs are answered, and a NOOP before that wakes it`() throws {
        var machine = self.machine(depth: 2)
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        #expect(try shown(machine.replied([.init(job: 1, result: .fail)], now: .ms(2)).write).last == "GRAB_JOB_UNIQ")
        #expect(machine.packetsReceived([try response(.noJob)], now: .ms(3)).write.isEmpty)
        #expect(try shown(machine.packetsReceived([try response(.noop)], now: .ms(4)).write) == self.grabs(1))
        #expect(machine.packetsReceived([try response(.noJob)], now: .ms(5)).write.isEmpty)
        #expect(try shown(machine.packetsReceived([try response(.noJob)], now: .ms(6)).write) == ["PRE_SLEEP"])
    }

    @Test func `a job between two NO_JOBs makes it grab again`() throws {
        var machine = self.machine(depth: 2)
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        _ = machine.replied([.init(job: 1, result: .fail)], now: .ms(2))
        let actions = machine.packetsReceived([try response(.noJob), try self.assignment(2)], now: .ms(3))
        #expect(try shown(actions.write) == self.grabs(1))
    }

    @Test func `a NOOP while all hands are full asks for nothing`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        #expect(machine.packetsReceived([try response(.noop)], now: .ms(2)).write.isEmpty)
    }

    @Test func `a function with a timeout allows one job at a time, gearmand has one timer for a connection`() throws {
        var machine = self.machine(depth: 8, functions: [.init(name: [0x66], timeout: .seconds(1))])
        #expect(try shown(machine.connected(now: .ms(0)).write) == ["CAN_DO_TIMEOUT f|1000", "GRAB_JOB_UNIQ"])
        #expect(machine.packetsReceived([try self.assignment(1)], now: .ms(1)).write.isEmpty)
    }

    @Test func `the kinds of assignments differ in what they tell`() throws {
        var machine = self.machine(depth: 2)
        _ = machine.connected(now: .ms(0))
        let plain = machine.packetsReceived([try response(.jobAssign, "H:1", "f", data: "w")], now: .ms(1)).jobs
        #expect(plain.map(\.unique) == [[]])
        let all = machine.packetsReceived([try response(.jobAssignAll, "H:2", "f", "u", "r", data: "w")], now: .ms(1))
            .jobs
        #expect(all.map(\.unique) == [[0x75]])
        #expect(all.map(\.workload) == [[0x77]])
    }

    // MARK: A server that makes no sense

    @Test func `an ERROR to a late result is noted and nothing else`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        let actions = machine.packetsReceived([try response(.error, "JOB_NOT_FOUND", "gone")], now: .ms(1))
        #expect(actions.serverErrors == [GearmanError(.serverError, "The server answered JOB_NOT_FOUND: gone")])
        #expect(actions.close == nil)
    }

    @Test func `an answer without a grab, or a packet for a client, ends the connection`() throws {
        let packets = [
            try response(.jobCreated, "H:1"), try response(.statusResponse, "H", "1", "1", "0", "0"),
            try response(.workComplete, "H:1"), try GearmanPacket(.request, .noop),
        ]
        for packet in packets {
            var machine = self.machine()
            _ = machine.connected(now: .ms(0))
            #expect(machine.packetsReceived([packet], now: .ms(1)).close != nil, "\(packet)")
        }
        for packet in [try response(.noJob), try self.assignment(2)] {
            var machine = self.machine()
            _ = machine.connected(now: .ms(0))
            let actions = machine.packetsReceived(
                [try self.assignment(1), packet, try self.assignment(3)], now: .ms(1))
            #expect(actions.close != nil)
            #expect(actions.jobs.count == 1)
            #expect(machine.connectionClosed() == [1])
        }
    }

    @Test func `bytes that are no packet end the connection`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        let actions = machine.bytesReceived(try encoded(self.assignment(1)) + [0x41], now: .ms(1))
        #expect(actions.jobs.count == 1)
        #expect(
            actions.close == .immediately(GearmanError(.protocolViolation, "Not a packet: no packet starts with 0x41")))
    }

    @Test func `a handle that no server gives ends the connection`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        let long = try response(.jobAssignUnique, String(repeating: "H", count: 64), "f", "", data: "")
        let actions = machine.packetsReceived([long], now: .ms(1))
        #expect(actions.jobs.isEmpty)
        #expect(
            actions.close == .immediately(GearmanError(.protocolViolation, "The server sent a handle of 64 bytes")))
    }

    @Test func `a grab that is not answered in time ends the connection`() throws {
        var machine = self.machine()
        #expect(machine.connected(now: .ms(0)).wakeAt == .ms(5_000))
        for second: Int64 in [4, 8, 12, 16, 20, 24, 28] {
            let echo = machine.packetsReceived([try response(.echoResponse)], now: .ms(second * 1_000))
            #expect(echo.close == nil)
        }
        #expect(machine.timerFired(now: .ms(29_999)).close == nil)
        #expect(machine.timerFired(now: .ms(30_000)).close != nil)
    }

    @Test func `a server that is silent while the worker sleeps is asked, and given up`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try response(.noJob)], now: .ms(0))
        #expect(try shown(machine.timerFired(now: .ms(10_000)).write) == ["ECHO_REQ "])
        #expect(
            machine.timerFired(now: .ms(15_000)).close == .immediately(GearmanError(.timedOut, "The server is silent")))
    }

    // MARK: Drain

    @Test func `a drain grabs nothing more, and closes when every job in hand is replied`() throws {
        var machine = self.machine(depth: 3)
        _ = machine.connected(now: .ms(0))
        #expect(try shown(machine.packetsReceived([try self.assignment(1)], now: .ms(1)).write) == self.grabs(2))
        #expect(machine.drainRequested(now: .ms(2)).close == nil)
        // What was on its way still comes, and is done.
        let late = machine.packetsReceived([try self.assignment(2), try response(.noJob)], now: .ms(3))
        #expect(late.jobs.map(\.number) == [2] && late.write.isEmpty && late.close == nil)
        #expect(try shown(machine.replied([.init(job: 1, result: .fail)], now: .ms(4)).write) == ["WORK_FAIL H:1"])
        let last = machine.replied([.init(job: 2, result: .complete([]))], now: .ms(5))
        #expect(try shown(last.write) == ["WORK_COMPLETE H:2|"])
        #expect(last.close == .afterFlush)
    }

    @Test func `a drain while it sleeps closes at once`() throws {
        var machine = self.machine()
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try response(.noJob)], now: .ms(1))
        #expect(machine.drainRequested(now: .ms(2)).close == .afterFlush)
    }

    @Test func `a closed connection names the jobs that were in hand`() throws {
        var machine = self.machine(depth: 4)
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try self.assignment(1)], now: .ms(1))
        _ = machine.packetsReceived([try self.assignment(2), try self.assignment(3)], now: .ms(2))
        _ = machine.replied([.init(job: 2, result: .fail)], now: .ms(3))
        #expect(machine.connectionClosed() == [1, 3])
        #expect(machine.connectionClosed().isEmpty)
    }
}
