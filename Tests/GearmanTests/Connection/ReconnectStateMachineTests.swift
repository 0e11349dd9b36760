import Gearman
import Testing

@Suite struct ReconnectStateMachineTests {
    private func wait(_ action: ReconnectStateMachine.Action, since now: GearmanInstant) -> Duration? {
        switch action {
        case .wait(let until), .abandonAttempt(let until): now.duration(to: until)
        case .attempt, .none: nil
        }
    }

    @Test func `it connects when the server is first needed, once`() {
        var machine = ReconnectStateMachine()
        #expect(machine.started(now: .ms(0)) == .attempt(deadline: .ms(5_000)))
        #expect(machine.started(now: .ms(1)) == .none)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `the backoff doubles from half the initial wait to the maximum, for ever`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var machine = ReconnectStateMachine()
        var now = GearmanInstant.ms(0)
        _ = machine.started(now: now)
        for attempt in 0..<200 {
            let wait = try #require(self.wait(machine.connectFailed(now: now, using: &random), since: now))
            let full = min(Duration.milliseconds(50 << min(attempt, 20)), .seconds(5))
            #expect(wait >= full / 2 && wait <= full)
            now = now.advanced(by: wait)
            #expect(machine.timerFired(now: now, using: &random) == .attempt(deadline: now.advanced(by: .seconds(5))))
        }
    }

    @Test func `an attempt that takes too long is abandoned, and its late success ignored`() {
        var random = SeededRandom(seed: 1)
        var machine = ReconnectStateMachine()
        _ = machine.started(now: .ms(0))
        #expect(machine.timerFired(now: .ms(4_999), using: &random) == .none)
        guard case .abandonAttempt(let until) = machine.timerFired(now: .ms(5_000), using: &random) else {
            Issue.record("the attempt goes on")
            return
        }
        #expect(machine.connected(now: .ms(5_001)) == .none)
        #expect(machine.timerFired(now: until, using: &random) == .attempt(deadline: until.advanced(by: .seconds(5))))
    }

    @Test func `a late timer of an earlier state is ignored`() {
        var random = SeededRandom(seed: 1)
        var machine = ReconnectStateMachine()
        #expect(machine.timerFired(now: .ms(0), using: &random) == .none)
        _ = machine.started(now: .ms(0))
        _ = machine.connected(now: .ms(1))
        #expect(machine.timerFired(now: .ms(6_000), using: &random) == .none)
    }

    @Test func `only a connection that was usable for a while starts the backoff anew`() throws {
        var random = SeededRandom(seed: 1)
        var machine = ReconnectStateMachine()
        var now = GearmanInstant.ms(0)
        _ = machine.started(now: now)
        // A server that accepts and closes at once is no better than one that is away.
        for _ in 0..<10 {
            _ = machine.connected(now: now)
            let wait = try #require(self.wait(machine.connectionClosed(now: now, using: &random), since: now))
            now = now.advanced(by: wait)
            _ = machine.timerFired(now: now, using: &random)
        }
        _ = machine.connected(now: now)
        _ = machine.becameReady(now: now)
        now = now.advanced(by: .milliseconds(4_999))
        let unstable = try #require(self.wait(machine.connectionClosed(now: now, using: &random), since: now))
        #expect(unstable >= .milliseconds(2_500))
        now = now.advanced(by: unstable)
        _ = machine.timerFired(now: now, using: &random)
        _ = machine.connected(now: now)
        _ = machine.becameReady(now: now)
        now = now.advanced(by: .seconds(5))
        let stable = try #require(self.wait(machine.connectionClosed(now: now, using: &random), since: now))
        #expect(stable <= .milliseconds(50))
    }

    @Test func `nothing happens after a stop`() {
        var random = SeededRandom(seed: 1)
        var machine = ReconnectStateMachine()
        _ = machine.started(now: .ms(0))
        #expect(machine.stopRequested() == .none)
        #expect(machine.connectFailed(now: .ms(1), using: &random) == .none)
        #expect(machine.connectionClosed(now: .ms(1), using: &random) == .none)
        #expect(machine.timerFired(now: .ms(9_000), using: &random) == .none)
        #expect(machine.started(now: .ms(9_000)) == .none)
    }

    @Test func `waits beyond all bounds do not overflow`() {
        var random = SeededRandom(seed: 1)
        let longest = Duration.seconds(Int64.max)
        var machine = ReconnectStateMachine(
            configuration: .init(initialBackoff: longest, maximumBackoff: longest, connectTimeout: longest))
        var now = GearmanInstant(nanoseconds: .max - 1)
        #expect(machine.started(now: now) == .attempt(deadline: GearmanInstant(nanoseconds: .max)))
        for _ in 0..<3 {
            guard case .wait(let until) = machine.connectFailed(now: now, using: &random) else { return }
            now = until
            _ = machine.timerFired(now: now, using: &random)
        }
        #expect(now == GearmanInstant(nanoseconds: .max))
    }
}
