/// Decides when due tasks are claimed and handed over to a controller. It performs nothing itself.
///
/// Tasks are claimed a little before they are due and wait in heaps, so that no database stands between their moment
/// and their start. Functions are kept apart by their lanes: what is claimed, held and handed over is shared out among
/// the lanes, and a function that is deferred holds back its own lane. `DispatcherService` in GearclockDispatcher
/// performs it.
package struct DispatcherStateMachine: Sendable {
    package typealias HandOverID = UInt64

    /// What the caller does next, in this order.
    package enum Action: Equatable, Sendable {
        /// Ask in which lanes something is due. Report by ``dueLanesReplied(_:now:using:)``.
        case askDueLanes
        /// Claim. Report by ``claimReplied(_:now:using:)``.
        case claimDue(ClaimRequest)
        /// Take back what dead daemons hold. Report by ``rescueReplied(_:now:using:)``.
        case rescueExpired(endedBefore: Timestamp, limit: Int)
        /// Give these to a controller that has a part of the limit in this lane, or to any. Report by
        /// ``handOverReplied(_:_:now:using:)``.
        case handOver(HandOverID, [ClaimedTask], in: Lane?)
        /// Tell whoever said ``roomAwaited()`` to ask again.
        case offerRoom
        /// Settle. Report by ``settleReplied(_:now:using:)``.
        case settle([Settlement])
        /// Say that this dispatcher lives. Report by ``beatReplied(_:now:using:)``.
        case beat(OwnerID)
        /// Say that it goes. Report by ``leaveReplied(now:)``.
        case leave(OwnerID)
        /// Read the settings of functions. Report by ``settingsReplied(_:now:)``.
        case askSettings
        /// Compare the clocks of database nodes with ours. Report by ``clocksReplied(_:now:)``.
        case askClocks
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

    enum Phase: Equatable {
        /// Can transition to: `draining` when a shutdown is asked for.
        case running
        /// Nothing is claimed any more; what is held is released.
        /// Can transition to: `stopped` when nothing is in hand and nothing under way.
        case draining
        case stopped
    }

    enum Poll: Equatable {
        /// Can transition to: `asking` when its time has come, `claiming` when something is due.
        case idle
        /// Can transition to: `idle`.
        case asking(since: MonotonicInstant)
        /// Can transition to: `idle`.
        case claiming([LaneShare])
    }

    /// Whether a worker daemon of this process waits for room in the express lane.
    enum Room: Equatable {
        /// Can transition to: `awaited` when one says so.
        case unwanted
        /// Can transition to: `changed` when tasks go, or stay for longer.
        case awaited
        /// It is to be told. Can transition to: `unwanted` when it is.
        case changed
    }

    /// A hand-over whose answer is waited for.
    struct HandOver: Equatable {
        var tasks: [ClaimedTask]
        let lane: Lane?
        let since: MonotonicInstant
        /// When it has been unanswered for too long.
        var silentAt: MonotonicInstant
    }

    let owner: OwnerID
    let policy: DispatcherPolicy
    var phase = Phase.running

    // What the store is asked
    var poll = Poll.idle
    var nextPoll = MonotonicInstant(microseconds: .min)
    /// Somebody stored a task that is due within the look-ahead, or took some back.
    var isWoken = false
    /// The latest answer about due lanes was not made use of yet. Then it goes before the next question.
    var isAnswerFresh = false
    /// Something has changed since there was nothing to claim.
    var mayClaim = false
    var dueLanes = DueLanes()
    var rescue = Recurring.atOnce
    var settings = Recurring.atOnce
    var clocks = Recurring.atOnce
    var backoff = StoreBackoff()
    var membership: MembershipStateMachine?
    /// Nothing is claimed before it is known what is paused.
    var knowsSettings = false
    /// How many controllers can have a part of a lane's limit, at the most.
    var limits: [Lane: Int] = [:]
    /// What the slowest clock of a database node showed at the beginning of our monotonic time, so that a jump of ours
    /// does not deceive us; at the latest, because half of a round trip that was slow must not delay every task.
    var slowestClock = Timestamp.distantFuture
    /// Nothing is claimed before the clocks of database nodes were compared.
    var knowsClocks = false

    // What is in hand
    /// Claimed and not yet due, or due and waiting for a free hand-over.
    var held = HeldTasks()
    var gates: LaneGates
    var handOvers: [HandOverID: HandOver] = [:]
    /// Hand-overs without an answer whose tasks are no longer in hand, and to which lanes they were addressed.
    var silent: [HandOverID: Lane?] = [:]
    /// Lanes that are open, and wait for a hand-over of their own.
    var crowd = TimerHeap<MonotonicInstant, Lane>()
    var nextHandOver: HandOverID = 0
    var handedOverOfLane: [Lane: Int] = [:]
    var inHandOfLane: [Lane: Int] = [:]
    var inHandCount = 0
    var inHandBytes = 0
    var room = Room.unwanted
    /// Claims to give back; the first `settlingCount` of them are being settled.
    var releases: [Settlement] = []
    var settlingCount = 0
    var deferrals = 0
    var pausedUntil: MonotonicInstant?
    /// Until when a stop waits for the answers to hand-overs.
    var drainDeadline: MonotonicInstant?
    /// Since when no controller has accepted anything that it was offered, and when that was seen last.
    var refused: (since: MonotonicInstant, latest: MonotonicInstant)?
    /// When the next task is claimed to find out whether that is over.
    var nextTrial = MonotonicInstant(microseconds: .min)
    /// When leases in hand are looked through the next time.
    var nextSweep = MonotonicInstant(microseconds: .min)

    package init(owner: OwnerID, policy: DispatcherPolicy = DispatcherPolicy()) {
        self.owner = owner
        self.policy = policy
        self.gates = LaneGates(policy: policy)
        self.membership =
            policy.isExpressOnly
            ? nil : MembershipStateMachine(id: owner, role: .dispatcher, policy: policy.membership)
    }

    /// Tasks that this dispatcher has claimed and no controller has accepted yet.
    package var inHand: Int { self.inHandCount }

    /// The dispatchers of the cluster that may live, this one included.
    package var members: [OwnerID] { self.membership?.members(.dispatcher) ?? [] }

    // MARK: - Events

    package mutating func started(now: Now) -> [Action] {
        self.proceed(now)
    }

    package mutating func timerFired(now: Now) -> [Action] {
        self.proceed(now)
    }

    /// A worker daemon in this process stored a task that is due then, and did not claim it.
    package mutating func taskStored(dueAt: Timestamp, now: Now) -> [Action] {
        guard dueAt <= self.dueBy(now) else { return [] }
        self.isWoken = true
        return self.proceed(now)
    }

    /// Claims nothing more, releases what it holds and waits for the hand-overs that are under way.
    package mutating func shutdownRequested(now: Now) -> [Action] {
        guard self.phase == .running else { return [] }
        self.phase = .draining
        self.drainDeadline = now.monotonic.advanced(by: self.policy.drainPatience)
        var actions: [Action] = []
        self.perform(self.membership?.shutdownRequested() ?? [], &actions)
        return actions + self.proceed(now)
    }

    // MARK: - Decisions

    mutating func proceed(_ now: Now) -> [Action] {
        var actions: [Action] = []
        switch self.phase {
        case .running:
            self.sweep(now)
            self.silence(now)
            self.handOverDue(now, &actions)
            self.askStore(now, &actions)
            self.settleReleases(now, &actions)
            self.offerRoom(&actions)
            actions.append(.setTimer(self.nextTimer(now)))
        case .draining:
            for task in self.held.removeAll() { self.release(task) }
            self.abandonHandOvers(now)
            self.settleReleases(now, &actions)
            if self.isIdle {
                self.phase = .stopped
                actions.append(.stopped)
                break
            }
            let retry = self.releases.isEmpty || self.settlingCount > 0 ? nil : self.backoff.notBefore
            let patience = self.handOvers.isEmpty ? nil : self.drainDeadline
            if let next = [retry, patience].compactMap({ $0 }).min() { actions.append(.setTimer(next)) }
        case .stopped:
            break
        }
        self.checkInvariants()
        return actions
    }

    /// What time it is for tasks: no database node may think that they are early.
    func dueNow(_ now: Now) -> Timestamp {
        min(now.wall, self.slowestClock.advanced(by: .microseconds(now.monotonic.microseconds)))
    }

    /// Until when tasks have to be due to be claimed.
    func dueBy(_ now: Now) -> Timestamp {
        self.dueNow(now).advanced(by: self.policy.lookAhead)
    }

    /// Whether nothing that it claims gets any further: no controller has accepted anything for as long as it takes
    /// until a dispatcher counts as dead. Then it does as if it were, so that others take its buckets: until a trial
    /// succeeds, or for about as long again if there is nothing to try.
    package func isStuck(_ now: Now) -> Bool {
        guard let refused = self.refused else { return false }
        let patience = self.policy.membership.deadAfter
        return refused.since.advanced(by: patience) <= now.monotonic
            && now.monotonic < refused.latest.advanced(by: patience + self.policy.trialInterval)
    }

    /// When something may have to be done. At most one poll interval ahead, so that a jump of the wall clock is
    /// noticed.
    private func nextTimer(_ now: Now) -> MonotonicInstant {
        var next = now.monotonic.advanced(by: self.policy.pollInterval)
        if let first = self.held.firstMoment, self.mayHandOver() {
            let due = now.monotonic.advanced(by: self.dueNow(now).duration(to: first))
            next = min(next, max(due, self.pausedUntil ?? due, self.fewWaitUntil(now) ?? due))
        }
        if let reopening = self.gates.nextReopening { next = min(next, reopening) }
        for handOver in self.handOvers.values { next = min(next, handOver.silentAt) }
        // Whatever else happens in between must not push a question away.
        let questions = [self.nextPoll, self.rescue.next, self.settings.next, self.clocks.next, self.backoff.notBefore]
        for question in questions.compactMap({ $0 }) where question > now.monotonic { next = min(next, question) }
        return next
    }

    private var isIdle: Bool {
        self.poll == .idle && self.settlingCount == 0
            && ![self.rescue, self.settings, self.clocks].contains(.asking) && self.membership?.hasLeft != false
            && self.handOvers.isEmpty && self.held.isEmpty && self.releases.isEmpty
    }

    private func checkInvariants() {
        precondition(self.inHandCount >= 0 && self.inHandBytes >= 0)
        precondition(self.inHandCount <= self.policy.heldTasks, "More tasks in hand than there is room for")
        precondition(self.settlingCount <= self.releases.count)
        precondition(self.handOvers.count + self.silent.count <= self.policy.handOversUnanswered)
    }
}
