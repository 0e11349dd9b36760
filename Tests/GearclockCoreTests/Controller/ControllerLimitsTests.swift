import GearclockCore
import Testing

/// What operators want of functions, and what a controller makes of it.
@Suite struct ControllerLimitsTests {
    private static let name = FunctionName("f")!

    private static func settings(
        isPaused: Bool = false, inFlight: UInt32? = nil, perThousandSeconds: UInt32? = nil,
        queueWatermark: UInt32? = nil
    ) -> [FunctionSettings] {
        [
            FunctionSettings(
                function: self.name, isPaused: isPaused, inFlight: inFlight, perThousandSeconds: perThousandSeconds,
                queueWatermark: queueWatermark)
        ]
    }

    /// Tasks of one function, each a millisecond younger than the one before.
    private static func tasks(_ numbers: ClosedRange<UInt64>, function: String = "f") -> [ClaimedTask] {
        numbers.map { Sample.claimed(Sample.definition($0, function: function, dueIn: Double($0) / 1000 - 1)) }
    }

    // MARK: - Before anything is known

    @Test func `nothing is taken before it is known what operators want`() {
        var machine = ControllerStateMachine(owner: OwnerID(value: 1))
        machine.connectivityChanged(isConnected: true)
        _ = machine.started(now: Sample.now())
        #expect(machine.handedOver([Sample.claimed()], now: Sample.now()).answers == [.deferred])
        _ = machine.settingsReplied(.failure(.unavailable("away")), now: Sample.now())
        #expect(machine.handedOver([Sample.claimed()], now: Sample.now()).answers == [.deferred])
        var random = SeededGenerator(seed: 1)
        _ = machine.beatReplied(.failure(.conflict), now: Sample.now(), using: &random)
        let again = machine.timerFired(now: Sample.now(1.1), using: &random)
        #expect(again.contains(.readSettings))
        _ = machine.settingsReplied(.success([]), now: Sample.now(1.2))
        #expect(machine.handedOver([Sample.claimed()], now: Sample.now(1.2)).answers == [.accepted])
    }

    @Test func `settings that cannot be read leave the old ones in force`() {
        var controller = ControllerFixture(Self.settings(isPaused: true))
        _ = controller.timer(at: 1.1)
        _ = controller.machine.settingsReplied(.failure(.outcomeUnknown("lost")), now: Sample.now(1.1))
        #expect(controller.accept(Sample.claimed(), at: 1.2).answer == .deferredFunction)
    }

    // MARK: - In flight

    @Test func `no more jobs are in flight than the limit says, and the oldest task goes first`() {
        var controller = ControllerFixture(Self.settings(inFlight: 2))
        let tasks = Self.tasks(1...5)
        let (answers, actions) = controller.machine.handedOver(Array(tasks.reversed()), now: Sample.now())
        #expect(answers.allSatisfy { $0 == .accepted })
        #expect(actions.submitted == ["\(tasks[4].id)-0", "\(tasks[3].id)-0"])
        #expect(controller.ended(.completed, run: 0).submitted == ["\(tasks[0].id)-0"])
        #expect(controller.ended(.failed, run: 1).submitted == ["\(tasks[1].id)-0"])
        #expect(controller.ended(.completed, run: 99).submitted.isEmpty)
    }

    @Test func `a limited function has some tasks waiting, and what is beyond them is deferred`() {
        var controller = ControllerFixture(Self.settings(inFlight: 2))
        let tasks = Self.tasks(1...20) + Self.tasks(21...22, function: "g")
        let (answers, actions) = controller.machine.handedOver(tasks, now: Sample.now())
        #expect(answers.count { $0 == .accepted } == 12)
        #expect(answers[10...19].allSatisfy { $0 == .deferredFunction })
        #expect(actions.submissions.count == 4)
        #expect(controller.machine.counters[.deferred] == 10)
        _ = controller.ended(.completed, run: 0)
        #expect(controller.accept(tasks[15]).answer == .accepted, "one was started, and leaves its place")
        #expect(controller.accept(tasks[16]).answer == .deferredFunction)
    }

    @Test func `of many in flight as many again may wait`() {
        var controller = ControllerFixture(Self.settings(inFlight: 30))
        let (answers, _) = controller.machine.handedOver(Self.tasks(1...70), now: Sample.now())
        #expect(answers.count { $0 == .accepted } == 60)
    }

