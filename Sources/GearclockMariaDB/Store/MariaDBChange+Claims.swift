package import GearclockCore
internal import GearclockEnvironment

extension MariaDBChange {
    package func claimDue(_ request: ClaimRequest, now: Timestamp) throws(MariaDBFailure) -> [ClaimedTask] {
        try self.connection.setCausal(true)
        let due = try self.due(request, now: now)
        if due.isEmpty { return [] }
        do {
            if let claimed = try self.claim(due, request, now: now) { return claimed }
        } catch  where error.meaning == .ruleViolation {}
        try self.connection.rollback()
        return try self.claimCarefully(request, now: now)
    }

    /// Locks what is due, without what others hold, and looks at it before it claims it.
    private func claimCarefully(_ request: ClaimRequest, now: Timestamp) throws(MariaDBFailure) -> [ClaimedTask] {
        while true {
            let due = try self.candidates(self.dueIDs(request, isLocked: true, now: now))
            if due.isEmpty { return [] }
            // A row of ours is due when the index says so.
            let foreign = due.map(\.row).filter { $0.breaksRule || $0.record.definition.dueAt > request.dueBy }
            guard !foreign.isEmpty else {
                guard let claimed = try self.claim(due, request, now: now) else { throw .conflict(.statement) }
                return claimed
            }
            // Other tasks may stand behind those.
            try self.setAside(foreign, now: now)
        }
    }

    /// What is due, earliest first.
    private func due(_ request: ClaimRequest, now: Timestamp) throws(MariaDBFailure) -> [ClaimCandidate] {
        // Each lane may give less than its limit. If all of them together could give too much, it is first seen what is
        // to be read.
        guard let lanes = request.lanes, lanes.map(\.limit).reduce(0, +) <= request.limit else {
            return try self.candidates(self.dueIDs(request, isLocked: false, now: now))
        }
        return try LaneScan(self.connection, clock: self.clock).dueTasks(
            lanes, by: request.dueBy, buckets: request.buckets, present: now)
    }

    private func dueIDs(
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

    /// Locks tasks and reads them, earliest first.
    private func candidates(_ ids: [TaskID]) throws(MariaDBFailure) -> [ClaimCandidate] {
        var candidates: [ClaimCandidate] = []
        candidates.reserveCapacity(ids.count)
        for list in IDList.lists(of: ids) {
            let statement = try self.connection.statement(SQL.weighed(list))
            list.bind(to: statement)
            try statement.forEachRow { candidates.append(ClaimCandidate($0)) }
        }
        return ClaimCandidate.inOrder(candidates)
    }

    /// Claims as much of what is due as is light enough; however large the tasks are, only that is read whole.
    ///
    /// - Returns: what is claimed, without those that nobody can run: these are discarded. `nil`: some were changed
    ///   after they were read, and all of it is to be taken back.
    private func claim(
        _ due: [ClaimCandidate], _ request: ClaimRequest, now: Timestamp
    ) throws(MariaDBFailure) -> [ClaimedTask]? {
        let candidates = ClaimCandidate.light(due, limitBytes: request.limitBytes)
        guard try self.take(candidates, request) == candidates.count else { return nil }
        let whole = try self.rows(SQL.tasks, candidates.filter(\.isCut).map(\.id))
        let wholeByID = Dictionary(whole.map { ($0.record.id, $0) }, uniquingKeysWith: { first, _ in first })
        var claimed: [ClaimedTask] = []
        claimed.reserveCapacity(candidates.count)
        var unreadable: [TaskRow] = []
        for candidate in candidates {
            if candidate.row.defect != nil {
                var row = candidate.row
                row.record.state = .running
                row.record.attempt = candidate.attempt
                unreadable.append(row)
                continue
            }
            claimed.append(
                ClaimedTask(
                    definition: (wholeByID[candidate.id] ?? candidate.row).record.definition,
                    claim: Claim(id: candidate.id, owner: request.owner, attempt: candidate.attempt),
                    failures: candidate.row.record.failures, leaseUntil: request.leaseUntil))
        }
        try self.setAside(unreadable, now: now)
        return claimed
    }

    /// Claims tasks that are still as they were read.
    /// - Returns: how many are.
    private func take(
        _ candidates: ArraySlice<ClaimCandidate>, _ request: ClaimRequest
    ) throws(MariaDBFailure) -> Int {
        var affected = 0
        // Mostly one group, because most tasks are new.
        for (attempt, places) in Dictionary(grouping: candidates.indices, by: { candidates[$0].row.record.attempt }) {
            let created = places.map { candidates[$0].row.record.definition.createdAt }
            for list in IDList.lists(of: places.map { candidates[$0].id }) {
                let claim = try self.connection.statement(SQL.claim(list))
                claim.bind(1, request.leaseUntil)
                claim.bind(2, request.owner)
                claim.bind(3, request.dueBy)
                claim.bind(4, Int64(attempt))
                list.bindPairs(with: created, to: claim, from: 5)
                affected += try claim.run()
            }
        }
        return affected
    }

    // MARK: - Leases

    package func extend(
        _ claims: [Claim], leaseUntil: Timestamp
    ) throws(MariaDBFailure) -> [FencedOutcome] {
        // Twice the same claim is no harm here.
        let distinct = Array(Set(claims))
        let outcomes = try self.fenced(distinct, now: nil) { (places) throws(MariaDBFailure) in
            var affected = 0
            for (fence, ids) in Self.byFence(places.map { distinct[$0] }) {
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
                let entry = AttemptRecord.leaseExpired(
                    attempt: record.attempt, leaseUntil: record.leaseUntil ?? now, now: now)
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
