package import GearclockCore
internal import GearclockEnvironment

extension MariaDBChange {
    package func claimDue(_ request: ClaimRequest, now: Timestamp) throws(MariaDBFailure) -> [ClaimedTask] {
        try self.connection.setCausal(true)
        let ids = try self.due(request, isLocked: false, now: now)
        if ids.isEmpty { return [] }
        do {
            // Fewer rows than ids: somebody took some of them after we looked.
            if try self.claim(ids, request) == ids.count { return try self.claimed(ids, request, now: now) }
        } catch  where error.meaning == .ruleViolation {}
        try self.connection.rollback()
        return try self.claimCarefully(request, now: now)
    }

    /// Locks what is due, without what others hold, and looks at it before it claims it.
    private func claimCarefully(_ request: ClaimRequest, now: Timestamp) throws(MariaDBFailure) -> [ClaimedTask] {
        while true {
            let ids = try self.due(request, isLocked: true, now: now)
            // A row of ours is due when the index says so.
            let foreign = try self.rows(SQL.lock, ids).filter {
                $0.breaksRule || $0.record.definition.dueAt > request.dueBy
            }
            guard !foreign.isEmpty else { return try self.claimAll(ids, request, now: now) }
            // Other tasks may stand behind those.
            try self.setAside(foreign, now: now)
        }
    }

    private func claimAll(
        _ ids: [TaskID], _ request: ClaimRequest, now: Timestamp
    ) throws(MariaDBFailure) -> [ClaimedTask] {
        guard try self.claim(ids, request) == ids.count else { throw .conflict(.statement) }
        return try self.claimed(ids, request, now: now)
    }

    /// What is due, earliest first.
    private func due(
        _ request: ClaimRequest, isLocked: Bool, now: Timestamp
    ) throws(MariaDBFailure) -> [TaskID] {
        let scan = LaneScan(self.connection, clock: self.clock)
        let shares: [LaneShare]
        if let lanes = request.lanes {
            shares = lanes.map { LaneShare(lane: $0.lane, limit: min($0.limit, request.limit)) }
        } else {
            shares = try scan.dueLanes(present: now).filter { $0.dueAt <= request.dueBy }.map {
                LaneShare(lane: $0.lane, limit: request.limit)
            }
        }
        let found = try scan.due(
            shares, by: request.dueBy, buckets: request.buckets, isLocked: isLocked, present: now)
        return found.prefix(max(0, request.limit)).map(\.id)
    }

    private func claim(_ ids: [TaskID], _ request: ClaimRequest) throws(MariaDBFailure) -> Int {
        try self.run(SQL.claim, ids, parameters: 3) { statement in
            statement.bind(1, request.leaseUntil)
            statement.bind(2, request.owner)
            statement.bind(3, request.dueBy)
        }
    }

