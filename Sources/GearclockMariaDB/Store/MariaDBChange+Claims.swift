package import GearclockCore

extension MariaDBChange {
    /// - Parameter notBefore: the scan begins here; tasks that are due earlier are not seen.
    package func claimDue(
        _ request: ClaimRequest, notBefore: Timestamp, now: Timestamp
    ) throws(MariaDBFailure) -> [ClaimedTask] {
        try self.connection.setCausal(false)
        var ids = try self.due(SQL.due, request, notBefore)
        if try self.claim(ids, request) < ids.count {
            // Somebody took some of them after we looked. Which ones only locks can tell.
            try self.connection.rollback()
            ids = try self.due(SQL.dueLocked, request, notBefore)
            guard try self.claim(ids, request) == ids.count else { throw .conflict(.statement) }
        }
        let rows = try self.rows(ids)
        let unreadable = rows.filter { $0.defect != nil }
        if !unreadable.isEmpty { try self.quarantine(unreadable, now: now) }
        return rows.filter { $0.defect == nil }.map { row in
            ClaimedTask(
                definition: row.record.definition,
                claim: Claim(id: row.record.id, owner: request.owner, attempt: row.record.attempt),
                failures: row.record.failures, leaseUntil: request.leaseUntil)
        }.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
    }

    private func due(
        _ sql: String, _ request: ClaimRequest, _ notBefore: Timestamp
    ) throws(MariaDBFailure) -> [TaskID] {
        let due = try self.connection.statement(sql)
        due.bind(1, notBefore)
        due.bind(2, request.dueBy)
        due.bind(3, Int64(max(0, request.limit)))
        return try self.ids(from: due)
    }

    private func claim(_ ids: [TaskID], _ request: ClaimRequest) throws(MariaDBFailure) -> Int {
        try self.run(SQL.claim, ids, parameters: 2) { statement in
            statement.bind(1, request.leaseUntil)
            statement.bind(2, request.owner)
        }
    }

    private func rows(_ ids: [TaskID]) throws(MariaDBFailure) -> [TaskRow] {
        var rows: [TaskRow] = []
        rows.reserveCapacity(ids.count)
        for list in IDList.lists(of: ids) {
            let tasks = try self.connection.statement(SQL.tasks(list))
            list.bind(to: tasks)
            try tasks.forEachRow { rows.append(TaskRow($0)) }
        }
        return rows
    }

    /// Sets aside tasks that were just claimed and cannot be run: discarded, with the reason in their history.
    private func quarantine(_ rows: [TaskRow], now: Timestamp) throws(MariaDBFailure) {
        let removeAt = now.advanced(by: RetentionPolicy().failed)
        try self.end(rows.map(\.record.id), .discarded, now: now, removeAt: removeAt)
        try self.append(
            rows.map { row in
                let text = "Discarded by the store: \(row.defect ?? "")"
                return (
                    row.record.id, row.record.attempt,
                    AttemptRecord(
                        attempt: row.record.attempt, startedAt: now, endedAt: now, outcome: .failed,
                        message: Array(text.utf8))
                )
            })
    }

    // MARK: - Leases

    package func extend(_ claims: [Claim], leaseUntil: Timestamp) throws(MariaDBFailure) -> [FencedOutcome] {
        // The same claim twice is extended once and holds both times.
        var seen: Set<Claim> = []
        let distinct = claims.filter { seen.insert($0).inserted }
        let outcomes = try self.fenced(distinct) { (claims) throws(MariaDBFailure) in
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
        let outcomeByClaim = Dictionary(zip(distinct, outcomes), uniquingKeysWith: { first, _ in first })
        return claims.map { outcomeByClaim[$0] ?? .stale }
    }

    package func rescueExpired(
        endedBefore: Timestamp, limit: Int, now: Timestamp
    ) throws(MariaDBFailure) -> Int {
        try self.connection.setCausal(false)
        let expired = try self.connection.statement(SQL.expiredLeases)
        expired.bind(1, endedBefore)
        expired.bind(2, Int64(max(0, limit)))
        var entries: [(TaskID, UInt32, AttemptRecord)] = []
        try expired.forEachRow { row in
            guard let id = row.taskID(0) else { return }
            let attempt = UInt32(clamping: row.integer(1))
            let entry = AttemptRecord(
                attempt: attempt, startedAt: row.timestamp(2), endedAt: now, outcome: .leaseExpired)
            entries.append((id, attempt, entry))
        }
        try self.run(SQL.rescue, entries.map(\.0))
        try self.append(entries)
        return entries.count
    }

    // MARK: - Fences

    struct Fence: Hashable {
        let owner: OwnerID
        let attempt: UInt32
    }

    /// Claims by what their rows have in common: mostly one group, because one owner claims new tasks.
    static func byFence(_ claims: some Sequence<Claim>) -> [Fence: [TaskID]] {
        Dictionary(grouping: claims) { Fence(owner: $0.owner, attempt: $0.attempt) }.mapValues { $0.map(\.id) }
    }

    /// Changes rows whose claims hold.
    ///
    /// - Parameter change: changes the rows of these claims, no id twice, and returns how many it found.
    func fenced(
        _ claims: [Claim], _ change: (_ claims: [Claim]) throws(MariaDBFailure) -> Int
    ) throws(MariaDBFailure) -> [FencedOutcome] {
        let isDistinct = Set(claims.map(\.id)).count == claims.count
        if isDistinct, try change(claims) == claims.count { return claims.map { _ in .done } }
        if self.connection.isInTransaction { try self.connection.rollback() }
        var standing = try self.locked(claims.map(\.id))
        let holds = claims.map { claim in
            guard let row = standing[claim.id], row.holds(claim) else { return false }
            // The same claim a second time finds what the first left.
            standing[claim.id] = nil
            return true
        }
        let holding = zip(claims, holds).filter { $0.1 }.map { $0.0 }
        guard try change(holding) == holding.count else { throw .conflict(.statement) }
        return holds.map { $0 ? .done : .stale }
    }
}
