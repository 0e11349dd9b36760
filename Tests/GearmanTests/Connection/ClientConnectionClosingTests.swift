import Gearman
import Testing

/// What ends a client's connection, and what becomes of the requests then.
@Suite struct ClientConnectionClosingTests {
    private func ready(_ timeouts: ConnectionTimeouts = ConnectionTimeouts()) throws -> ClientConnectionStateMachine {
        var machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(
                server: GearmanServerAddress(host: "localhost"), timeouts: timeouts))
        _ = machine.connected(now: .ms(0))
        _ = machine.packetsReceived([try response(.optionResponse, "exceptions")], now: .ms(0))
        return machine
    }

    private let lost = GearmanError(.connectionLost, "The server closed the connection")

    @Test func `a job is done, not done, or unknown, by what the socket took of it`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1), .init(2)], now: .ms(1))
        _ = machine.packetsReceived([try response(.jobCreated, "H:1")], now: .ms(2))
        let write = machine.jobsSubmitted([.init(3), .init(4)], now: .ms(3)).write
        // Job 3 went out whole; of job 4 all but one byte.
        let actions = machine.connectionClosed(unsentBytes: 1)
        let refusal = GearmanError(.notConnected, "The connection ended before the job was sent")
        #expect(
            actions.updates == [
                .init(id: 2, event: .lost(self.lost)), .init(id: 3, event: .lost(self.lost)),
                .init(id: 4, event: .refused(refusal)), .init(id: 1, event: .lost(self.lost)),
            ])
        #expect(!write.isEmpty)
        #expect(machine.connectionClosed(unsentBytes: 0) == ClientActions())
    }

    @Test(arguments: [0, 1, 16, 17, 18, 32, 33, 34, 1_000, .max, -1])
    func `exactly the jobs that do not lie wholly before the unsent bytes are refused`(unsentBytes: Int) throws {
        var machine = try self.ready()
        let write = machine.jobsSubmitted([.init(1), .init(2)], now: .ms(1)).write
        #expect(write.count == 34)
        let events = machine.connectionClosed(unsentBytes: unsentBytes).updates.map(\.event)
        let refusals = events.map { event in if case .refused = event { true } else { false } }
        #expect(refusals == [unsentBytes > 17, unsentBytes > 0])
    }

    @Test func `nothing is taken before the connection is open or after it is closed`() throws {
        var machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(server: GearmanServerAddress(host: "localhost")))
        let early = machine.jobsSubmitted([.init(1)], now: .ms(0))
        #expect(
            early.updates == [
                .init(id: 1, event: .refused(GearmanError(.notConnected, "The connection is not open yet")))
            ])
        _ = machine.connectionClosed(unsentBytes: 0)
        let closed = GearmanError(.notConnected, "The connection is closed")
        #expect(machine.jobsSubmitted([.init(1)], now: .ms(0)).updates == [.init(id: 1, event: .refused(closed))])
        let question = machine.questionsAsked([.init(id: 1, subject: .echo([]))], now: .ms(0))
        #expect(question.answers == [.init(id: 1, result: .failed(closed))])
        #expect(machine.timerFired(now: .ms(0)) == ClientActions())
    }

    // MARK: Silence

    @Test func `a silent server is asked for an echo, and given up if it stays silent`() throws {
        var machine = try self.ready()
        #expect(machine.timerFired(now: .ms(5_000)).wakeAt == .ms(10_000))
        let probe = machine.timerFired(now: .ms(10_000))
        #expect(try shown(probe.write) == ["ECHO_REQ "])
        #expect(probe.wakeAt == .ms(15_000))
        #expect(machine.timerFired(now: .ms(14_999)).close == nil)
        #expect(
            machine.timerFired(now: .ms(15_000)).close == .immediately(GearmanError(.timedOut, "The server is silent")))
    }

    @Test func `an echo that is answered keeps the connection`() throws {
        var machine = try self.ready()
        _ = machine.timerFired(now: .ms(10_000))
        let answer = machine.packetsReceived([try response(.echoResponse)], now: .ms(14_999))
        #expect(answer.close == nil && answer.updates.isEmpty && answer.answers.isEmpty)
        #expect(machine.timerFired(now: .ms(15_000)).close == nil)
        #expect(try shown(machine.timerFired(now: .ms(24_999)).write) == ["ECHO_REQ "])
    }

    @Test func `a server that works off a long queue is slow, not dead`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted((1...10).map { .init($0) }, now: .ms(1))
        for index: Int64 in 1...10 {
            let now = GearmanInstant.ms(index * 4_000)
            #expect(machine.timerFired(now: now).close == nil)
            _ = machine.packetsReceived([try response(.jobCreated, "H:\(index)")], now: now)
        }
    }

    @Test func `an answer that takes longer than a second makes a server slow, until it comes`() throws {
        var machine = try self.ready()
        #expect(!machine.isLate(now: .ms(5_000)))
        _ = machine.jobsSubmitted([.init(1), .init(2)], now: .ms(5_000))
        #expect(!machine.isLate(now: .ms(5_999)))
        #expect(machine.isLate(now: .ms(6_000)))
        let answer = machine.packetsReceived([try response(.jobCreated, "H:1")], now: .ms(6_500))
        #expect(answer.responseTime == .milliseconds(1_500))
        // The second one is due from now on.
        #expect(!machine.isLate(now: .ms(7_499)))
        #expect(machine.isLate(now: .ms(7_500)))
    }

    @Test func `a server that accepts and never answers is given up`() {
        var machine = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(server: GearmanServerAddress(host: "localhost")))
        #expect(machine.connected(now: .ms(0)).wakeAt == .ms(5_000))
        #expect(machine.timerFired(now: .ms(5_000)).close != nil)
    }

    @Test func `a request that is not answered in time ends the connection, since answers come by position`() throws {
        var machine = try self.ready(ConnectionTimeouts(requestTimeout: .seconds(2)))
        let actions = machine.jobsSubmitted([.init(1)], now: .ms(100))
        #expect(actions.wakeAt == nil)  // the greeting's timer comes first
        #expect(machine.timerFired(now: .ms(2_000)).wakeAt == .ms(2_100))
        #expect(machine.timerFired(now: .ms(2_099)).close == nil)
        let error = GearmanError(.timedOut, "The server did not answer a request in time")
        #expect(machine.timerFired(now: .ms(2_100)).close == .immediately(error))
        #expect(machine.connectionClosed(unsentBytes: 0).updates == [.init(id: 1, event: .lost(error))])
    }

    @Test func `the time for an answer starts anew when reading goes on after a pause of our own`() throws {
        var machine = try self.ready(ConnectionTimeouts(requestTimeout: .seconds(2)))
        _ = machine.jobsSubmitted([.init(1)], now: .ms(0))
        machine.readingResumed(now: .ms(60_000))
        #expect(machine.timerFired(now: .ms(61_000)).close == nil)
        let error = GearmanError(.timedOut, "The server did not answer a request in time")
        #expect(machine.timerFired(now: .ms(62_000)).close == .immediately(error))
    }

    @Test func `the time for an answer starts when the request is out`() throws {
        var machine = try self.ready(ConnectionTimeouts(requestTimeout: .seconds(2)))
        _ = machine.jobsSubmitted([.init(1)], now: .ms(0))
        machine.writeProgressed(now: .ms(1_500))
        #expect(machine.timerFired(now: .ms(2_000)).wakeAt == .ms(3_500))
        #expect(machine.timerFired(now: .ms(3_500)).close != nil)
    }

    @Test func `a timer is asked for once, not with every event`() throws {
        var machine = try self.ready()
        for now in 1...100 {
            #expect(machine.jobsSubmitted([.init(UInt64(now))], now: .ms(Int64(now))).wakeAt == nil)
        }
    }

    // MARK: Drain

    @Test func `a drain takes nothing new, ends what is under way, then closes`() throws {
        var machine = try self.ready()
        _ = machine.jobsSubmitted([.init(1), .init(2)], now: .ms(1))
        _ = machine.questionsAsked([.init(id: 5, subject: .echo([1]))], now: .ms(1))
        #expect(machine.drainRequested(now: .ms(2)).close == nil)
        #expect(
            machine.jobsSubmitted([.init(3)], now: .ms(3)).updates == [
                .init(id: 3, event: .refused(GearmanError(.closed, "The connection is being drained")))
            ])
        let created = try ["H:1", "H:2"].map { try response(.jobCreated, $0) }
        #expect(machine.packetsReceived(created, now: .ms(4)).close == nil)
        #expect(machine.packetsReceived([try response(.workFail, "H:1")], now: .ms(5)).close == nil)
        let echo = try GearmanPacket(.response, .echoResponse, data: [1])
        #expect(machine.packetsReceived([echo], now: .ms(6)).close == nil)
        let last = machine.jobsAbandoned([2])
        #expect(last.close == .afterFlush)
        #expect(machine.connectionClosed(unsentBytes: 0) == ClientActions())
    }

    @Test func `a drain with nothing under way closes at once`() throws {
        var machine = try self.ready()
        #expect(machine.drainRequested(now: .ms(2)).close == .afterFlush)
        #expect(machine.drainRequested(now: .ms(3)).close == nil)
    }
}