    @Test func `controllers share a limit, and one without a share takes nothing`() {
        for (limit, others, share) in [(5, 1, 2), (4, 1, 2), (4, 2, 1), (1, 0, 1)] as [(UInt32, UInt64, Int)] {
            var controller = ControllerFixture(Self.settings(inFlight: limit), others: others)
            let (_, actions) = controller.machine.handedOver(Self.tasks(1...8), now: Sample.now())
            #expect(actions.submissions.count == share)
        }
        var last = ControllerFixture(Self.settings(inFlight: 1))
        let first = Member(id: OwnerID(value: 1), role: .controller, beats: 1)
        _ = last.timer(at: 1.1)
        _ = last.machine.beatReplied(
            .success([first] + ControllerFixture.members(0)), now: Sample.now(1.1), using: &last.random)
        #expect(last.accept(Sample.claimed(), at: 1.2).answer == .deferredFunction)
    }

    @Test func `it takes hand-overs of the lanes of which it has a part, and of those that are no longer limited`() {
        let (f, lane) = (Self.settings(inFlight: 1), Lane(of: Self.name))
        var controller = ControllerFixture(f)
        #expect(controller.machine.mayTake([Sample.claimed()], now: Sample.now()))
        // Of two controllers the other one has it.
        #expect(controller.wants(f, others: 1, at: 1.1).contains(.serve([])))
        #expect(!controller.machine.mayTake([Sample.claimed()], now: Sample.now(1.1)))
        #expect(controller.wants(Self.settings(inFlight: 2), others: 1, at: 2.2).contains(.serve([lane])))
        let unlimited = controller.wants([], others: 1, at: 3.3)
        #expect(!unlimited.contains { if case .serve = $0 { true } else { false } }, "some may be on their way")
    }

    @Test func `it sends on what it would send back, unless it has room for other tasks or has them already`() {
        var controller = ControllerFixture(Self.settings(inFlight: 2), others: 1)
        let tasks = Self.tasks(1...10)
        #expect(controller.machine.mayTake(tasks, now: Sample.now()))
        let answers = controller.machine.handedOver(tasks, now: Sample.now()).answers
        #expect(answers == Array(repeating: .accepted, count: 9) + [.deferredFunction])
        #expect(!controller.machine.mayTake([tasks[9]], now: Sample.now()))
        #expect(controller.machine.mayTake([tasks[9], tasks[0]], now: Sample.now()))
        #expect(controller.machine.mayTake(Self.tasks(11...11, function: "g"), now: Sample.now()))
        _ = controller.ended(.completed, run: 0)
        #expect(controller.machine.mayTake([tasks[9]], now: Sample.now()))
    }

    @Test func `a share that falls to nothing gives back what waits, once`() {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        let tasks = Self.tasks(1...3)
        _ = controller.machine.handedOver(tasks, now: Sample.now())
        _ = controller.timer(at: 1.1)
        let first = Member(id: OwnerID(value: 1), role: .controller, beats: 1)
        let actions = controller.machine.beatReplied(
            .success([first] + ControllerFixture.members(0)), now: Sample.now(1.1), using: &controller.random)
        #expect(actions.changes == tasks.dropFirst().map { .release(at: $0.dueAt) })
        #expect(controller.ended(.completed, at: 1.2).submitted.isEmpty)
    }

    @Test func `when another controller dies, its share is used at once`() {
        var controller = ControllerFixture(Self.settings(inFlight: 2), others: 1)
        #expect(controller.machine.handedOver(Self.tasks(1...3), now: Sample.now()).actions.submissions.count == 1)
        _ = controller.timer(at: 1.1)
        let actions = controller.machine.beatReplied(
            .success(ControllerFixture.members(0)), now: Sample.now(1.1), using: &controller.random)
        #expect(actions.submissions.count == 1)
    }

    @Test func `a job that is adopted counts, and is joined beyond the limit, because it runs already`() {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        _ = controller.accept(Sample.claimed(Sample.definition(1)))
        let (answer, asked) = controller.accept(Sample.claimed(Sample.definition(2), attempt: 2))
        #expect(answer == .accepted && asked.asked.count == 1)
        #expect(controller.status(.running, run: 1).submissions.count == 1)
        #expect(controller.machine.counters[.adopted] == 1)
        _ = controller.accept(Sample.claimed(Sample.definition(3)))
        #expect(controller.ended(.completed, run: 0).submitted.isEmpty)
        #expect(controller.ended(.completed, run: 1).submissions.count == 1)
    }

    @Test func `a run whose earlier job is gone waits for a slot`() {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        _ = controller.accept(Sample.claimed(Sample.definition(1)))
        _ = controller.accept(Sample.claimed(Sample.definition(2), attempt: 2))
        #expect(controller.status(.absent, run: 1).submissions.isEmpty)
        #expect(controller.ended(.lost, run: 0).submitted == ["\(Sample.definition(2).id)-0"])
    }

