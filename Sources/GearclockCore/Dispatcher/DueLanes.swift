/// The lanes in which the store has due tasks, and whose turn it is to be claimed from.
struct DueLanes: Sendable {
    /// The next one first.
    private var lanes: [LaneDue] = []
    /// The number of the claim in which a lane had its latest turn, of those that the store named.
    private var turns: [Lane: UInt64] = [:]
    private var turn: UInt64 = 0

    /// Whether the store had a scheduled task of the lane when it was asked last.
    func contains(_ lane: Lane) -> Bool {
        self.turns[lane] != nil
    }

    /// The store was asked again. Who has waited longest for its turn comes first, then who is due first.
    mutating func replace(_ lanes: [LaneDue]) {
        self.turns = lanes.reduce(into: [:]) { $0[$1.lane] = self.turns[$1.lane] ?? 0 }
        self.lanes = lanes.sorted {
            (self.turns[$0.lane]!, $0.dueAt, $0.lane) < (self.turns[$1.lane]!, $1.dueAt, $1.lane)
        }
    }

    /// Chooses lanes for a claim; all of them may take as much.
    /// - Parameters:
    ///   - limit: for all of them together.
    ///   - room: how many tasks of a lane may be claimed.
    mutating func shares(dueBy: Timestamp, limit: Int, room: (LaneDue) -> Int) -> [LaneShare] {
        var shares: [LaneShare] = []
        for lane in self.lanes where lane.dueAt <= dueBy {
            let room = room(lane)
            if room > 0 { shares.append(LaneShare(lane: lane.lane, limit: room)) }
            if shares.count == min(Limits.claimLanes, limit) { break }
        }
        self.turn += 1
        for index in shares.indices {
            shares[index].limit = min(shares[index].limit, limit / shares.count)
            self.turns[shares[index].lane] = self.turn
        }
        return shares
    }

    /// A claim was answered: lanes of which all came that was asked for may have more, after the others' turn.
    /// - Parameter isCutShort: any of them may have more.
    mutating func claimed(_ shares: [LaneShare], _ tasks: [ClaimedTask], isCutShort: Bool) {
        var claimed: [Lane: (count: Int, dueAt: Timestamp)] = [:]
        for task in tasks {
            let before = claimed[Lane(of: task.definition.function)] ?? (0, .distantPast)
            claimed[Lane(of: task.definition.function)] = (before.count + 1, max(before.dueAt, task.dueAt))
        }
        let limits = Dictionary(uniqueKeysWithValues: shares.map { ($0.lane, $0.limit) })
        let served = self.lanes.filter { limits[$0.lane] != nil }
        self.lanes.removeAll { limits[$0.lane] != nil }
        for lane in served where isCutShort || claimed[lane.lane]?.count == limits[lane.lane] {
            // The earliest come first: the next one is not due before the latest of these.
            self.lanes.append(LaneDue(lane: lane.lane, dueAt: max(lane.dueAt, claimed[lane.lane]?.dueAt ?? lane.dueAt)))
        }
    }
}
