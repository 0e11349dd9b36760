import GearclockCore
import Testing

/// How runs end, how leases are kept, and how a controller stops.
@Suite struct ControllerStateMachineTests {
    // MARK: - How a job ends

    @Test func `a completed task is removed, or kept for as long as it asks`() {
        var controller = self.running()
        #expect(controller.ended(.completed).changes == [.complete(keepUntil: nil)])
        controller = self.running(Sample.definition(retain: .seconds(60)))
        #expect(controller.ended(.completed).changes == [.complete(keepUntil: Sample.time(61))])
    }

    @Test(arguments: [
        (ControllerStateMachine.JobOutcome.failed, AttemptOutcome.failed, ""),
        (.exception(Array("boom".utf8)), .exception, "boom"),
    ])
    func `a failed task is retried as its policy says, with a record`(
        outcome: ControllerStateMachine.JobOutcome, recorded: AttemptOutcome, message: String
    ) {
        var controller = self.running()
        let record = AttemptRecord(
            attempt: 1, startedAt: Sample.time(0), endedAt: Sample.time(1), outcome: recorded,
            message: Array(message.utf8))
        #expect(controller.ended(outcome).changes == [.retry(at: Sample.time(4), record)])
    }

    @Test func `a task that fails for the last time is discarded`() throws {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(attempt: 2, failures: 1))
        let change = try #require(controller.ended(.failed).changes.first)
        guard case .discard(let keepUntil, let record) = change else { throw UnexpectedChange() }
        #expect(keepUntil == Sample.time(1 + 7 * 86_400))
        #expect(record.attempt == 2)
    }

    @Test(arguments: [ControllerStateMachine.JobOutcome.lost, .refused])
    func `a job that was lost or refused is no failure of the task`(
        outcome: ControllerStateMachine.JobOutcome
    ) throws {
        var controller = self.running()
        let change = try #require(controller.ended(outcome).changes.first)
        guard case .release(let at) = change else { throw UnexpectedChange() }
        #expect(at >= Sample.time(1.5) && at <= Sample.time(2))
    }

    @Test func `several jobs that end at once are settled in one batch`() {
        var controller = ControllerFixture()
        for number in 1...3 as ClosedRange<UInt64> { _ = controller.accept(Sample.claimed(Sample.definition(number))) }
        let actions = controller.machine.jobsEnded(
            [(0, .completed), (1, .failed), (2, .completed)], now: Sample.now(1), using: &controller.random)
        #expect(actions.settlements.count == 3)
    }

    @Test func `what is told about a job that has ended means nothing`() {
        var controller = self.running()
        _ = controller.ended(.completed)
        #expect(controller.ended(.failed).settlements.isEmpty)
        #expect(controller.ended(.failed, run: 99).settlements.isEmpty)
    }

    @Test func `a job that the server has forgotten without a word is lost`() {
        var controller = self.running()
        #expect(controller.checked(.worker).settlements.isEmpty)
        #expect(controller.checked(.queue).settlements.isEmpty)
        #expect(controller.checked(nil).settlements.isEmpty)
        #expect(controller.checked(.nowhere).settlements.count == 1)
    }

    @Test func `an attempt that takes too long is abandoned and has failed`() throws {
        var controller = self.running(Sample.definition(timeout: .seconds(2)))
        #expect(controller.timer(at: 1.9).settlements.isEmpty)
        let actions = controller.timer(at: 2)
        #expect(actions.abandoned == [0])
        let change = try #require(actions.changes.first)
        guard case .retry(_, let record) = change else { throw UnexpectedChange() }
        #expect(record.outcome == .timedOut)
        #expect(controller.ended(.completed, at: 2.1).settlements.isEmpty, "it is too late now")
    }

    // MARK: - Custom controllers

    @Test func `a custom controller is given the task, and time to eject it`() throws {
        let retry = RetryPolicy(maxAttempts: 1, backoff: .rounds(immediate: 0, pause: .seconds(30)))
        var controller = ControllerFixture()
        let task = Sample.claimed(Sample.definition(retry: retry, controller: "mine"))
        let submission = try #require(controller.accept(task).actions.submissions.first)
        #expect(submission.function == FunctionName("mine"))
        #expect(submission.customController == task)
        let change = try #require(controller.machine.jobCreated(0, now: Sample.now(1)).changes.first)
        guard case .retry(let at, let record) = change else { throw UnexpectedChange() }
        #expect(at == Sample.time(31))
        #expect(record.outcome == .handedOut)
        _ = controller.settled(.success([.done]))
        let last = controller.accept(
            Sample.claimed(task.definition, attempt: 2, failures: 1, leaseUntil: 50), at: 31)
        #expect(last.actions.submitted.isEmpty)
        guard case .discard? = last.actions.changes.first else { throw UnexpectedChange() }
    }

    // MARK: - Leases

    @Test func `a lease is extended when a third of it has passed, and the job looked for`() throws {
        var controller = ControllerFixture()
        let task = Sample.claimed()
        #expect(try #require(controller.accept(task).actions.timer).seconds == 5)
        let actions = controller.timer(at: 5)
        #expect(actions.contains(.extend([task.claim], leaseUntil: Sample.time(20))))
        #expect(actions.contains(.checkJobs([0])))
        #expect(try #require(controller.extended(.success([.done])).timer).seconds == 10)
        #expect(controller.timer(at: 10).extended == [task.claim])
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    func `an extension that failed is repeated after a pause`(error: TaskStoreError) throws {
        var controller = self.running()
        let claims = controller.timer(at: 5).extended
        let actions = controller.extended(.failure(error))
        #expect(actions.extended.isEmpty)
        let timer = try #require(actions.timer)
        #expect(timer.seconds > 5)
        #expect(controller.timer(at: timer.seconds).extended == claims)
    }

    @Test func `an answer for an older claim leaves a continued run alone`() {
        var controller = self.running()
        _ = controller.timer(at: 5)
        let newer = Sample.claimed(attempt: 2, leaseUntil: 30)
        _ = controller.accept(newer, at: 5)
        #expect(controller.extended(.success([.stale])).abandoned.isEmpty)
        #expect(controller.ended(.completed, at: 6).settlements.map(\.claim) == [newer.claim])
    }

    @Test func `a continued run is extended once, not once for each claim`() {
        var controller = self.running()
        _ = controller.accept(Sample.claimed(attempt: 2), at: 0)
        _ = controller.accept(Sample.claimed(attempt: 3), at: 0)
        #expect(controller.timer(at: 5).extended.count == 1)
    }

    @Test func `thousands of leases are extended in batches for as long as their jobs run`() {
        var controller = ControllerFixture {
            $0.inHandTasks = 8192
            $0.inHandPerFunction = 4096
        }
        let tasks = (1...4096 as ClosedRange<UInt64>).map { Sample.claimed(Sample.definition($0)) }
        #expect(controller.machine.handedOver(tasks, now: Sample.now()).answers.allSatisfy { $0 == .accepted })
        var extendedAt = Dictionary(uniqueKeysWithValues: tasks.map { ($0.claim, 0.0) })
        var underWay: [Claim] = []
        for tenth in 1...600 {
            let moment = Double(tenth) / 10
            var actions = controller.timer(at: moment)
            if !underWay.isEmpty {
                let reply = [FencedOutcome](repeating: .done, count: underWay.count)
                actions += controller.extended(.success(reply), at: moment)
            }
            underWay = actions.extended
            #expect(underWay.count <= Limits.settleBatch)
            for claim in underWay { extendedAt[claim] = moment }
            #expect(extendedAt.values.min()! > moment - 7, "a lease of 15 s is never in danger")
        }
    }

    @Test func `a store that is away for longer than a lease stops no job, and gets its result in the end`() {
        var controller = self.running()
        let claim = Sample.claimed().claim
        var moment = 5.0
        while moment < 40 {
            _ = controller.timer(at: moment)
            if moment == 5 { _ = controller.extended(.failure(.unavailable("away")), at: moment) }
            moment += 5
        }
        let actions = controller.ended(.completed, at: 40)
        #expect(actions.abandoned.isEmpty)
        #expect(actions.settlements == [Settlement(claim, .complete(keepUntil: nil))])
        _ = controller.settled(.success([.stale]), at: 41)
        #expect(controller.machine.counters[.staleClaims] == 1)
    }

    @Test func `a clock that was set back does not delay an extension beyond the lease`() {
        var controller = ControllerFixture()
        let hourAgo = Now(wall: Sample.time(-3600), monotonic: Sample.now().monotonic)
        #expect(controller.machine.handedOver([Sample.claimed()], now: hourAgo).answers == [.accepted])
        #expect(controller.timer(at: 10).extended.count == 1)
    }

    // MARK: - Settling

    @Test func `a settled task is no longer in hand`() {
        var controller = self.running()
        _ = controller.ended(.completed)
        #expect(controller.machine.inHand == 1)
        _ = controller.settled(.success([.done]))
        #expect(controller.machine.inHand == 0)
    }

    @Test func `a task whose claim was lost before it was settled is let go`() {
        var controller = self.running()
        _ = controller.ended(.completed)
        _ = controller.settled(.success([.stale]))
        #expect(controller.machine.inHand == 0)
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    func `a settlement that failed is repeated after a pause`(error: TaskStoreError) throws {
        var controller = self.running()
        let settlements = controller.ended(.completed).settlements
        let actions = controller.settled(.failure(error))
        #expect(actions.settlements.isEmpty)
        #expect(controller.machine.inHand == 1)
        let timer = try #require(actions.timer)
        #expect(timer.seconds > 1)
        #expect(controller.timer(at: timer.seconds).settlements == settlements)
    }

    @Test func `a newer claim that comes while the result is being settled settles it again`() {
        var controller = self.running()
        _ = controller.ended(.completed)
        let newer = Sample.claimed(attempt: 2)
        #expect(controller.accept(newer, at: 1).answer == .accepted)
        #expect(
            controller.settled(.success([.stale])).settlements == [Settlement(newer.claim, .complete(keepUntil: nil))])
    }

    @Test func `what ends while one settlement is under way goes together into the next`() {
        var controller = ControllerFixture()
        for number in 1...3 as ClosedRange<UInt64> { _ = controller.accept(Sample.claimed(Sample.definition(number))) }
        #expect(controller.ended(.completed, run: 0).settlements.count == 1)
        #expect(controller.ended(.completed, run: 1).settlements.isEmpty)
        #expect(controller.ended(.completed, run: 2).settlements.isEmpty)
        #expect(controller.settled(.success([.done])).settlements.count == 2)
    }

    // MARK: - The end

    @Test func `an idle controller tells the others and stops`() {
        var controller = ControllerFixture()
        #expect(controller.machine.shutdownRequested(now: Sample.now()).contains(.leave))
        #expect(controller.machine.leaveReplied(now: Sample.now()) == [.stopped])
    }

    @Test func `a controller that stops during its beat and its reading waits for both, and beats no more`() {
        var controller = ControllerFixture([])
        _ = controller.timer(at: 1.1)
        #expect(!controller.machine.shutdownRequested(now: Sample.now(1.1)).contains(.leave))
        let members = ControllerFixture.members(0)
        let now = Sample.now(1.2)
        let actions = controller.machine.beatReplied(.success(members), now: now, using: &controller.random)
        #expect(actions.contains(.leave))
        #expect(!controller.machine.leaveReplied(now: now).contains(.stopped))
        #expect(controller.machine.settingsReplied(.success([]), now: now) == [.stopped])
    }

    @Test func `what was not started is given back, what runs may end`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Sample.definition(1)))
        _ = controller.accept(Sample.claimed(Sample.definition(2, dueIn: 1)))
        _ = controller.accept(Sample.claimed(Sample.definition(3), attempt: 2))
        let actions = controller.machine.shutdownRequested(now: Sample.now())
        #expect(actions.changes == [.release(at: Sample.time(1)), .release(at: Sample.time(0))])
        #expect(!controller.settled(.success([.done, .done])).contains(.leave))
        _ = controller.ended(.completed)
        #expect(controller.settled(.success([.done])).contains(.leave))
    }

    @Test func `what only waits at a job server is given back while what runs may end`() {
        var controller = self.running()
        #expect(controller.machine.shutdownRequested(now: Sample.now()).contains(.checkJobs([0])))
        #expect(controller.checked(.worker, at: 0.1).settlements.isEmpty)
        #expect(controller.checked(nil, at: 0.1).settlements.isEmpty)
        // Its worker was lost.
        let actions = controller.checked(.queue, at: 0.2)
        #expect(actions.abandoned == [0])
        #expect(actions.changes == [.release(at: Sample.time(0))])
        #expect(controller.checked(.queue, at: 0.3).settlements.isEmpty)
        #expect(controller.ended(.completed, at: 0.3).settlements.isEmpty, "a late word means nothing")
        #expect(controller.settled(.success([.done]), at: 0.4).contains(.leave))
    }

    @Test func `a custom controller's job may wait in its queue`() {
        var controller = self.running(Sample.definition(controller: "custom"))
        _ = controller.machine.shutdownRequested(now: Sample.now())
        #expect(controller.checked(.queue, at: 0.1).settlements.isEmpty)
    }

    @Test func `when its time is over, what runs is given back for another controller to adopt`() {
        var controller = self.running()
        _ = controller.machine.shutdownRequested(now: Sample.now())
        let actions = controller.machine.drainTimeExpired(now: Sample.now(1))
        #expect(actions.abandoned == [0])
        #expect(actions.changes == [.release(at: Sample.time(0))])
        #expect(controller.settled(.success([.done])).contains(.leave))
    }

    @Test func `a draining controller keeps the leases of what runs`() {
        var controller = self.running()
        _ = controller.machine.shutdownRequested(now: Sample.now())
        #expect(controller.timer(at: 5).extended.count == 1)
        _ = controller.ended(.completed, at: 6)
        #expect(!controller.settled(.success([.done]), at: 6).contains(.leave), "an extension is under way")
        #expect(controller.extended(.success([.stale]), at: 6).contains(.leave))
    }

    // MARK: - Shorthand

    private struct UnexpectedChange: Error {}

    /// A controller with one task whose job was submitted at the start.
    private func running(_ definition: TaskDefinition = Sample.definition()) -> ControllerFixture {
        var controller = ControllerFixture()
        #expect(controller.accept(Sample.claimed(definition)).answer == .accepted)
        return controller
    }
}
