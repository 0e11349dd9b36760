package import GearclockCore
internal import GearclockEnvironment

extension MariaDBChange {
    package func claimDue(_ request: ClaimRequest, now: Timestamp) throws(MariaDBFailure) -> [ClaimedTask] {
        try self.connection.setCausal(true)
        let ids = try self.due(SQL.due, request, now: now)
        if ids.isEmpty { return [] }
        do {
            // Fewer rows than ids: somebody took some of them after we looked.
            if try self.claim(ids, request) == ids.count {
                return try self.claimed(self.readable(ids, now: now), request)
            }
        } catch  where error.meaning == .ruleViolation {}
        try self.connection.rollback()
        return try self.claimCarefully(request, now: now)
    }

    /// Locks what is due, without what others hold, and looks at it before it claims it.
    private func claimCarefully(_ request: ClaimRequest, now: Timestamp) throws(MariaDBFailure) -> [ClaimedTask] {
        var ids: [TaskID] = []
        var request = request
        let limit = request.limit
        while true {
            request.limit = limit - ids.count
            let found = try self.due(SQL.dueLocked, request, now: now)
            let rows = try self.rows(SQL.lock, found)
            // A row of ours is due when the index says so.
            let foreign = rows.filter { $0.breaksRule || $0.record.definition.dueAt > request.dueBy }
            try self.setAside(foreign, now: now)
            let strange = Set(foreign.map(\.record.id))
            let good = found.filter { !strange.contains($0) }
            guard try self.claim(good, request) == good.count else { throw .conflict(.statement) }
            ids += good
            // Other tasks may stand behind those that were set aside.
            if foreign.isEmpty || ids.count >= limit { break }
        }
        return try self.claimed(self.readable(ids, now: now), request)
    }

    private func due(
        _ sql: String, _ request: ClaimRequest, now: Timestamp
    ) throws(MariaDBFailure) -> [TaskID] {
        let due = try self.connection.statement(sql)
        let began = self.clock.now.monotonic
        let start = self.connection.dueScan.start(now: began)
        due.bind(1, start)
        due.bind(2, request.dueBy)
        due.bind(3, Int64(max(0, request.limit)))
        let found = try self.found(by: due)
        let ended = self.clock.now.monotonic
        try self.connection.noteDueScan(
            from: start, head: found.first?.at ?? request.dueBy, present: now, took: began.duration(to: ended),
            now: ended)
        return found.map(\.id)
    }

    private func claim(_ ids: [TaskID], _ request: ClaimRequest) throws(MariaDBFailure) -> Int {
        try self.run(SQL.claim, ids, parameters: 3) { statement in
            statement.bind(1, request.leaseUntil)
            statement.bind(2, request.owner)
            statement.bind(3, request.dueBy)
        }
    }

    /// The rows that were just claimed, without those that nobody can run: these are discarded.
    private func readable(_ ids: [TaskID], now: Timestamp) throws(MariaDBFailure) -> [TaskRow] {
        let rows = try self.rows(SQL.tasks, ids)
        let unreadable = rows.filter { $0.defect != nil }
        try self.setAside(unreadable, now: now)
        return unreadable.isEmpty ? rows : rows.filter { $0.defect == nil }
    }

    private func claimed(_ rows: [TaskRow], _ request: ClaimRequest) -> [ClaimedTask] {
        rows.map { row in
            ClaimedTask(
                definition: row.record.definition,
                claim: Claim(id: row.record.id, owner: request.owner, attempt: row.record.attempt),
                failures: row.record.failures, leaseUntil: request.leaseUntil)
        }.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
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
