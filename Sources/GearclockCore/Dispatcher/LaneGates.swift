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
        /// How often in a row nothing was accepted.
        var refusals = 0
        var blockedUntil: MonotonicInstant?
        var changedAt: MonotonicInstant
    }

    private let policy: DispatcherPolicy
    /// Of the lanes that are not wide open.
    private var gates: [Lane: Gate] = [:]
    private var paused: Set<Lane> = []
    /// When lanes are no longer blocked. Entries of another moment than the gate's are left over.
    private var reopenings = TimerHeap<MonotonicInstant, Lane>()

    init(policy: DispatcherPolicy) {
        self.policy = policy
    }

    /// Whether tasks of the lane may be claimed and handed over now.
    func isOpen(_ lane: Lane) -> Bool {
        !self.paused.contains(lane) && self.gates[lane]?.blockedUntil == nil
    }

    /// Whether nothing holds tasks of the lane back.
    func isWideOpen(_ lane: Lane) -> Bool {
        !self.paused.contains(lane) && self.gates[lane] == nil
    }

    /// How many tasks of an open lane may be in hand. All lanes with a gate together have as many as one without.
    func limit(_ lane: Lane) -> Int {
        guard let gate = self.gates[lane] else { return self.policy.laneTasks }
        return max(1, min(gate.share, self.policy.laneTasks / self.gates.count))
    }

    /// How many tasks of a lane that is not open are kept for the time when it is; the others go back to the store.
    /// Twice its share, so that a share that doubles and shrinks again sends nothing back and forth.
    func kept(_ lane: Lane) -> Int {
        guard let gate = self.gates[lane], !self.paused.contains(lane) else { return 0 }
        return min(2 * gate.share, self.policy.laneTasks / self.gates.count)
    }

    var nextReopening: MonotonicInstant? { self.reopenings.first?.moment }

    // MARK: - Changes

    /// A controller answered a hand-over that had tasks of the lane.
    mutating func answered(
        _ lane: Lane, accepted: Int, deferred: Int, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) {
        var gate = self.gates[lane] ?? Gate(share: self.policy.laneTasks, changedAt: now)
        // What was under way when the lane was blocked says nothing new.
        if gate.blockedUntil != nil { return }
        gate.changedAt = now
        if deferred > 0 {
            gate.refusals = accepted > 0 ? 0 : gate.refusals + 1
            gate.share = max(self.policy.probeTasks, accepted)
            let until = now.advanced(by: self.pause(after: gate.refusals, using: &random))
            gate.blockedUntil = until
            self.reopenings.insert(until, lane)
        } else if accepted > 0 {
            gate.refusals = 0
            gate.share = min(2 * gate.share, self.policy.laneTasks)
        }
        self.gates[lane] = deferred == 0 && gate.share >= self.policy.laneTasks ? nil : gate
    }

    /// It grows by half each time. By chance up to half of it is left out: dispatchers do not come back together.
    private func pause(after refusals: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let (shortest, longest) = (self.policy.laneShortestPause.inSeconds, self.policy.laneLongestPause.inSeconds)
        var pause = shortest
        for _ in 0..<min(refusals, 64) { pause = min(1.5 * pause, longest) }
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

    /// Operators want these lanes to be paused and no others. One that is resumed begins with a small share.
    /// - Returns: the lanes for which that is new.
    mutating func pause(only lanes: Set<Lane>, now: MonotonicInstant) -> (paused: [Lane], resumed: [Lane]) {
        let (paused, resumed) = (lanes.subtracting(self.paused), self.paused.subtracting(lanes))
        for lane in paused { self.gates[lane] = nil }
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
    }
}
