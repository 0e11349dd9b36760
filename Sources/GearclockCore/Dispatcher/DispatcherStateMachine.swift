/// Decides when due tasks are claimed and handed over to a controller. It performs nothing itself.
///
/// Tasks are claimed a little before they are due and wait in a heap, so that no database stands between their moment
/// and their start. `DispatcherService` in GearclockDispatcher performs it.
package struct DispatcherStateMachine: Sendable {
    package typealias HandOverID = UInt64

    /// What the caller does next, in this order.
    package enum Action: Equatable, Sendable {
        /// Ask what is due next. Report by ``nextDueReplied(_:now:using:)``.
        case askNextDue
        /// Claim. Report by ``claimReplied(_:now:using:)``.
        case claimDue(ClaimRequest)
        /// Take back what dead daemons hold. Report by ``rescueReplied(_:now:using:)``.
        case rescueExpired(endedBefore: Timestamp, limit: Int)
        /// Give these to a controller. Report by ``handOverReplied(_:_:now:using:)``.
        case handOver(HandOverID, [ClaimedTask])
        /// Settle. Report by ``settleReplied(_:now:using:)``.
        case settle([Settlement])
        /// Call ``timerFired(now:)`` then; it replaces the timer set before.
        case setTimer(MonotonicInstant)
        /// Nothing is in hand any more, and nothing under way.
        case stopped
    }

    /// Why a hand-over has no answer.
    package enum HandOverFailure: Error, Equatable, Sendable {
        /// No controller has seen it, for certain.
        case notDelivered
        /// A controller may have accepted it.
        case unknown
    }

    private enum Phase: Equatable {
        /// Can transition to: `draining` when a shutdown is asked for.
        case running
        /// Nothing is claimed any more; what is held is released.
        /// Can transition to: `stopped` when nothing is in hand and nothing under way.
        case draining
        case stopped
    }

    private enum Poll: Equatable {
        /// Can transition to: `asking` when its time has come, `claiming` when woken.
        case idle(next: MonotonicInstant)
        /// Can transition to: `claiming` when something is due, else `idle`.
        case asking
        /// Can transition to: `claiming` again when it came back full, else `idle`.
        case claiming(limit: Int)
    }

    private enum Rescue: Equatable {
        case idle(next: MonotonicInstant)
        case rescuing
    }

    private let owner: OwnerID
    private let policy: DispatcherPolicy
    private var phase = Phase.running
    private var poll = Poll.idle(next: MonotonicInstant(microseconds: .min))
    private var rescue = Rescue.idle(next: MonotonicInstant(microseconds: .min))
    /// Somebody stored a task that is due within the look-ahead while the store was being asked.
    private var isWoken = false
    private var backoff = StoreBackoff()
    /// Claimed and not yet due, or due and waiting for a free hand-over.
    private var held = TimerHeap<Timestamp, ClaimedTask>()
    private var handOvers: [HandOverID: [ClaimedTask]] = [:]
    private var nextHandOver: HandOverID = 0
    private var inHandCount = 0
    private var inHandBytes = 0
    /// Claims to give back; the first `settlingCount` of them are being settled.
    private var releases: [Settlement] = []
    private var settlingCount = 0
    private var deferrals = 0
    private var pausedUntil: MonotonicInstant?

    package init(owner: OwnerID, policy: DispatcherPolicy = DispatcherPolicy()) {
        self.owner = owner
        self.policy = policy
    }

    /// Tasks that this dispatcher has claimed and no controller has accepted yet.
    package var inHand: Int { self.inHandCount }

    // MARK: - Events

    package mutating func started(now: Now) -> [Action] {
        self.proceed(now)
    }

    package mutating func timerFired(now: Now) -> [Action] {
        self.proceed(now)
    }

    /// A worker daemon in this process stored a task that is due then.
    package mutating func taskStored(dueAt: Timestamp, now: Now) -> [Action] {
        guard dueAt <= now.wall.advanced(by: self.policy.lookAhead) else { return [] }
        self.isWoken = true
        return self.proceed(now)
    }

    package mutating func nextDueReplied(
        _ reply: Result<Timestamp?, TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(self.poll == .asking, "Invalid state: \(self.poll)")
        self.poll = .idle(next: now.monotonic.advanced(by: self.policy.pollInterval))
        switch reply {
        case .success(let due):
            self.backoff.succeeded()
            if let due, due <= now.wall.advanced(by: self.policy.lookAhead) { self.isWoken = true }
        case .failure(let error):
            self.backoff.failed(error, now: now.monotonic, using: &random)
        }
        return self.proceed(now)
    }

    package mutating func claimReplied(
        _ reply: Result<[ClaimedTask], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .claiming(let limit) = self.poll else { preconditionFailure("Invalid state: \(self.poll)") }
        self.poll = .idle(next: now.monotonic.advanced(by: self.policy.pollInterval))
        switch reply {
        case .success(let tasks):
            self.backoff.succeeded()
            for task in tasks { self.hold(task) }
            if tasks.count == limit { self.isWoken = true }
        case .failure(let error):
            // If the outcome is unknown, what was claimed comes back when its lease runs out.
            self.backoff.failed(error, now: now.monotonic, using: &random)
        }
        return self.proceed(now)
    }

    package mutating func rescueReplied(
        _ reply: Result<Int, TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(self.rescue == .rescuing, "Invalid state: \(self.rescue)")
        self.rescue = .idle(next: now.monotonic.advanced(by: self.policy.rescueInterval))
        switch reply {
        case .success(let count):
            if count > 0 { self.isWoken = true }
            if count >= Limits.settleBatch { self.rescue = .idle(next: now.monotonic) }
        case .failure(let error):
            self.backoff.failed(error, now: now.monotonic, using: &random)
        }
        return self.proceed(now)
    }

    package mutating func handOverReplied(
        _ id: HandOverID, _ reply: Result<[HandOverAnswer], HandOverFailure>, now: Now,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard let tasks = self.handOvers.removeValue(forKey: id) else { preconditionFailure("No hand-over \(id)") }
        var (isAccepted, isDeferred) = (false, false)
        switch reply {
        case .success(let answers):
            for (index, task) in tasks.enumerated() {
                // An answer that is too short is a controller's mistake: nobody knows what it means.
                switch index < answers.count ? answers[index] : .stale {
                case .accepted:
                    isAccepted = true
                    self.letGo(task)
                case .stale:
                    self.letGo(task)
                case .deferred:
                    isDeferred = true
                    self.held.insert(task.dueAt, task)
                case .deferredFunction:
                    let pause = Double.random(in: 1...5, using: &random)
                    self.release(task, at: now.wall.advanced(by: .fromSeconds(pause)))
                }
            }
        case .failure(.notDelivered):
            isDeferred = true
            for task in tasks { self.held.insert(task.dueAt, task) }
        case .failure(.unknown):
            // A second hand-over might run them twice. If nobody has them, their leases run out.
            for task in tasks { self.letGo(task) }
        }
        // Who accepts some has room again soon; who accepts none is left alone for longer and longer.
        self.deferrals = isDeferred ? (isAccepted ? 1 : min(self.deferrals + 1, 6)) : 0
        let pause = self.policy.deferralPause * (1 << max(0, self.deferrals - 1))
        self.pausedUntil = isDeferred ? now.monotonic.advanced(by: pause) : nil
        return self.proceed(now)
    }

    package mutating func settleReplied(
        _ reply: Result<[FencedOutcome], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(self.settlingCount > 0, "Nothing is being settled")
        switch reply {
        case .success:
            self.backoff.succeeded()
            self.releases.removeFirst(self.settlingCount)
        case .failure(let error):
            // Repeating is harmless: each settlement is fenced. Who is leaving does not wait for a store that is away.
            self.backoff.failed(error, now: now.monotonic, using: &random)
            if self.phase == .draining { self.releases = [] }
        }
        self.settlingCount = 0
        return self.proceed(now)
    }

    /// Claims nothing more, releases what it holds and waits for the hand-overs that are under way.
    package mutating func shutdownRequested(now: Now) -> [Action] {
        if self.phase == .running { self.phase = .draining }
        return self.proceed(now)
    }

    // MARK: - Decisions

    private mutating func proceed(_ now: Now) -> [Action] {
        var actions: [Action] = []
        switch self.phase {
        case .running:
            self.handOverDue(now, &actions)
            self.askStore(now, &actions)
            self.settleReleases(now, &actions)
            actions.append(.setTimer(self.nextTimer(now)))
        case .draining:
            for task in self.held.removeAll() { self.release(task, at: task.dueAt) }
            self.settleReleases(now, &actions)
            if self.isIdle {
                self.phase = .stopped
                actions.append(.stopped)
            } else if !self.releases.isEmpty, self.settlingCount == 0, let notBefore = self.backoff.notBefore {
                actions.append(.setTimer(notBefore))
            }
        case .stopped:
            break
        }
        self.checkInvariants()
        return actions
    }

    private mutating func handOverDue(_ now: Now, _ actions: inout [Action]) {
        let startBy = now.wall.advanced(by: self.policy.lease.startMargin)
        while let first = self.held.first, first.value.leaseUntil < startBy {
            // No controller took it while its lease lasted. It was never handed over, so others may have it at once.
            _ = self.held.removeFirst()
            self.release(first.value, at: first.value.dueAt)
        }
        if let pausedUntil = self.pausedUntil, pausedUntil > now.monotonic { return }
        while self.handOvers.count < self.policy.handOversAtOnce {
            var batch: [ClaimedTask] = []
            var bytes = 0
            while let next = self.held.first, next.moment <= now.wall, batch.count < Limits.handOverBatch {
                bytes += next.value.definition.weightBytes
                if !batch.isEmpty, bytes > Limits.handOverBatchBytes { break }
                _ = self.held.removeFirst()
                batch.append(next.value)
            }
            if batch.isEmpty { return }
            self.handOvers[self.nextHandOver] = batch
            actions.append(.handOver(self.nextHandOver, batch))
            self.nextHandOver += 1
        }
    }

    private mutating func askStore(_ now: Now, _ actions: inout [Action]) {
        guard self.backoff.permits(now.monotonic) else { return }
        if case .idle(let next) = self.rescue, next <= now.monotonic {
            self.rescue = .rescuing
            let endedBefore = now.wall.advanced(by: self.policy.lease.rescueMargin * -1)
            actions.append(.rescueExpired(endedBefore: endedBefore, limit: Limits.settleBatch))
        }
        guard case .idle(let next) = self.poll else { return }
        let room = min(Limits.claimBatch, self.policy.heldTasks - self.inHandCount)
        guard room > 0, self.inHandBytes < self.policy.heldBytes else { return }
        if self.isWoken {
            self.isWoken = false
            self.poll = .claiming(limit: room)
            let dueBy = now.wall.advanced(by: self.policy.lookAhead)
            actions.append(
                .claimDue(
                    ClaimRequest(
                        owner: self.owner, dueBy: dueBy, limit: room,
                        leaseUntil: dueBy.advanced(by: self.policy.lease.lease))))
        } else if next <= now.monotonic {
            self.poll = .asking
            actions.append(.askNextDue)
        }
    }

    private mutating func settleReleases(_ now: Now, _ actions: inout [Action]) {
        guard self.settlingCount == 0, !self.releases.isEmpty, self.backoff.permits(now.monotonic) else { return }
        self.settlingCount = min(self.releases.count, Limits.settleBatch)
        actions.append(.settle(Array(self.releases.prefix(self.settlingCount))))
    }

    /// When something may have to be done. At most one poll interval ahead, so that a jump of the wall clock is
    /// noticed.
    private func nextTimer(_ now: Now) -> MonotonicInstant {
        var next = now.monotonic.advanced(by: self.policy.pollInterval)
        if let first = self.held.first, self.handOvers.count < self.policy.handOversAtOnce {
            let due = now.monotonic.advanced(by: now.wall.duration(to: first.moment))
            next = min(next, max(due, self.pausedUntil ?? due))
        }
        if let notBefore = self.backoff.notBefore, notBefore > now.monotonic { next = min(next, notBefore) }
        // Whatever else happens between two polls must not push the next one away.
        if case .idle(let poll) = self.poll, poll > now.monotonic { next = min(next, poll) }
        if case .idle(let rescue) = self.rescue, rescue > now.monotonic { next = min(next, rescue) }
        return next
    }

    private var isIdle: Bool {
        guard case .idle = self.poll, case .idle = self.rescue else { return false }
        return self.handOvers.isEmpty && self.held.isEmpty && self.releases.isEmpty
    }

    private mutating func hold(_ task: ClaimedTask) {
        self.inHandCount += 1
        self.inHandBytes += task.definition.weightBytes
        self.held.insert(task.dueAt, task)
    }

    private mutating func letGo(_ task: ClaimedTask) {
        self.inHandCount -= 1
        self.inHandBytes -= task.definition.weightBytes
    }

    private mutating func release(_ task: ClaimedTask, at: Timestamp) {
        self.letGo(task)
        self.releases.append(Settlement(task.claim, .release(at: at)))
    }

    private func checkInvariants() {
        precondition(self.inHandCount >= 0 && self.inHandBytes >= 0)
        precondition(self.inHandCount <= self.policy.heldTasks, "More tasks in hand than there is room for")
        precondition(self.settlingCount <= self.releases.count)
    }
}
