package import GearclockCore

extension MariaDBChange {
    package func settle(_ settlements: [Settlement], now: Timestamp) throws(MariaDBFailure) -> [FencedOutcome] {
        // Of two settlements of one task the second finds what the first left: mostly nothing that it holds.
        try self.fenced(settlements.map(\.claim), now: now) { (places) throws(MariaDBFailure) in
            try self.change(places.map { settlements[$0] }, now: now)
        }
    }

    /// - Returns: how many claims held.
    private func change(_ settlements: [Settlement], now: Timestamp) throws(MariaDBFailure) -> Int {
        var completed: [Claim] = []
        var rescheduled: [(claim: Claim, at: Timestamp, failures: Int64)] = []
        var finished: [(claim: Claim, state: TaskState, removeAt: Timestamp, failures: Int64)] = []
        var entries: [(TaskID, Int64, AttemptRecord)] = []
        for settlement in settlements {
            let claim = settlement.claim
            switch settlement.change {
            case .complete(keepUntil: nil): completed.append(claim)
            case .complete(let keepUntil?): finished.append((claim, .completed, keepUntil, 0))
            case .retry(let at, let entry):
                rescheduled.append((claim, at, 1))
                entries.append((claim.id, Int64(claim.attempt), entry))
            case .release(let at): rescheduled.append((claim, at, 0))
            case .discard(let keepUntil, let entry):
                finished.append((claim, .discarded, keepUntil, 1))
                entries.append((claim.id, Int64(claim.attempt), entry))
            case .expire(let keepUntil, let entry):
                finished.append((claim, .expired, keepUntil, 0))
                entries.append((claim.id, Int64(claim.attempt), entry))
            }
        }
        let affected =
            try self.complete(completed) + self.reschedule(rescheduled) + self.finish(finished, now: now)
        // If a claim did not hold, all of this is taken back, entries too.
        if affected == settlements.count { try self.append(entries) }
        return affected
    }

    private func complete(_ claims: [Claim]) throws(MariaDBFailure) -> Int {
        var affected = 0
        for (fence, ids) in Self.byFence(claims) {
            affected += try self.run(SQL.complete, ids, parameters: 2) { statement in
                statement.bind(1, fence.owner)
                statement.bind(2, Int64(fence.attempt))
            }
            // The first attempt has no history before it.
            if fence.attempt > 1 { try self.run(SQL.removeHistory, ids) }
        }
        return affected
    }

    private func reschedule(
        _ changes: [(claim: Claim, at: Timestamp, failures: Int64)]
    ) throws(MariaDBFailure) -> Int {
        guard !changes.isEmpty else { return 0 }
        let reschedule = try self.connection.statement(SQL.reschedule)
        for change in changes {
            reschedule.bind(1, change.at)
            reschedule.bind(2, change.at)
            reschedule.bind(3, change.failures)
            reschedule.bind(4, change.claim.id)
            reschedule.bind(5, change.claim.owner)
            reschedule.bind(6, Int64(change.claim.attempt))
            reschedule.endRow()
        }
        return try reschedule.runBatch()
    }

    private func finish(
        _ changes: [(claim: Claim, state: TaskState, removeAt: Timestamp, failures: Int64)], now: Timestamp
    ) throws(MariaDBFailure) -> Int {
        guard !changes.isEmpty else { return 0 }
        let finish = try self.connection.statement(SQL.finish)
        for change in changes {
            finish.bind(1, Int64(change.state.rawValue))
            finish.bind(2, now)
            finish.bind(3, change.removeAt)
            finish.bind(4, change.failures)
            finish.bind(5, change.claim.id)
            finish.bind(6, change.claim.owner)
            finish.bind(7, Int64(change.claim.attempt))
            finish.endRow()
        }
        return try finish.runBatch()
    }

    // MARK: - History

    /// Adds entries to histories, each under the attempt number of the claim that it is about.
    func append(_ entries: [(id: TaskID, number: Int64, entry: AttemptRecord)]) throws(MariaDBFailure) {
        guard !entries.isEmpty else { return }
        let add = try self.connection.statement(SQL.addAttempt)
        for (id, number, entry) in entries {
            add.bind(1, id)
            add.bind(2, number)
            add.bind(3, Int64(entry.attempt))
            add.bind(4, entry.startedAt)
            add.bind(5, entry.endedAt)
            add.bind(6, Int64(entry.outcome.rawValue))
            add.bind(7, entry.message)
            add.endRow()
        }
        try add.runBatch()
        let trim = try self.connection.statement(SQL.trimHistory)
        for (id, number, _) in entries where number > Int64(Limits.historyEntries) {
            trim.bind(1, id)
            trim.bind(2, id)
            trim.bind(3, Int64(Limits.historyEntries))
            try trim.run()
        }
    }
}
