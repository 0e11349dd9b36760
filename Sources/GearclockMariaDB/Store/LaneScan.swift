internal import GearclockCore
internal import GearclockEnvironment

/// Looks for what is due, lane by lane, on one connection.
struct LaneScan {
    /// A scheduled task, as the index has it.
    struct Found {
        var id: TaskID
        var dueAt: Timestamp
        var lane: Lane
    }

    private let connection: MariaDBConnection
    private let clock: any GearclockClock

    init(_ connection: MariaDBConnection, clock: any GearclockClock) {
        self.connection = connection
        self.clock = clock
    }

    /// When the earliest task of each lane is due, in the order of lanes.
    ///
    /// - Parameter present: the caller's time.
    func dueLanes(present: Timestamp) throws(MariaDBFailure) -> [LaneDue] {
        let began = self.clock.now.monotonic
        if let known = self.connection.laneScans.lanesToAsk(now: began) {
            let first = known.map { LaneShare(lane: $0, limit: 1) }
            return try self.due(first, by: .distantFuture, buckets: .all, isLocked: false, present: present)
                .map { LaneDue(lane: $0.lane, dueAt: $0.dueAt) }.sorted { $0.lane < $1.lane }
        }
        var lanes: [LaneDue] = []
        let next = try self.connection.statement(SQL.nextLane)
        var last: Int64? = (1 << 32) - 1
        while let lane = last {
            last = nil
            next.bind(1, lane)
            try next.forEachRow { row in
                last = row.integer(0)
                lanes.append(LaneDue(lane: Lane(indexed: row.integer(0)), dueAt: row.timestamp(1)))
            }
        }
        let ended = self.clock.now.monotonic
        try self.connection.noteLanes(lanes, present: present, took: began.duration(to: ended), now: ended)
        return lanes
    }

    /// What is due in some lanes, earliest first.
    ///
    /// - Parameters:
    ///   - isLocked: rows that others hold at this moment are passed over, and the others are locked.
    ///   - present: the caller's time.
    func due(
        _ shares: [LaneShare], by dueBy: Timestamp, buckets: BucketSet, isLocked: Bool, present: Timestamp
    ) throws(MariaDBFailure) -> [Found] {
        var found: [Found] = []
        // A statement that locks is no part of a union.
        try self.scan(
            shares, by: dueBy, buckets: buckets, present: present, lanesAtOnce: isLocked ? 1 : Limits.claimLanes,
            isLocked ? { _ in SQL.dueLocked } : SQL.due
        ) { row in
            let lane = Lane(indexed: row.integer(2))
            if let id = row.taskID(0) { found.append(Found(id: id, dueAt: row.timestamp(1), lane: lane)) }
            return (lane, row.timestamp(1))
        }
        // One lane alone is in order.
        if shares.count > 1 { found.sort { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) } }
        return found
    }

    /// The same, not locked, with what stands of the tasks.
    func dueTasks(
        _ shares: [LaneShare], by dueBy: Timestamp, buckets: BucketSet, present: Timestamp
    ) throws(MariaDBFailure) -> [ClaimCandidate] {
        var found: [ClaimCandidate] = []
        try self.scan(
            shares, by: dueBy, buckets: buckets, present: present, lanesAtOnce: Limits.claimLanes, SQL.dueTasks
        ) { row in
            found.append(ClaimCandidate(row))
            return (Lane(indexed: row.integer(19)), row.timestamp(2))
        }
        return shares.count > 1 ? ClaimCandidate.inOrder(found) : found
    }

    /// Looks into lanes, some at once.
    /// - Parameters:
    ///   - sql: the statement for a number of lanes.
    ///   - read: reads a row, and returns where it stands in the index.
    private func scan(
        _ shares: [LaneShare], by dueBy: Timestamp, buckets: BucketSet, present: Timestamp, lanesAtOnce: Int,
        _ sql: (Int) -> String, _ read: (MariaDBStatement) -> (lane: Lane, dueAt: Timestamp)
    ) throws(MariaDBFailure) {
        let shares = shares.filter { $0.limit > 0 }
        for first in stride(from: 0, to: shares.count, by: lanesAtOnce) {
            let some = shares[first..<min(first + lanesAtOnce, shares.count)]
            // As with lists of ids, so that a connection prepares seven statements and not sixty-four.
            let lanes = 1 << (Int.bitWidth - (some.count - 1).leadingZeroBitCount)
            let due = try self.connection.statement(sql(lanes))
            let began = self.clock.now.monotonic
            var looks: [LaneScans.Look] = []
            for share in some {
                let start = self.connection.laneScans.start(of: share.lane, buckets, now: began)
                looks.append(LaneScans.Look(lane: share.lane, start: start, head: dueBy))
            }
            for place in 0..<lanes {
                let isNeeded = place < looks.count
                let look = isNeeded ? looks[place] : looks[0]
                due.bind(5 * place + 1, look.lane.indexed)
                due.bind(5 * place + 2, look.start)
                due.bind(5 * place + 3, dueBy)
                due.bind(5 * place + 4, Int64(bitPattern: buckets.mask))
                due.bind(5 * place + 5, isNeeded ? Int64(some[some.startIndex + place].limit) : 0)
            }
            var heads: [Lane: Timestamp] = [:]
            try due.forEachRow { row in
                let entry = read(row)
                if heads[entry.lane] == nil { heads[entry.lane] = entry.dueAt }
            }
            for place in looks.indices { looks[place].head = heads[looks[place].lane] ?? dueBy }
            let ended = self.clock.now.monotonic
            try self.connection.noteLooks(looks, present: present, took: began.duration(to: ended), now: ended)
        }
    }
}

extension Lane {
    /// As the index has it: after the numbers of all states.
    fileprivate var indexed: Int64 { 1 << 32 + Int64(self.value) }

    fileprivate init(indexed: Int64) {
        self.init(value: UInt32(truncatingIfNeeded: indexed))
    }
}