    /// What was just claimed, without those that nobody can run: these are discarded.
    ///
    /// Mostly all of it is light enough. If not, everything is taken back and the first of it claimed again, so that
    /// the common case pays nothing. However large the tasks are, only those that are kept are read whole.
    private func claimed(
        _ ids: [TaskID], _ request: ClaimRequest, now: Timestamp
    ) throws(MariaDBFailure) -> [ClaimedTask] {
        var rows = try self.weighed(ids)
        rows.sort { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
        var weight = 0
        let kept = rows.prefix { row in
            weight += row.weight
            return weight <= request.limitBytes
        }
        guard kept.count == rows.count || rows.count == 1 else {
            try self.connection.rollback()
            return try self.claimAll(rows.prefix(max(1, kept.count)).map(\.id), request, now: now)
        }
        let whole = try self.rows(SQL.tasks, rows.filter(\.isCut).map(\.id))
        let wholeByID = Dictionary(whole.map { ($0.record.id, $0) }, uniquingKeysWith: { first, _ in first })
        let complete = rows.map { wholeByID[$0.id] ?? $0.row }
        try self.setAside(complete.filter { $0.defect != nil }, now: now)
        return complete.filter { $0.defect == nil }.map { row in
            ClaimedTask(
                definition: row.record.definition,
                claim: Claim(id: row.record.id, owner: request.owner, attempt: row.record.attempt),
                failures: row.record.failures, leaseUntil: request.leaseUntil)
        }
    }

    /// A task whose payload and document may have been too large to be read along.
    private struct WeighedRow {
        var row: TaskRow
        var weight: Int
        var isCut: Bool

        var id: TaskID { self.row.record.id }
        var dueAt: Timestamp { self.row.record.definition.dueAt }
    }

    private func weighed(_ ids: [TaskID]) throws(MariaDBFailure) -> [WeighedRow] {
        var rows: [WeighedRow] = []
        rows.reserveCapacity(ids.count)
        for list in IDList.lists(of: ids) {
            let statement = try self.connection.statement(SQL.weighed(list))
            list.bind(to: statement)
            try statement.forEachRow { statement in
                let row = TaskRow(statement)
                let bytes = Int(statement.integer(18))
                let read = TaskRow.largeBytes(of: row.record.definition)
                rows.append(
                    WeighedRow(
                        row: row, weight: row.record.definition.weightBytes + bytes - read,
                        isCut: bytes > SQL.largeBytes))
            }
        }
        return rows
    }

    // MARK: - Leases

    package func extend(
        _ claims: [Claim], leaseUntil: Timestamp
    ) throws(MariaDBFailure) -> [FencedOutcome] {
        // Twice the same claim is no harm here.
        let distinct = Array(Set(claims))
        let outcomes = try self.fenced(distinct, now: nil) { (claims) throws(MariaDBFailure) in
            var affected = 0
            for (fence, ids) in Self.byFence(claims) {
                affected += try self.run(SQL.extend, ids, parameters: 3) { statement in
                    statement.bind(1, leaseUntil)
                    statement.bind(2, fence.owner)
                    statement.bind(3, Int64(fence.attempt))
                }
            }
            return affected
        }
        let byClaim = Dictionary(uniqueKeysWithValues: zip(distinct, outcomes))
        return claims.map { byClaim[$0] ?? .stale }
    }

    package func rescueExpired(
        endedBefore: Timestamp, limit: Int, now: Timestamp
    ) throws(MariaDBFailure) -> [SweepOperation.Swept] {
        try self.setUnknownStatesAside(now: now)
        let ids = try self.expired(endedBefore: endedBefore, limit: limit, now: now)
        // Who holds one of them is settling, extending or rescuing it.
        let rows = try self.rows(SQL.lockFree, ids).filter {
            $0.record.state == .running && $0.wakeAt < endedBefore
        }
        let foreign = rows.filter(\.breaksRule)
        try self.setAside(foreign, now: now)
        let records = rows.filter { !$0.breaksRule }.map(\.record)
        try self.run(SQL.rescue, records.map(\.id))
        try self.append(
            records.map { record in
                let entry = AttemptRecord(
                    attempt: record.attempt, startedAt: record.leaseUntil ?? now, endedAt: now, outcome: .leaseExpired)
                return (record.id, Int64(record.attempt), entry)
            })
        return rows.map { SweepOperation.Swept(id: $0.record.id, attempt: $0.record.attempt) }
    }

    private func expired(
        endedBefore: Timestamp, limit: Int, now: Timestamp
    ) throws(MariaDBFailure) -> [TaskID] {
        try self.connection.setCausal(true)
        let expired = try self.connection.statement(SQL.expiredLeases)
        let began = self.clock.now.monotonic
        let start = self.connection.leaseScan.start(now: began)
        expired.bind(1, start)
        expired.bind(2, endedBefore)
        expired.bind(3, Int64(max(0, limit)))
        let found = try self.found(by: expired)
        let ended = self.clock.now.monotonic
        try self.connection.noteLeaseScan(
            from: start, head: found.first?.at ?? endedBefore, present: now, took: began.duration(to: ended),
            now: ended)
        return found.map(\.id)
    }
}
