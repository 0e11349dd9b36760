/// How much of each lane a dispatcher takes: all that it has room for, except of lanes whose function was deferred or
/// is paused.
///
/// After a deferral nothing of the lane is handed over for a while, and then only a little: if all of it is accepted,
/// twice as much the next time. So a function that is at its limit, slow or without workers costs a question now and
/// then, however many of its tasks wait, and its backlog comes back slowly at first.
struct LaneGates: Sendable {
    private struct Gate {
        /// Tasks of the lane in hand at once.
        var share: Int
        /// How often nothing was accepted, less two for each time that something was. So the pause becomes about as
        /// long as it takes until a place is free, however slow the function is.
        var refusals = 0
        var blockedUntil: MonotonicInstant?
        var changedAt: MonotonicInstant
    }

    /// What controllers accepted of a lane lately.
    private struct Flow {
        /// Of one hand-over, if any were. The latest counts for a half.
        var perHandOver = 0
        /// Tasks, of which half are forgotten every ``DispatcherPolicy/flowHalfLife``, but only when others come: where
        /// none are accepted for a moment, it says how fast they were before.
        var recent = 0
        var forgottenAt: MonotonicInstant

        mutating func accepted(_ count: Int, halfLife: Duration, now: MonotonicInstant) {
            let halvings = Int(self.forgottenAt.duration(to: now) / halfLife)
            self.recent = self.recent >> halvings + count
            self.forgottenAt = self.forgottenAt.advanced(by: halfLife * halvings)
            self.perHandOver = (self.perHandOver + count) / 2
        }
    }

    private let policy: DispatcherPolicy
    /// Of the lanes that are not wide open.
    private var gates: [Lane: Gate] = [:]
    private var paused: Set<Lane> = []
    /// Those of functions that operators want to be slower than they can be.
    private var limited: Set<Lane> = []
    private var flows: [Lane: Flow] = [:]
    /// When lanes are no longer blocked. Entries of another moment than the gate's are left over.
    private var reopenings = TimerHeap<MonotonicInstant, Lane>()

    init(policy: DispatcherPolicy) {
        self.policy = policy
    }

    /// Whether tasks of the lane may be claimed and handed over now.
    func isOpen(_ lane: Lane) -> Bool {
        !self.paused.contains(lane) && self.gates[lane]?.blockedUntil == nil
    }

    func isPaused(_ lane: Lane) -> Bool { self.paused.contains(lane) }

    /// Whether controllers take tasks of the lane by the hundred, as fast as they get rid of others, and nobody wants
    /// it to be slower. Then those that are held back are kept for the next moment, and new ones may follow them.
    func isFlowing(_ lane: Lane) -> Bool {
        if self.paused.contains(lane) { return false }
        return self.gates[lane] == nil
            || self.isFast(lane) && !self.limited.contains(lane)
                && self.gates[lane]!.refusals < self.policy.flowingRefusals
    }

    private func isFast(_ lane: Lane) -> Bool {
        self.flows[lane].map { $0.recent >= self.policy.flowingTasks } ?? false
    }

    /// Whether some tasks of a lane that does not flow may go to controllers to see whether it would.
    func mayBeTried(_ lane: Lane) -> Bool { self.isOpen(lane) && !self.limited.contains(lane) }

    /// How many tasks of an open lane may be in hand. All lanes with a gate together have as many as one without.
    func limit(_ lane: Lane) -> Int {
        guard let gate = self.gates[lane] else { return self.policy.laneTasks }
        let limit = self.policy.laneTasks / self.gates.count
        return max(1, self.isFlowing(lane) ? limit : min(gate.share, limit))
    }

    /// How many of them may be unanswered at once: of a lane that is full what was accepted lately. `nil`: any number.
    func handOverLimit(_ lane: Lane) -> Int? {
        guard let gate = self.gates[lane], self.isFlowing(lane) else { return nil }
        return gate.share
    }

    /// How many due tasks of a lane that is not open are kept for the time when it is; the others go back to the store.
    /// Twice its share, so that a share that doubles and shrinks again sends nothing back and forth. `nil`: all of
    /// them, where they flow. Giving them back costs a store that cannot keep up more than starting them.
    func kept(_ lane: Lane) -> Int? {
        guard let gate = self.gates[lane] else { return 0 }
        if self.isFlowing(lane) { return nil }
        // One at least, to be offered the next time, unless they would take the room of all others.
        let least = 4 * self.gates.count > self.policy.heldTasks ? 0 : 1
        return min(2 * gate.share, max(least, self.policy.laneTasks / self.gates.count))
    }

