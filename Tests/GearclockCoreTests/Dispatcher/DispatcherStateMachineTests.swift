import GearclockCore
import Testing

@Suite struct DispatcherStateMachineTests {
    var dispatcher = DispatcherStateMachine(owner: Sample.owner)
    var random = SeededGenerator(seed: 1)
    let away = TaskStoreError.unavailable("away")

    // MARK: - Asking

    @Test mutating func `at its start it takes back lost leases and asks what is due next`() {
        let actions = self.dispatcher.started(now: Sample.now())
        #expect(actions.first == .rescueExpired(endedBefore: Sample.time(-2), limit: Limits.settleBatch))
        #expect(actions.dropFirst().first == .askNextDue)
        #expect(actions.timer != nil)
    }

    @Test mutating func `what is due beyond the look-ahead is left alone, and asked for again`() throws {
        _ = self.dispatcher.started(now: Sample.now())
        let actions = self.nextDue(.success(Sample.time(2.5)))
        #expect(!actions.contains { $0.isClaim })
        let timer = try #require(actions.timer)
        #expect(timer.seconds == 0.1)
        #expect(self.dispatcher.timerFired(now: Sample.now(0.1)).contains(.askNextDue))
    }

    @Test mutating func `what is due within the look-ahead is claimed with a lease from there`() {
        _ = self.dispatcher.started(now: Sample.now())
        let request = ClaimRequest(
            owner: Sample.owner, dueBy: Sample.time(2), limit: Limits.claimBatch, leaseUntil: Sample.time(17))
        #expect(self.nextDue(.success(Sample.time(2))).first == .claimDue(request))
    }

