import GearclockCore
import Testing

/// How the ways to end are told apart, and what job servers say about queues and workers.
@Suite struct ControllerOutcomesTests {
    private struct UnexpectedChange: Error {}

    private static func definition(
        _ kind: OutcomePolicy.Kind, _ treatment: OutcomePolicy.Treatment?, number: UInt64 = 1, timeout: Duration? = nil
    ) -> TaskDefinition {
        var retry = RetryPolicy(maxAttempts: 2, backoff: .list([.seconds(3)]))
        retry.outcomes[kind] = treatment
        return Sample.definition(number, timeout: timeout, retry: retry)
    }

    private static let kinds: [(OutcomePolicy.Kind, AttemptOutcome, ControllerCounters.Event)] = [
        (.fail, .failed, .failed), (.exception, .exception, .exceptions), (.timeout, .timedOut, .timedOut),
        (.lost, .lost, .lost), (.noWorker, .noWorker, .noWorker),
    ]

    /// Runs a task until its attempt ends in that way.
    private static func end(
        _ kind: OutcomePolicy.Kind, _ treatment: OutcomePolicy.Treatment
    ) -> (ControllerFixture, [ControllerStateMachine.Action]) {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Self.definition(kind, treatment, timeout: .seconds(1)), leaseUntil: 100))
        let actions: [ControllerStateMachine.Action]
        switch kind {
        case .fail: actions = controller.ended(.failed)
        case .exception: actions = controller.ended(.exception([]))
        case .timeout: actions = controller.timer(at: 1)
        case .lost: actions = controller.ended(.lost)
        case .noWorker:
            _ = controller.servers([:], at: 0)
            _ = controller.timer(at: 10)
            actions = controller.servers([:], at: 10)
        }
        return (controller, actions)
    }

    @Test(arguments: Self.kinds)
    func `an outcome that counts is a failed attempt, with its record and its counter`(
        kind: OutcomePolicy.Kind, recorded: AttemptOutcome, counted: ControllerCounters.Event
    ) throws {
        let (controller, actions) = Self.end(kind, .retry)
        guard case .retry(_, let record)? = actions.changes.first else { throw UnexpectedChange() }
        #expect(record.outcome == recorded && record.attempt == 1)
        #expect(controller.machine.counters[counted] == 1 && controller.machine.counters[.retried] == 1)
    }

    @Test(arguments: Self.kinds)
    func `an outcome that does not count is followed by another run after a pause`(
        kind: OutcomePolicy.Kind, recorded: AttemptOutcome, counted: ControllerCounters.Event
    ) throws {
        let (controller, actions) = Self.end(kind, .release)
        guard case .release(let at)? = actions.changes.first else { throw UnexpectedChange() }
        let now: Double = kind == .noWorker ? 10 : 1
        if kind == .lost {
            #expect(at >= Sample.time(now + 0.5) && at <= Sample.time(now + 1))
        } else {
            #expect(at == Sample.time(now + 3), "its backoff is longer")
        }
        #expect(controller.machine.counters[counted] == 1 && controller.machine.counters[.retried] == 0)
    }

    @Test(arguments: Self.kinds)
    func `an outcome that ends the task discards it, with its record`(
        kind: OutcomePolicy.Kind, recorded: AttemptOutcome, counted: ControllerCounters.Event
    ) throws {
        let (controller, actions) = Self.end(kind, .discard)
        guard case .discard(_, let record)? = actions.changes.first else { throw UnexpectedChange() }
        #expect(record.outcome == recorded)
        #expect(controller.machine.counters[counted] == 1 && controller.machine.counters[.discarded] == 1)
    }

    @Test func `a job that was never submitted is released, whatever the policy says`() throws {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Self.definition(.lost, .discard)))
        guard case .release? = controller.ended(.refused).changes.first else { throw UnexpectedChange() }
    }

    @Test func `counters tell what happened since they were read`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Sample.definition(1)))
        let earlier = controller.machine.counters
        _ = controller.ended(.completed)
        let since = controller.machine.counters.since(earlier)
        #expect(since[.completed] == 1 && since[.started] == 0 && controller.machine.counters[.started] == 1)
    }

    @Test func `a claim that is gone while its lease lasts was cancelled, and later it is stale`() {
        for (lease, event) in [(100, .cancelled), (14, .staleClaims)] as [(Double, ControllerCounters.Event)] {
            var controller = ControllerFixture()
            _ = controller.accept(Sample.claimed(leaseUntil: lease))
            _ = controller.timer(at: 10)
            let actions = controller.extended(.success([.stale]), at: 15)
            #expect(actions.abandoned.isEmpty && actions.settlements.isEmpty)
            #expect(controller.machine.counters[event] == 1)
            #expect(controller.machine.counters[.failed] == 0)
        }
    }

    @Test func `a job that was too short to hear of it, was cancelled as well, unless its result stands already`() {
        for (error, event) in [
            (nil, .cancelled), (.unavailable("away"), .cancelled), (.outcomeUnknown("lost"), .staleClaims),
        ] as [(TaskStoreError?, ControllerCounters.Event)] {
            var controller = ControllerFixture()
            _ = controller.accept(Sample.claimed(leaseUntil: 100))
            _ = controller.ended(.completed)
            if let error {
                _ = controller.settled(.failure(error), at: 1)
                #expect(controller.timer(at: 9).settlements.count == 1)
            }
            _ = controller.settled(.success([.stale]), at: 10)
            #expect(controller.machine.counters[event] == 1)
            #expect(controller.machine.counters[.completed] == 1)
        }
    }

    // MARK: - Workers

    @Test func `by default a job waits with its job server for a worker, and nobody asks`() {
        var controller = ControllerFixture()
        let actions = controller.accept(Sample.claimed()).actions
        #expect(actions.submissions.count == 1)
        #expect(!actions.contains(.askServers))
    }

    @Test func `a task that minds missing workers is submitted when there is one`() {
        var controller = ControllerFixture()
        let first = controller.accept(Sample.claimed(Self.definition(.noWorker, .retry)))
        #expect(first.actions.submissions.isEmpty && first.actions.contains(.askServers))
        let (answer, other) = controller.accept(Sample.claimed(Self.definition(.noWorker, .retry, number: 2)))
        #expect(answer == .accepted && !other.contains(.askServers))
        #expect(controller.servers(["f": .init(queued: 0, workers: 1)], at: 0.01).submissions.count == 2)
        let third = controller.accept(Sample.claimed(Self.definition(.noWorker, .retry, number: 3)), at: 0.5)
        #expect(third.actions.submissions.count == 1, "that was said just now")
    }

    @Test func `a worker that comes within the grace gets the job`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Self.definition(.noWorker, .discard)))
        #expect(controller.servers([:], at: 0).settlements.isEmpty)
        #expect(controller.timer(at: 1).contains(.askServers))
        #expect(controller.servers(["f": .init(queued: 0, workers: 2)], at: 1).submissions.count == 1)
    }

    @Test func `while a job server says nothing, nobody knows that there is no worker`() {
        for report in [nil, ControllerStateMachine.ServerReport(functions: [:], isComplete: false)] {
            var controller = ControllerFixture()
            _ = controller.accept(Sample.claimed(Self.definition(.noWorker, .discard)))
            let actions = controller.machine.serversReplied(report, now: Sample.now(1), using: &controller.random)
            #expect(actions.submissions.count == 1)
        }
    }

    @Test func `a task that may expire does not wait in the queue of a job server without a worker`() {
        var controller = ControllerFixture()
        let first = controller.accept(Sample.claimed(Sample.definition(1, expiresIn: 12), leaseUntil: 100))
        #expect(first.actions.submissions.isEmpty && first.actions.contains(.askServers))
        #expect(controller.servers([:], at: 0).settlements.isEmpty)
        _ = controller.timer(at: 11)
        #expect(controller.servers([:], at: 11).settlements.isEmpty, "a missing worker counts as nothing")
        _ = controller.timer(at: 12.5)
        let late = controller.servers(["f": .init(queued: 0, workers: 1)], at: 12.5)
        #expect(late.submissions.isEmpty)
        #expect(late.changes == [Sample.expiry(at: 12.5)])
    }

    @Test func `a task that may expire is submitted when a worker comes in time, or is there`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Sample.definition(1, expiresIn: 12), leaseUntil: 100))
        _ = controller.servers([:], at: 0)
        _ = controller.timer(at: 11)
        #expect(controller.servers(["f": .init(queued: 0, workers: 1)], at: 11).submissions.count == 1)
        let next = controller.accept(Sample.claimed(Sample.definition(2, expiresIn: 12), leaseUntil: 100), at: 11.5)
        #expect(next.actions.submissions.count == 1)
    }

    @Test func `of several job servers those that answer decide for a task that may expire`() {
        for (report, count) in [(nil, 1), (.init(functions: [:], isComplete: false), 0)]
            as [(ControllerStateMachine.ServerReport?, Int)]
        {
            var controller = ControllerFixture()
            _ = controller.accept(Sample.claimed(Sample.definition(expiresIn: 12)))
            let actions = controller.machine.serversReplied(report, now: Sample.now(1), using: &controller.random)
            #expect(actions.submissions.count == count)
        }
    }

    @Test func `a task without such a policy does not wait behind one that has it`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Self.definition(.noWorker, .retry)))
        #expect(controller.accept(Sample.claimed(Sample.definition(2))).actions.submissions.count == 1)
    }

    // MARK: - Queues

    private static let watermark = [FunctionSettings(function: FunctionName("f")!, queueWatermark: 3)]

    @Test func `nothing is started while a job server has as many queued as the watermark says`() {
        var controller = ControllerFixture(Self.watermark)
        let full = controller.servers(["f": .init(queued: 3, workers: 1)], at: 0.1)
        #expect(full.submissions.isEmpty)
        let tasks = (1...20 as ClosedRange<UInt64>).map { Sample.claimed(Sample.definition($0)) }
        let (answers, actions) = controller.machine.handedOver(tasks, now: Sample.now(0.15))
        #expect(actions.submissions.isEmpty)
        #expect(answers.count { $0 == .accepted } == 8)
        #expect(actions.contains(.askServers), "something waits for their next word")
        #expect(controller.servers(["f": .init(queued: 1, workers: 1)], at: 0.2).submissions.count == 2)
        #expect(controller.ended(.completed, at: 0.25).submissions.count == 1, "its worker takes the next one")
    }

    @Test func `controllers share a watermark, and all of them together stay below it`() {
        let settings = [FunctionSettings(function: FunctionName("f")!, queueWatermark: 4)]
        for (queued, started) in [(0, 2), (1, 1), (2, 0), (5, 0)] {
            var controller = ControllerFixture(settings, others: 1)
            _ = controller.servers(["f": .init(queued: queued, workers: 1)], at: 0.1)
            let tasks = (1...8 as ClosedRange<UInt64>).map { Sample.claimed(Sample.definition($0)) }
            let actions = controller.machine.handedOver(tasks, now: Sample.now(0.15)).actions
            #expect(actions.submissions.count == started, "its part is two")
        }
    }

    @Test func `a job server that says nothing holds nobody up`() {
        var controller = ControllerFixture(Self.watermark)
        _ = controller.servers(["f": .init(queued: 9, workers: 1)], at: 0.1)
        #expect(controller.accept(Sample.claimed(Sample.definition(1)), at: 0.15).actions.contains(.askServers))
        let actions = controller.machine.serversReplied(nil, now: Sample.now(1.2), using: &controller.random)
        #expect(actions.submissions.count == 1)
    }

    @Test func `job servers are asked once a second while there is a watermark`() {
        var controller = ControllerFixture(Self.watermark)
        #expect(!controller.accept(Sample.claimed()).actions.contains(.askServers), "they are being asked already")
        let actions = controller.servers([:], at: 0.1)
        #expect(!actions.contains(.askServers))
        #expect(controller.timer(at: 1).contains(.askServers))
        _ = controller.servers([:], at: 1)
        _ = controller.wants([], at: 1.2)
        #expect(!controller.timer(at: 3).contains(.askServers))
    }
}