    var nextReopening: MonotonicInstant? { self.reopenings.first?.moment }

    // MARK: - Changes

    /// A controller answered a hand-over that had tasks of the lane.
    mutating func answered(
        _ lane: Lane, accepted: Int, deferred: Int, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) {
        var gate = self.gates[lane] ?? Gate(share: self.policy.laneTasks, changedAt: now)
        // What was under way when the lane was blocked says nothing new, unless it was accepted.
        if gate.blockedUntil != nil, accepted == 0 { return }
        if accepted > 0 {
            self.flows[lane, default: Flow(forgottenAt: now)].accepted(
                accepted, halfLife: self.policy.flowHalfLife, now: now)
        }
        if gate.blockedUntil != nil { return }
        gate.changedAt = now
        let isFast = self.isFast(lane)
        if deferred > 0 || accepted > 0 {
            gate.refusals = self.refusals(gate.refusals, accepted: accepted, isFast: isFast)
        }
        if deferred > 0 {
            let flow = gate.refusals < self.policy.flowingRefusals ? self.flows[lane]?.perHandOver : nil
            gate.share = max(self.policy.probeTasks, accepted, flow ?? 0)
            let until = now.advanced(by: self.pause(after: gate.refusals, isFast: isFast, using: &random))
            gate.blockedUntil = until
            self.reopenings.insert(until, lane)
        } else if accepted > 0 {
            gate.share = min(2 * gate.share, self.policy.laneTasks)
        }
        self.gates[lane] = deferred == 0 && gate.share >= self.policy.laneTasks ? nil : gate
    }

    private func refusals(_ before: Int, accepted: Int, isFast: Bool) -> Int {
        if accepted == 0 { return before + 1 }
        if isFast { return 0 }
        let refusals = min(before, self.policy.slowRefusals)
        // Much has changed where it has room for all that wait at a controller.
        let isWideOpen = accepted >= self.policy.probeTasks
        return max(0, min(isWideOpen ? refusals / 2 : refusals, refusals - 2))
    }

    /// It grows by half each time, but where a function is fast only after so many times as it flows for. By chance up
    /// to half of it is left out: dispatchers do not come back together.
    private func pause(
        after refusals: Int, isFast: Bool, using random: inout some RandomNumberGenerator
    ) -> Duration {
        let (shortest, longest) = (self.policy.laneShortestPause.inSeconds, self.policy.laneLongestPause.inSeconds)
        let short = self.policy.shortRefusals
        let steps = isFast ? max(min(refusals, short), refusals - self.policy.flowingRefusals + short) : refusals
        var pause = shortest
        for _ in 0..<min(steps, 64) { pause = min(1.5 * pause, longest) }
        return .fromSeconds(pause * Double.random(in: 0.5...1, using: &random))
    }

    /// - Returns: the lanes whose time to be blocked is over.
    mutating func reopen(now: MonotonicInstant) -> [Lane] {
        var lanes: [Lane] = []
        while let (moment, lane) = self.reopenings.first, moment <= now {
            _ = self.reopenings.removeFirst()
            guard self.gates[lane]?.blockedUntil == moment else { continue }
            self.gates[lane]!.blockedUntil = nil
            lanes.append(lane)
        }
        return lanes
    }

    /// Operators want these functions to be paused or limited and no others. One that is resumed begins with a small
    /// share.
    /// - Returns: the lanes for which it is new that they are paused, or not.
    mutating func set(
        _ settings: [FunctionSettings], now: MonotonicInstant
    ) -> (paused: [Lane], resumed: [Lane]) {
        self.limited = Set(settings.filter(\.isLimited).map { Lane(of: $0.function) })
        let lanes = Set(settings.filter(\.isPaused).map { Lane(of: $0.function) })
        let (paused, resumed) = (lanes.subtracting(self.paused), self.paused.subtracting(lanes))
        for lane in paused { (self.gates[lane], self.flows[lane]) = (nil, nil) }
        for lane in resumed { self.gates[lane] = Gate(share: self.policy.probeTasks, changedAt: now) }
        self.paused = lanes
        return (paused.sorted(), resumed.sorted())
    }

    /// Forgets gates that nothing has gone through for a while.
    mutating func sweep(now: MonotonicInstant, isUsed: (Lane) -> Bool) {
        let changedBefore = now.advanced(by: self.policy.laneLongestPause * -1)
        self.gates = self.gates.filter { lane, gate in
            gate.blockedUntil != nil || gate.changedAt > changedBefore || isUsed(lane)
        }
        self.flows = self.flows.filter { lane, _ in isUsed(lane) }
    }
}
