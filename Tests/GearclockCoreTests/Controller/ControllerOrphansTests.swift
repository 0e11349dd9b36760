import GearclockCore
import Testing

/// Jobs that outlive the claims of their tasks: they count for the limits of their function, and for nothing else.
@Suite struct ControllerOrphansTests {
    private static let limit = [FunctionSettings(function: FunctionName("f")!, inFlight: 1)]
    private static let (first, second) = (Sample.definition(1), Sample.definition(2))

    /// A controller that has one job in flight, which is as many as there may be, and another task that waits. The
    /// first one's claim was lost.
    ///
    /// - Parameter lost: when that was found out; a lease ends after 15 seconds.
    private func orphaned(_ first: TaskDefinition = Self.first, lost: Double = 5) -> ControllerFixture {
        var controller = ControllerFixture(Self.limit)
        #expect(controller.accept(Sample.claimed(first)).actions.submissions.count == 1)
        #expect(controller.accept(Sample.claimed(Self.second)).actions.submissions.isEmpty)
        #expect(controller.timer(at: 5).extended.count == 2)
        let actions = controller.extended(.success([.stale, .done]), at: lost)
        #expect(actions.submissions.isEmpty && actions.abandoned.isEmpty && actions.settlements.isEmpty)
        #expect(controller.machine.inHand == 2)
        return controller
    }

    /// What it does in some seconds, with a store that extends every lease.
    private func actions(
        of controller: inout ControllerFixture, in seconds: ClosedRange<Int>
    ) -> [ControllerFixture.Action] {
        seconds.map(Double.init).flatMap { second in
            let actions = controller.timer(at: second)
            if actions.extended.isEmpty { return actions }
            return actions + controller.extended(.success(actions.extended.map { _ in .done }), at: second)
        }
    }

    @Test(arguments: [ControllerStateMachine.JobOutcome.completed, .failed, .exception([]), .lost, .refused])
    func `the job of a task that was cancelled counts until it ends, and its end settles nothing`(
        outcome: ControllerStateMachine.JobOutcome
    ) {
        var controller = self.orphaned()
        #expect(controller.machine.counters[.cancelled] == 1)
        #expect(self.actions(of: &controller, in: 6...100).submissions.isEmpty)
        var counters = controller.machine.counters
        let actions = controller.ended(outcome, at: 101)
        #expect(actions.submitted == ["\(Self.second.id)-0"])
        #expect(actions.settlements.isEmpty)
        #expect(controller.machine.inHand == 1)
        counters[.started] += 1
        #expect(controller.machine.counters == counters)
    }

    @Test func `its lease is extended no more, and its job is looked for`() {
        var controller = self.orphaned()
        let actions = self.actions(of: &controller, in: 6...60)
        let orphan = Sample.claimed(Self.first).claim
        #expect(!actions.contains { if case .extend(let claims, _) = $0 { claims.contains(orphan) } else { false } })
        #expect(actions.count { $0 == .checkJobs([0]) } == 11)
        #expect(actions.asked == ["\(Self.first.id)-0"])
        #expect(controller.checked(.worker, at: 61).submissions.isEmpty)
        #expect(controller.checked(nil, at: 62).submissions.isEmpty)
        #expect(controller.checked(.nowhere, at: 63).submissions.count == 1, "its server has forgotten it")
    }

    @Test func `its timeout ends it without a word`() {
        var controller = self.orphaned(Sample.definition(1, timeout: .seconds(30)))
        #expect(self.actions(of: &controller, in: 6...29).abandoned.isEmpty)
        let actions = controller.timer(at: 30)
        #expect(actions.abandoned == [0])
        #expect(actions.submissions.count == 1)
        #expect(actions.settlements.isEmpty && controller.machine.counters[.timedOut] == 0)
    }

    @Test func `a job that another controller takes over is left to that one`() {
        var controller = self.orphaned(lost: 16)
        #expect(controller.machine.counters[.staleClaims] == 1)
        #expect(self.actions(of: &controller, in: 17...30).asked == ["\(Self.first.id)-0"])
        #expect(controller.status(nil, at: 31).submissions.isEmpty)
        #expect(controller.status(.absent, at: 31).submissions.isEmpty, "its end may be on its way")
        #expect(controller.status(.waitedFor(by: 1), at: 31).submissions.isEmpty)
        let actions = controller.status(.waitedFor(by: 2), at: 31)
        #expect(actions.abandoned == [0])
        #expect(actions.submissions.count == 1)
    }

