import GearclockCore
import Testing

/// Which tasks a controller takes, and how it starts them.
@Suite struct ControllerAcceptanceTests {
    let unique = "\(Sample.definition().id)-0"

    // MARK: - Answers

    @Test func `an accepted task is submitted at once, with all it needs`() throws {
        var controller = ControllerFixture()
        let (answer, actions) = controller.accept(Sample.claimed())
        #expect(answer == .accepted)
        let submission = try #require(actions.submissions.first)
        #expect(submission.function == FunctionName("f"))
        #expect(submission.payload == [120])
        #expect(submission.priority == .normal)
        #expect(submission.customController == nil)
        #expect(actions.submitted == [self.unique])
        #expect(controller.machine.inHand == 1)
    }

    @Test func `a task that is handed over twice with one claim runs once`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed())
        let (answer, actions) = controller.accept(Sample.claimed())
        #expect(answer == .accepted)
        #expect(actions.submitted.isEmpty)
        #expect(controller.machine.inHand == 1)
    }

    @Test func `an older claim than the one in hand is stale`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 3))
        #expect(controller.accept(Sample.claimed(attempt: 2)).answer == .stale)
    }

    @Test func `a newer claim of the same run continues it, and its result is settled with that claim`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed())
        let newer = Sample.claimed(attempt: 2)
        let (answer, actions) = controller.accept(newer)
        #expect(answer == .accepted)
        #expect(actions.submitted.isEmpty && actions.asked.isEmpty)
        #expect(controller.ended(.completed).settlements == [Settlement(newer.claim, .complete(keepUntil: nil))])
    }

    @Test(arguments: [(2, true), (3, false)])
    func `a failure is settled with a newer claim unless another controller may have had one`(
        attempt: UInt32, isKept: Bool
    ) {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed())
        _ = controller.ended(.failed)
        _ = controller.settled(.failure(.unavailable("away")))
        let (answer, actions) = controller.accept(Sample.claimed(attempt: attempt), at: 2)
        #expect(answer == .accepted)
        #expect(actions.asked.isEmpty == isKept, "a job of the one in between may run")
        #expect(actions.settlements.isEmpty != isKept)
    }

    @Test func `a claim of the next run replaces the run in hand`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed())
        let (answer, actions) = controller.accept(Sample.claimed(attempt: 2, failures: 1))
        #expect(answer == .accepted)
        #expect(actions.abandoned == [0])
        #expect(actions.submitted == ["\(Sample.definition().id)-1"])
        #expect(controller.machine.inHand == 1)
    }

    @Test func `a lease that is nearly over is refused`() {
        var controller = ControllerFixture()
        #expect(controller.accept(Sample.claimed(leaseUntil: 2.9)).answer == .stale)
        #expect(controller.accept(Sample.claimed(leaseUntil: 3)).answer == .accepted)
    }

    @Test func `a task with an old claim is started only after the store has extended it`() {
        var controller = ControllerFixture()
        let (answer, actions) = controller.accept(Sample.claimed(leaseUntil: 8.9))
        #expect(answer == .accepted)
        #expect(actions.submitted.isEmpty)
        #expect(actions.extended == [Sample.claimed().claim])
        // However long the store took: it is not asked again.
        #expect(controller.extended(.success([.done]), at: 3).submitted == [self.unique])
    }

    @Test func `a task with an old claim that somebody else has is not started`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(leaseUntil: 8.9))
        let actions = controller.extended(.success([.stale]), at: 1)
        #expect(actions.submitted.isEmpty && actions.settlements.isEmpty)
        #expect(controller.machine.inHand == 0)
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    func `as long as the store does not say so it is not started, and in the end it is given back`(
        error: TaskStoreError
    ) {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(leaseUntil: 8.9))
        #expect(controller.extended(.failure(error), at: 1).submitted.isEmpty)
        #expect(controller.timer(at: 3).extended == [Sample.claimed().claim])
        _ = controller.extended(.success([.done]), at: 16)
        #expect(controller.machine.inHand == 1)
    }

    @Test func `a newer claim that comes while the store is asked goes on at once`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(leaseUntil: 8.9))
        let (answer, actions) = controller.accept(Sample.claimed(attempt: 2, leaseUntil: 20), at: 5)
        #expect(answer == .accepted)
        #expect(actions.asked == [self.unique])
        let late = controller.extended(.success([.stale]), at: 5.1)
        #expect(late.submitted.isEmpty && controller.machine.inHand == 1)
    }

    @Test func `a stop gives back what waits for the store's word`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(leaseUntil: 8.9))
        let actions = controller.machine.shutdownRequested(now: Sample.now(1))
        #expect(actions.changes == [.release(at: Sample.time(0))])
    }

    @Test func `without a job server everything is deferred`() {
        var controller = ControllerFixture()
        controller.machine.connectivityChanged(isConnected: false)
        #expect(controller.accept(Sample.claimed()).answer == .deferred)
        controller.machine.connectivityChanged(isConnected: true)
        #expect(controller.accept(Sample.claimed()).answer == .accepted)
    }

    @Test func `no more tasks are taken than there is room for`() {
        var controller = ControllerFixture { $0.inHandTasks = 1 }
        #expect(controller.accept(Sample.claimed()).answer == .accepted)
        #expect(controller.accept(Sample.claimed(Sample.definition(2))).answer == .deferred)
        _ = controller.ended(.completed)
        _ = controller.settled(.success([.done]))
        #expect(controller.accept(Sample.claimed(Sample.definition(2))).answer == .accepted)
    }

    @Test func `no more bytes are taken than there is room for, but for a single task`() {
        var controller = ControllerFixture { $0.inHandBytes = 100 }
        #expect(controller.accept(Sample.claimed(Sample.definition(1, payload: 500))).answer == .accepted)
        #expect(controller.accept(Sample.claimed(Sample.definition(2))).answer == .deferred)
    }

    @Test func `a function at its limit leaves room for others`() {
        var controller = ControllerFixture { $0.inHandPerFunction = 1 }
        let tasks = [
            Sample.definition(1), Sample.definition(2), Sample.definition(3, function: "g"),
        ].map { Sample.claimed($0) }
        #expect(
            controller.machine.handedOver(tasks, now: Sample.now()).answers == [
                .accepted, .deferredFunction, .accepted,
            ])
    }

    @Test func `what waits to be settled keeps nothing of a function from being taken, up to half of the room`() {
        var controller = ControllerFixture {
            $0.inHandPerFunction = 1
            $0.inHandTasks = 6
        }
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(controller.accept(Sample.claimed(Sample.definition(number))).answer == .accepted)
            _ = controller.ended(.completed, run: number - 1)
        }
        #expect(controller.accept(Sample.claimed(Sample.definition(4))).answer == .deferredFunction)
        #expect(controller.accept(Sample.claimed(Sample.definition(5, function: "g"))).answer == .accepted)
    }

    @Test func `a draining controller takes nothing, but continues what it has`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed())
        _ = controller.machine.shutdownRequested(now: Sample.now())
        #expect(controller.accept(Sample.claimed(attempt: 2)).answer == .accepted)
        #expect(controller.accept(Sample.claimed(Sample.definition(2))).answer == .deferred)
    }

    // MARK: - Neither too early nor too late

    @Test func `a task that is not due by this clock waits for it`() throws {
        var controller = ControllerFixture()
        let (answer, actions) = controller.accept(Sample.claimed(Sample.definition(dueIn: 0.5)))
        #expect(answer == .accepted)
        #expect(actions.submitted.isEmpty)
        #expect(try #require(actions.timer).seconds == 0.5)
        #expect(controller.timer(at: 0.499).submitted.isEmpty)
        #expect(controller.timer(at: 0.5).submitted == [self.unique])
    }

    @Test func `a task that waited for its time is not started when its lease is nearly over`() {
        var controller = ControllerFixture()
        let task = Sample.claimed(Sample.definition(dueIn: 0.5))
        _ = controller.accept(task)
        let actions = controller.timer(at: 13)
        #expect(actions.submitted.isEmpty)
        #expect(actions.changes == [.release(at: Sample.time(0.5))])
    }

    @Test func `an expired task is not started`() {
        var controller = ControllerFixture()
        let actions = controller.accept(Sample.claimed(Sample.definition(expiresIn: -1))).actions
        #expect(actions.submitted.isEmpty)
        #expect(actions.changes == [Sample.expiry()])
    }

    // MARK: - Taking a run over

    @Test func `a run that may have been started is asked for first`() {
        var controller = ControllerFixture()
        let actions = controller.accept(Sample.claimed(attempt: 2)).actions
        #expect(actions.asked == [self.unique])
        #expect(actions.submitted.isEmpty)
    }

    @Test func `a retry is no takeover`() {
        var controller = ControllerFixture()
        let actions = controller.accept(Sample.claimed(attempt: 2, failures: 1)).actions
        #expect(actions.asked.isEmpty)
        #expect(actions.submitted == ["\(Sample.definition().id)-1"])
    }

    @Test(arguments: [
        (ControllerStateMachine.JobStatus.absent, "-0"), (.running, "-0"), (.waiting, "-0"), (.abandoned, "-0-2"),
    ])
    func `what the job server knows decides about the name of the job`(
        status: ControllerStateMachine.JobStatus, suffix: String
    ) {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 2))
        #expect(controller.status(status).submitted == ["\(Sample.definition().id)\(suffix)"])
    }

    /// After two earlier claims there may be jobs of both names.
    @Test(arguments: [
        (ControllerStateMachine.JobStatus.absent, ControllerStateMachine.JobStatus.absent, "-0"),
        (.absent, .running, "-0-2"), (.absent, .waiting, "-0-2"), (.absent, .abandoned, "-0"),
        (.abandoned, .absent, "-0-2"), (.abandoned, .running, "-0-2"), (.abandoned, .waiting, "-0-2"),
    ])
    func `a later takeover asks for both names`(
        first: ControllerStateMachine.JobStatus, second: ControllerStateMachine.JobStatus, suffix: String
    ) {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 3))
        let actions = controller.status(first)
        #expect(actions.submitted.isEmpty)
        #expect(actions.asked == ["\(self.unique)-2"])
        #expect(controller.status(second).submitted == ["\(Sample.definition().id)\(suffix)"])
    }

    @Test func `a job that runs under the first name is joined without another question`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 3))
        #expect(controller.status(.running).submitted == [self.unique])
    }

    @Test func `while both names are abandoned the task waits`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 3))
        _ = controller.status(.abandoned)
        #expect(controller.status(.abandoned).changes == [.release(at: Sample.time(1))])
    }

    @Test func `a question that nobody answers is asked again, and not for ever`() throws {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 2))
        for round in 1...3 {
            let actions = controller.status(nil, at: Double(round - 1))
            #expect(actions.asked.isEmpty && actions.submitted.isEmpty)
            #expect(try #require(actions.timer).seconds == Double(round))
            #expect(controller.timer(at: Double(round)).asked == [self.unique])
        }
        #expect(controller.status(nil, at: 3).submitted == [self.unique])
    }

    @Test func `an answer that comes when the lease is nearly over starts nothing`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 2))
        let actions = controller.status(.absent, at: 13)
        #expect(actions.submitted.isEmpty)
        #expect(actions.changes == [.release(at: Sample.time(0))])
    }

    @Test func `a clock that was set back during the question delays the start`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 2))
        let early = Now(wall: Sample.time(-0.5), monotonic: Sample.now(0).monotonic)
        #expect(controller.machine.statusReplied(0, .absent, now: early).submitted.isEmpty)
        #expect(controller.timer(at: 0.5).asked == [self.unique])
    }

    @Test func `an expired task whose job runs already is not expired`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Sample.definition(expiresIn: -1), attempt: 2))
        #expect(controller.status(.running).submitted == [self.unique])
        var other = ControllerFixture()
        _ = other.accept(Sample.claimed(Sample.definition(expiresIn: -1), attempt: 2))
        #expect(other.status(.absent).changes == [Sample.expiry(attempt: 2)])
    }

    @Test func `an answer to a question of a run that is gone means nothing`() {
        var controller = ControllerFixture()
        let actions = controller.status(.absent, run: 99)
        #expect(actions.asked.isEmpty && actions.submitted.isEmpty && actions.settlements.isEmpty)
    }
}