    @Test(arguments: ["timeout", "replaced"])
    func `however a job leaves, its slot is free`(way: String) {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        _ = controller.accept(Sample.claimed(Sample.definition(1, timeout: .seconds(6))))
        _ = controller.accept(Sample.claimed(Sample.definition(2)))
        let actions =
            way == "timeout"
            ? controller.timer(at: 6)
            : controller.accept(Sample.claimed(Sample.definition(1), attempt: 2, failures: 1)).actions
        #expect(actions.submitted == ["\(Sample.definition(2).id)-0"])
    }

    // MARK: - Rates

    @Test func `jobs start at their rate, from one timer`() throws {
        var controller = ControllerFixture(Self.settings(perThousandSeconds: 10_000))
        let (answers, actions) = controller.machine.handedOver(Self.tasks(1...15), now: Sample.now())
        #expect(answers.count { $0 == .accepted } == 11, "one starts, and those of one second may wait")
        #expect(actions.submissions.count == 1)
        var (started, moment) = (1, try #require(actions.timer))
        while moment.seconds < 0.85 {
            let actions = controller.timer(at: moment.seconds)
            #expect(actions.submissions.count == 1)
            started += actions.submissions.count
            #expect(abs(moment.seconds - Double(started - 1) / 10) < 0.001)
            moment = try #require(actions.timer)
        }
        #expect(started == 9)
    }

    @Test func `a pause is followed by one second's worth, not by a herd`() {
        var controller = ControllerFixture(Self.settings(perThousandSeconds: 20_000))
        let now = Sample.now(500)
        let tasks = (1...100 as ClosedRange<UInt64>).map { Sample.claimed(Sample.definition($0), leaseUntil: 600) }
        let (answers, actions) = controller.machine.handedOver(tasks, now: now)
        #expect(actions.submissions.count == 20)
        #expect(answers.count { $0 == .accepted } == 40)
    }

    @Test func `a slow rate is kept, and a higher one used as soon as it is known`() throws {
        var controller = ControllerFixture(Self.settings(perThousandSeconds: 1))
        #expect(controller.machine.handedOver(Self.tasks(1...9), now: Sample.now()).actions.submissions.count == 1)
        let actions = controller.wants(Self.settings(perThousandSeconds: 5000), at: 1.1)
        #expect(actions.submissions.count == 5, "one second's worth")
        #expect(controller.timer(at: 1.29).submissions.isEmpty)
        #expect(controller.timer(at: 1.31).submissions.count == 1)
        #expect(controller.timer(at: 1.51).submissions.count == 1)
    }

    @Test func `a bucket neither overflows nor goes back in time`() {
        var bucket = TokenBucket(now: MonotonicInstant(microseconds: .min))
        #expect(bucket.tokens(rate: Int(UInt32.max), now: MonotonicInstant(microseconds: .max)) == 4_294_967)
        bucket.take(rate: 1, now: MonotonicInstant(microseconds: .max))
        #expect(bucket.tokens(rate: 1, now: MonotonicInstant(microseconds: 0)) == 0)
        #expect(bucket.nextToken(rate: 0, now: MonotonicInstant(microseconds: .max)) == nil)
    }

    // MARK: - Pause

    @Test func `a paused function starts nothing, and what was accepted is given back once with its due time`() {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        let tasks = Self.tasks(1...3)
        _ = controller.machine.handedOver(tasks, now: Sample.now())
        let later = Sample.claimed(Sample.definition(9, dueIn: 3))
        _ = controller.accept(later)
        let actions = controller.wants(Self.settings(isPaused: true), at: 1.1)
        #expect(actions.changes == [tasks[1].dueAt, tasks[2].dueAt, later.dueAt].map { .release(at: $0) })
        #expect(actions.abandoned.isEmpty, "what runs goes on")
        _ = controller.settled(.success([.done, .done, .done]), at: 1.2)
        #expect(controller.machine.inHand == 1)
        #expect(controller.accept(Sample.claimed(Sample.definition(5)), at: 1.2).answer == .deferredFunction)
        #expect(controller.accept(Sample.claimed(Sample.definition(6, function: "g")), at: 1.2).answer == .accepted)
        #expect(controller.ended(.completed, at: 1.3).changes == [.complete(keepUntil: nil)])
        #expect(controller.wants([], at: 2.4).settlements.isEmpty)
        #expect(controller.accept(Sample.claimed(Sample.definition(5)), at: 2.5).actions.submissions.count == 1)
    }

    @Test func `a run that is asked for during a pause is joined if it runs, and given back if not`() {
        var controller = ControllerFixture([])
        _ = controller.accept(Sample.claimed(Sample.definition(1), attempt: 2))
        _ = controller.accept(Sample.claimed(Sample.definition(2), attempt: 2))
        #expect(controller.wants(Self.settings(isPaused: true), at: 1.1).settlements.isEmpty)
        #expect(controller.status(.running, run: 0, at: 1.2).submissions.count == 1)
        #expect(controller.status(.absent, run: 1, at: 1.2).changes == [.release(at: Sample.time(0))])
    }

    // MARK: - Waiting

    @Test func `a task that waits keeps its lease, and expires when it is too late for it`() {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        _ = controller.accept(Sample.claimed(Sample.definition(1)))
        _ = controller.accept(Sample.claimed(Sample.definition(2, expiresIn: 8)))
        _ = controller.accept(Sample.claimed(Sample.definition(3)))
        #expect(controller.timer(at: 5).extended.count == 3)
        _ = controller.extended(.success([.done, .done, .done]), at: 5)
        let actions = controller.timer(at: 10)
        #expect(actions.changes == [Sample.expiry(at: 10)])
        #expect(actions.extended.count == 2)
        #expect(controller.machine.counters[.expired] == 1)
    }

    @Test func `a task that is too late is not started when a slot comes free`() {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        _ = controller.accept(Sample.claimed(Sample.definition(1)))
        _ = controller.accept(Sample.claimed(Sample.definition(2, expiresIn: 2)))
        _ = controller.servers(["f": .init(queued: 0, workers: 1)], at: 0)
        _ = controller.accept(Sample.claimed(Sample.definition(3)))
        let actions = controller.ended(.completed, at: 3)
        #expect(actions.submitted == ["\(Sample.definition(3).id)-0"])
        #expect(actions.changes.contains(Sample.expiry(at: 3)))
    }

    @Test func `a task that waits for a slot is given back when the clock was set back before its time`() {
        var controller = ControllerFixture(Self.settings(inFlight: 1))
        _ = controller.accept(Sample.claimed(Sample.definition(1, dueIn: -1)))
        _ = controller.accept(Sample.claimed(Sample.definition(2, dueIn: -1)))
        var now = Sample.now(1)
        now.wall = Sample.time(-2)
        let actions = controller.machine.jobEnded(0, .completed, now: now, using: &controller.random)
        #expect(actions.submitted.isEmpty)
        #expect(actions.changes.contains(.release(at: Sample.time(-1))))
    }

    @Test func `what waits for a job server is started when one is back, at the limit`() {
        var controller = ControllerFixture(Self.settings(inFlight: 2))
        let early = (1...5 as ClosedRange<UInt64>).map { Sample.claimed(Sample.definition($0, dueIn: 0.5)) }
        _ = controller.machine.handedOver(early, now: Sample.now())
        controller.machine.connectivityChanged(isConnected: false)
        #expect(controller.timer(at: 0.5).submissions.isEmpty)
        #expect(controller.timer(at: 5).extended.count == 5, "the leases are kept")
        _ = controller.extended(.success(Array(repeating: .done, count: 5)), at: 5)
        controller.machine.connectivityChanged(isConnected: true)
        #expect(controller.timer(at: 6).submissions.count == 2)
    }

    // MARK: - Room

    @Test func `functions that do not get on leave half of the room, and a place for whoever comes`() {
        var controller = ControllerFixture([]) { policy in
            policy.inHandTasks = 100
            policy.inHandPerFunction = 40
        }
        func accepted(_ first: UInt64, _ function: String, at seconds: Double = 0) -> Int {
            let tasks = (first..<first + 50).map {
                Sample.claimed(Sample.definition($0, function: function), leaseUntil: 100)
            }
            let (answers, _) = controller.machine.handedOver(tasks, now: Sample.now(seconds))
            #expect(answers.allSatisfy { $0 == .accepted || $0 == .deferredFunction })
            return answers.count { $0 == .accepted }
        }
        #expect(accepted(100, "a") == 40)
        #expect(accepted(200, "b") == 10)
        #expect(accepted(300, "c") == 8)
        // What gets on no longer counts.
        _ = controller.ended(.failed, run: 0)
        _ = controller.settled(.success([.done]))
        #expect(accepted(400, "d") == 32)
        #expect(accepted(500, "a") == 1, "its full share, one of which has ended")
        // For a while.
        _ = controller.wants([], at: 12)
        #expect(accepted(600, "e", at: 12) == 1, "the last quarter has one place for each")
    }

    @Test func `a large task of a function that does not get on is taken, and leaves room for others`() {
        var controller = ControllerFixture { $0.inHandBytes = 100_000 }
        #expect(controller.accept(Sample.claimed(Sample.definition(1, payload: 80_000))).answer == .accepted)
        #expect(controller.accept(Sample.claimed(Sample.definition(2))).answer == .deferredFunction)
        #expect(controller.accept(Sample.claimed(Sample.definition(3, function: "g"))).answer == .accepted)
    }
}