    @Test mutating func `what happens between two polls does not push the next one away`() throws {
        _ = self.dispatcher.started(now: Sample.now())
        _ = self.nextDue(.success(nil))
        let timer = try #require(self.dispatcher.timerFired(now: Sample.now(0.06)).timer)
        #expect(timer.seconds == 0.1)
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .outcomeUnknown("lost")])
    mutating func `after a failed question nothing is asked until a pause is over`(error: TaskStoreError) throws {
        _ = self.dispatcher.started(now: Sample.now())
        let timer = try #require(self.nextDue(.failure(error)).timer)
        #expect(timer.seconds > 0)
        #expect(!self.dispatcher.timerFired(now: Sample.now(0.01)).contains(.askNextDue))
        #expect(self.dispatcher.timerFired(now: Sample.now(0.2)).contains(.askNextDue))
    }

    @Test mutating func `a full claim is followed by another one`() {
        self.claim(count: Limits.claimBatch, dueIn: 1)
        let actions = self.claimReplied(.success(Self.tasks(Limits.claimBatch, dueIn: 1)))
        #expect(actions.contains { $0.isClaim })
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `a failed claim leaves nothing in hand, and is asked for again`(error: TaskStoreError) {
        self.claim()
        #expect(!self.claimReplied(.failure(error)).contains { $0.isClaim })
        #expect(self.dispatcher.inHand == 0)
        #expect(self.dispatcher.timerFired(now: Sample.now(0.2)).contains(.askNextDue))
    }

    @Test mutating func `a task that was stored in this process is claimed without waiting for a poll`() {
        _ = self.dispatcher.started(now: Sample.now())
        _ = self.nextDue(.success(nil))
        #expect(self.dispatcher.taskStored(dueAt: Sample.time(3), now: Sample.now()).isEmpty, "it is far ahead")
        let actions = self.dispatcher.taskStored(dueAt: Sample.time(1), now: Sample.now())
        #expect(actions.contains { $0.isClaim })
    }

    @Test mutating func `a task stored during a question is claimed after its answer`() {
        _ = self.dispatcher.started(now: Sample.now())
        _ = self.dispatcher.taskStored(dueAt: Sample.time(0), now: Sample.now())
        #expect(self.nextDue(.success(nil)).contains { $0.isClaim })
    }

    // MARK: - Taking back leases

    @Test mutating func `leases are looked for once a second, and again at once while there are many`() {
        _ = self.dispatcher.started(now: Sample.now())
        #expect(self.rescued(.success(Limits.settleBatch)).contains { $0.isRescue })
        #expect(!self.rescued(.success(0)).contains { $0.isRescue })
        #expect(!self.dispatcher.timerFired(now: Sample.now(0.9)).contains { $0.isRescue })
        #expect(self.dispatcher.timerFired(now: Sample.now(1)).contains { $0.isRescue })
    }

    @Test mutating func `tasks that were taken back are claimed at once`() {
        _ = self.dispatcher.started(now: Sample.now())
        _ = self.nextDue(.success(nil))
        #expect(self.rescued(.success(1)).contains { $0.isClaim })
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .outcomeUnknown("lost")])
    mutating func `a failed rescue is repeated`(error: TaskStoreError) {
        _ = self.dispatcher.started(now: Sample.now())
        #expect(!self.rescued(.failure(error)).contains { $0.isRescue })
        #expect(self.dispatcher.timerFired(now: Sample.now(1)).contains { $0.isRescue })
    }

    // MARK: - Time

    @Test mutating func `a claimed task waits until it is due, to the microsecond`() throws {
        self.claim()
        let tasks = Self.tasks(1, dueIn: 0.05)
        let actions = self.claimReplied(.success(tasks))
        #expect(!actions.contains { $0.isHandOver })
        #expect(try #require(actions.timer).seconds == 0.05)
        #expect(!self.dispatcher.timerFired(now: Sample.now(0.049_999)).contains { $0.isHandOver })
        #expect(self.dispatcher.timerFired(now: Sample.now(0.05)).contains(.handOver(0, tasks)))
        #expect(self.dispatcher.inHand == 1, "nobody has accepted it yet")
    }

    @Test mutating func `a wall clock that is set back delays the hand-over`() {
        self.claim()
        _ = self.claimReplied(.success(Self.tasks(1, dueIn: 0.05)))
        let early = Now(wall: Sample.time(-1), monotonic: Sample.now(0.05).monotonic)
        #expect(!self.dispatcher.timerFired(now: early).contains { $0.isHandOver })
    }

    @Test mutating func `the earliest goes first, and all that is due goes together`() {
        self.claim()
        let tasks = [
            Sample.definition(1, dueIn: 0.03), Sample.definition(2, dueIn: 0.01), Sample.definition(3, dueIn: 1),
        ]
        .map { Sample.claimed($0) }
        _ = self.claimReplied(.success(tasks))
        #expect(self.dispatcher.timerFired(now: Sample.now(0.05)).contains(.handOver(0, [tasks[1], tasks[0]])))
    }

    // MARK: - The answers of a controller

    @Test(arguments: [HandOverAnswer.accepted, .stale])
    mutating func `what a controller accepted, or will not have, is no longer in hand`(answer: HandOverAnswer) {
        self.handOver()
        #expect(!self.handedOver(.success([answer])).contains { $0.isSettle })
        #expect(self.dispatcher.inHand == 0)
    }

    @Test mutating func `what a controller deferred is handed over again after a pause that doubles`() {
        self.handOver()
        var now = 0.0
        for pause in [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 0.64] {
            let id = UInt64([0, 0.02, 0.06, 0.14, 0.30, 0.62, 1.26].firstIndex { abs($0 - now) < 0.001 }!)
            let actions = self.handedOver(.success([.deferred]), id: id, at: now)
            #expect(!actions.contains { $0.isHandOver })
            #expect(!self.dispatcher.timerFired(now: Sample.now(now + pause - 0.001)).contains { $0.isHandOver })
            now += pause
            #expect(self.dispatcher.timerFired(now: Sample.now(now)).contains { $0.isHandOver })
        }
        #expect(self.dispatcher.inHand == 1)
    }

    @Test mutating func `a controller that accepts some is asked again after the shortest pause`() {
        self.handOver(count: 2)
        _ = self.handedOver(.success([.deferred, .deferred]))
        _ = self.dispatcher.timerFired(now: Sample.now(0.02))
        _ = self.handedOver(.success([.accepted, .deferred]), id: 1, at: 0.02)
        #expect(self.dispatcher.timerFired(now: Sample.now(0.04)).contains { $0.isHandOver })
    }

    @Test mutating func `a task whose function is at its limit goes back to the store for some seconds`() throws {
        self.handOver()
        let actions = self.handedOver(.success([.deferredFunction]))
        let settlement = try #require(actions.settlements.first)
        guard case .release(let at) = settlement.change else { throw UnexpectedChange() }
        #expect(at >= Sample.time(1) && at <= Sample.time(5))
        #expect(self.dispatcher.inHand == 0)
    }

    @Test mutating func `an answer that is too short leaves the rest to their leases`() {
        self.handOver(count: 2)
        #expect(!self.handedOver(.success([.accepted])).contains { $0.isSettle })
        #expect(self.dispatcher.inHand == 0)
    }

    @Test mutating func `what was certainly not delivered is handed over again`() {
        self.handOver()
        #expect(!self.handedOver(.failure(.notDelivered)).contains { $0.isHandOver })
        #expect(self.dispatcher.timerFired(now: Sample.now(0.02)).contains { $0.isHandOver })
    }

    @Test mutating func `what may have been delivered is left to its lease`() {
        self.handOver()
        let actions = self.handedOver(.failure(.unknown))
        #expect(!actions.contains { $0.isSettle || $0.isHandOver })
        #expect(self.dispatcher.inHand == 0)
    }

    @Test mutating func `what no controller takes while its lease lasts is given back`() throws {
        self.handOver()
        _ = self.handedOver(.success([.deferred]))
        let actions = self.dispatcher.timerFired(now: Sample.now(12.5))
        #expect(try #require(actions.settlements.first).change == .release(at: Sample.time(0)))
        #expect(!actions.contains { $0.isHandOver })
        #expect(self.dispatcher.inHand == 0)
    }

    // MARK: - Settling

    @Test mutating func `a settlement that was done is not repeated`() {
        self.settle()
        #expect(!self.settled(.success([.done])).contains { $0.isSettle })
        #expect(!self.dispatcher.timerFired(now: Sample.now(1)).contains { $0.isSettle })
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `a settlement that failed is repeated after a pause`(error: TaskStoreError) {
        let settlements = self.settle()
        #expect(!self.settled(.failure(error)).contains { $0.isSettle })
        #expect(self.dispatcher.timerFired(now: Sample.now(1)).settlements == settlements)
    }

    // MARK: - Limits

    @Test mutating func `no more is claimed than there is room for`() {
        var policy = DispatcherPolicy()
        policy.heldTasks = 3
        self.dispatcher = DispatcherStateMachine(owner: Sample.owner, policy: policy)
        self.claim(limit: 3)
        _ = self.claimReplied(.success(Self.tasks(3, dueIn: 1)))
        #expect(!self.dispatcher.timerFired(now: Sample.now(0.5)).contains { $0.isClaim || $0 == .askNextDue })
        _ = self.dispatcher.timerFired(now: Sample.now(1))
        let actions = self.handedOver(.success([.accepted, .deferred, .accepted]), at: 1)
        #expect(actions.contains { $0.isClaim || $0 == .askNextDue })
    }

    @Test mutating func `nothing is claimed while the bytes in hand are at their limit`() {
        var policy = DispatcherPolicy()
        policy.heldBytes = 100
        self.dispatcher = DispatcherStateMachine(owner: Sample.owner, policy: policy)
        self.claim()
        _ = self.claimReplied(.success(Self.tasks(1, dueIn: 1)))
        #expect(!self.dispatcher.timerFired(now: Sample.now(0.5)).contains { $0.isClaim || $0 == .askNextDue })
    }

    @Test mutating func `hand-overs are batches of a limited size, and only some of them are under way`() {
        self.claim(count: Limits.claimBatch)
        _ = self.claimReplied(.success(Self.tasks(Limits.claimBatch, dueIn: 0.01)))
        for round in 1...2 {
            let first = UInt64(1000 * round)
            let more = Self.tasks(Limits.claimBatch, dueIn: 0.01, first: first)
            _ = self.claimReplied(.success(more), at: 0.005)
        }
        let batches = self.dispatcher.timerFired(now: Sample.now(0.02)).compactMap(\.handOverCount)
        #expect(batches == [Limits.handOverBatch, Limits.handOverBatch, Limits.handOverBatch, Limits.handOverBatch])
        #expect(self.dispatcher.inHand == 3 * Limits.claimBatch)
    }

    // MARK: - The end

    @Test mutating func `an idle dispatcher stops as soon as its questions are answered`() {
        _ = self.dispatcher.started(now: Sample.now())
        #expect(self.dispatcher.shutdownRequested(now: Sample.now()).isEmpty)
        #expect(self.nextDue(.success(Sample.time(0))).isEmpty, "nothing is claimed any more")
        #expect(self.rescued(.success(0)) == [.stopped])
        #expect(self.dispatcher.timerFired(now: Sample.now(1)).isEmpty)
    }

    @Test mutating func `what is held is given back before it stops`() {
        self.claim()
        _ = self.claimReplied(.success(Self.tasks(2, dueIn: 1)))
        let actions = self.dispatcher.shutdownRequested(now: Sample.now())
        #expect(actions.settlements.map(\.change) == [.release(at: Sample.time(1)), .release(at: Sample.time(1))])
        _ = self.rescued(.success(0))
        #expect(self.settled(.success([.done, .done])) == [.stopped])
    }

    @Test mutating func `what is claimed after the shutdown began is given back as well`() {
        self.claim()
        _ = self.rescued(.success(0))
        #expect(self.dispatcher.shutdownRequested(now: Sample.now()).isEmpty)
        #expect(self.claimReplied(.success(Self.tasks(1, dueIn: 1))).settlements.count == 1)
        #expect(self.settled(.success([.done])) == [.stopped])
    }

    @Test mutating func `it waits for its hand-overs, and gives back what is deferred`() {
        self.handOver(count: 2)
        _ = self.rescued(.success(0))
        #expect(!self.dispatcher.shutdownRequested(now: Sample.now()).contains(.stopped))
        let actions = self.handedOver(.success([.accepted, .deferred]))
        #expect(actions.settlements.map(\.change) == [.release(at: Sample.time(0))])
        #expect(self.settled(.success([.done])) == [.stopped])
    }

    @Test mutating func `it does not wait for a store that is away`() {
        self.claim()
        _ = self.claimReplied(.success(Self.tasks(1, dueIn: 1)))
        _ = self.rescued(.success(0))
        _ = self.dispatcher.shutdownRequested(now: Sample.now())
        #expect(self.settled(.failure(self.away)) == [.stopped])
    }

    @Test mutating func `a draining dispatcher sets no timer to a moment that has passed`() {
        self.handOver()
        _ = self.rescued(.failure(self.away))
        _ = self.dispatcher.shutdownRequested(now: Sample.now(1))
        #expect(self.dispatcher.timerFired(now: Sample.now(3)).isEmpty, "there is nothing to wait for but the answer")
    }

    // MARK: - Shorthand

    private struct UnexpectedChange: Error {}

    private static func tasks(_ count: Int, dueIn: Double, first: UInt64 = 1) -> [ClaimedTask] {
        (0..<UInt64(count)).map { Sample.claimed(Sample.definition(first + $0, dueIn: dueIn)) }
    }

    /// Up to the claim that is under way.
    private mutating func claim(count: Int = 1, dueIn: Double = 0, limit: Int = Limits.claimBatch) {
        _ = self.dispatcher.started(now: Sample.now())
        let actions = self.nextDue(.success(Sample.time(dueIn)))
        let limits = actions.compactMap { if case .claimDue(let request) = $0 { request.limit } else { nil } }
        #expect(limits == [limit])
    }

    /// Up to the hand-over 0 that is under way.
    private mutating func handOver(count: Int = 1) {
        self.claim()
        #expect(self.claimReplied(.success(Self.tasks(count, dueIn: 0))).contains { $0.isHandOver })
    }

    /// Up to the settlement that is under way.
    @discardableResult
    private mutating func settle() -> [Settlement] {
        self.handOver()
        return self.handedOver(.success([.deferredFunction])).settlements
    }

    private mutating func nextDue(_ reply: Result<Timestamp?, TaskStoreError>) -> [DispatcherStateMachine.Action] {
        self.dispatcher.nextDueReplied(reply, now: Sample.now(), using: &self.random)
    }

    private mutating func claimReplied(
        _ reply: Result<[ClaimedTask], TaskStoreError>, at seconds: Double = 0
    ) -> [DispatcherStateMachine.Action] {
        self.dispatcher.claimReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    private mutating func rescued(_ reply: Result<Int, TaskStoreError>) -> [DispatcherStateMachine.Action] {
        self.dispatcher.rescueReplied(reply, now: Sample.now(), using: &self.random)
    }

    private mutating func handedOver(
        _ reply: Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure>, id: UInt64 = 0,
        at seconds: Double = 0
    ) -> [DispatcherStateMachine.Action] {
        self.dispatcher.handOverReplied(id, reply, now: Sample.now(seconds), using: &self.random)
    }

    private mutating func settled(
        _ reply: Result<[FencedOutcome], TaskStoreError>
    ) -> [DispatcherStateMachine.Action] {
        self.dispatcher.settleReplied(reply, now: Sample.now(), using: &self.random)
    }
}

extension DispatcherStateMachine.Action {
    fileprivate var isClaim: Bool { if case .claimDue = self { true } else { false } }
    fileprivate var isRescue: Bool { if case .rescueExpired = self { true } else { false } }
    fileprivate var isHandOver: Bool { if case .handOver = self { true } else { false } }
    fileprivate var isSettle: Bool { if case .settle = self { true } else { false } }
    fileprivate var handOverCount: Int? { if case .handOver(_, let tasks) = self { tasks.count } else { nil } }
}

extension [DispatcherStateMachine.Action] {
    fileprivate var timer: MonotonicInstant? {
        for case .setTimer(let instant) in self { return instant }
        return nil
    }

    fileprivate var settlements: [Settlement] {
        for case .settle(let settlements) in self { return settlements }
        return []
    }
}