    @Test func `a job that was taken over is kept when only those wait for it who did then`() {
        var controller = ControllerFixture(Self.limit)
        _ = controller.accept(Sample.claimed(Self.first, attempt: 2))
        #expect(controller.status(.waitedFor(by: 1)).submissions.count == 1)
        _ = controller.timer(at: 5)
        _ = controller.extended(.success([.stale]))
        #expect(controller.status(.waitedFor(by: 2), at: 10).abandoned.isEmpty)
        #expect(controller.status(.waitedFor(by: .max), at: 15).abandoned == [0])
    }

    @Test func `a newer claim of the run takes its job up again, timeout included`() {
        var controller = self.orphaned(Sample.definition(1, timeout: .seconds(20)), lost: 16)
        let newer = Sample.claimed(Sample.definition(1, timeout: .seconds(20)), attempt: 2, leaseUntil: 32)
        let (answer, actions) = controller.accept(newer, at: 17)
        #expect(answer == .accepted)
        #expect(actions.submissions.isEmpty && actions.asked.isEmpty && actions.abandoned.isEmpty)
        #expect(self.actions(of: &controller, in: 18...36).abandoned.isEmpty)
        let ended = controller.ended(.completed, at: 36.5)
        #expect(ended.settlements == [Settlement(newer.claim, .complete(keepUntil: nil))])
        #expect(ended.submissions.count == 1)
    }

    @Test func `it times out anew when it was taken up`() {
        var controller = self.orphaned(Sample.definition(1, timeout: .seconds(20)), lost: 16)
        let newer = Sample.claimed(Sample.definition(1, timeout: .seconds(20)), attempt: 2, leaseUntil: 32)
        #expect(controller.accept(newer, at: 17).answer == .accepted)
        #expect(controller.timer(at: 37).abandoned == [0])
        #expect(controller.machine.counters[.timedOut] == 1)
    }

    @Test func `a late copy of its hand-over is stale, and the next run begins anew`() {
        var controller = self.orphaned()
        #expect(controller.accept(Sample.claimed(Self.first), at: 6).answer == .stale)
        let (answer, actions) = controller.accept(
            Sample.claimed(Self.first, attempt: 2, failures: 1, leaseUntil: 30), at: 6)
        #expect(answer == .accepted)
        #expect(actions.abandoned == [0])
        #expect(controller.machine.inHand == 2)
    }

    @Test func `orphans take places, so there are no more of them than of tasks`() {
        var controller = ControllerFixture { $0.inHandTasks = 2 }
        let tasks = (1...3).map { Sample.claimed(Sample.definition($0, function: "f\($0)")) }
        #expect(controller.machine.handedOver(tasks, now: Sample.now()).answers == [.accepted, .accepted, .deferred])
        _ = controller.timer(at: 5)
        _ = controller.extended(.success([.stale, .stale]))
        #expect(controller.accept(tasks[2], at: 6).answer == .deferred)
        _ = controller.ended(.completed, run: 1, at: 7)
        #expect(controller.accept(tasks[2], at: 7).answer == .accepted)
    }

    @Test func `a stop does not wait for them`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Self.first))
        _ = controller.timer(at: 5)
        _ = controller.extended(.success([.stale]))
        let actions = controller.machine.shutdownRequested(now: Sample.now(6))
        #expect(actions.abandoned == [0])
        #expect(actions.contains(.leave))
    }

    @Test func `nor does a controller that is stopping keep new ones`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Self.first))
        _ = controller.timer(at: 5)
        _ = controller.machine.shutdownRequested(now: Sample.now(5))
        let actions = controller.extended(.success([.stale]))
        #expect(actions.abandoned == [0])
        #expect(actions.contains(.leave))
    }

    @Test func `of a custom controller's job no end is awaited`() {
        var controller = ControllerFixture()
        _ = controller.accept(Sample.claimed(Sample.definition(controller: "mine")))
        _ = controller.timer(at: 5)
        #expect(controller.extended(.success([.stale])).abandoned == [0])
        #expect(controller.machine.inHand == 0)
    }
}

extension ControllerStateMachine.JobStatus {
    fileprivate static func waitedFor(by clients: UInt64) -> Self {
        Self(isKnown: true, isRunning: true, clients: clients)
    }
}
