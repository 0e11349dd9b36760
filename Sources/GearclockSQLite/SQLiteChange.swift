internal import GRDB
internal import GearclockCore

/// What is changed within one transaction.
struct SQLiteChange {
    let database: Database

    func insert(_ tasks: [TaskDefinition], express: ExpressClaim?) throws -> [InsertOutcome] {
        let insert = try PreparedStatement(SQL.insert, in: self.database)
        return try tasks.map { task in
            try TaskRow.bind(task, claim: express.flatMap { task.dueAt <= $0.dueBy ? $0 : nil }, to: insert)
            try insert.run()
            if insert.changes == 1 { return .inserted }
            return .exists(try self.state(of: task.id) ?? .discarded)
        }
    }

    func extend(_ claims: [Claim], leaseUntil: Timestamp) throws -> [FencedOutcome] {
        let extend = try PreparedStatement(SQL.extend, in: self.database)
        return try claims.map { claim in
            try extend.bind(4, leaseUntil)
            return try self.run(extend, fencedBy: claim)
        }
    }

    func settle(_ settlement: Settlement, now: Timestamp) throws -> FencedOutcome {
        let claim = settlement.claim
        switch settlement.change {
        case .complete(keepUntil: nil):
            return try self.complete(claim)
        case .complete(let keepUntil?):
            return try self.finish(claim, .completed, now: now, removeAt: keepUntil, failures: 0)
        case .retry(let at, let attempt):
            let outcome = try self.reschedule(claim, at: at, failures: 1)
            if outcome == .done { try self.append(attempt, to: claim.id) }
            return outcome
        case .release(let at):
            return try self.reschedule(claim, at: at, failures: 0)
        case .discard(let keepUntil, let attempt):
            let outcome = try self.finish(claim, .discarded, now: now, removeAt: keepUntil, failures: 1)
            if outcome == .done { try self.append(attempt, to: claim.id) }
            return outcome
        case .expire(let keepUntil, let attempt):
            let outcome = try self.finish(claim, .expired, now: now, removeAt: keepUntil, failures: 0)
            if outcome == .done { try self.append(attempt, to: claim.id) }
            return outcome
        }
    }

    func rescueExpired(endedBefore: Timestamp, limit: Int, now: Timestamp) throws -> Int {
        try self.quarantineForeignRows(now: now)
        let limit = Int64(max(0, limit))
        let expired = try PreparedStatement(SQL.expiredLeases, in: self.database)
        try expired.bind(1, endedBefore)
        try expired.bind(2, limit)
        var entries: [(id: TaskID, attempt: AttemptRecord)] = []
        try expired.forEachRow { row in
            guard let id = row.taskID(0) else { return }
            let attempt = AttemptRecord.leaseExpired(
                attempt: UInt32(clamping: row.integer(1)), leaseUntil: row.timestamp(2), now: now)
            entries.append((id, attempt))
        }
        guard !entries.isEmpty else { return 0 }
        let rescue = try PreparedStatement(SQL.rescue, in: self.database)
        try rescue.bind(1, endedBefore)
        try rescue.bind(2, limit)
        try rescue.run()
        for entry in entries { try self.append(entry.attempt, to: entry.id) }
        return entries.count
    }

    func cancel(_ id: TaskID, removeAt: Timestamp, now: Timestamp) throws -> CancelOutcome {
        guard let state = try self.state(of: id) else { return .notFound }
        if state.isFinal { return .alreadyFinal(state) }
        let cancel = try PreparedStatement(SQL.cancel, in: self.database)
        try cancel.bind(1, id)
        try cancel.bind(2, now)
        try cancel.bind(3, removeAt)
        let attempt = try cancel.firstRow { row in
            AttemptRecord.cancelled(attempt: UInt32(clamping: row.integer(0)), dueAt: row.timestamp(1), now: now)
        }
        guard state == .running, let attempt else { return .cancelled }
        try self.append(attempt, to: id)
        return .cancelledWhileRunning
    }

    func eject(_ ids: [TaskID]) throws {
        let eject = try PreparedStatement(SQL.eject, in: self.database)
        for id in ids {
            try eject.bind(1, id)
            try eject.run()
            if eject.changes > 0 { try self.removeHistory(of: id) }
        }
    }

    func prune(limit: Int, now: Timestamp) throws -> Int {
        let prune = try PreparedStatement(SQL.prune, in: self.database)
        try prune.bind(1, now)
        try prune.bind(2, Int64(max(0, limit)))
        var count = 0
        var ids: [TaskID] = []
        try prune.forEachRow { row in
            count += 1
            if let id = row.taskID(0) { ids.append(id) }
        }
        for id in ids { try self.removeHistory(of: id) }
        return count
    }

    // MARK: - Changes of one claimed task

    private func run(_ statement: PreparedStatement, fencedBy claim: Claim) throws -> FencedOutcome {
        try statement.bind(1, claim.id)
        try statement.bind(2, claim.owner)
        try statement.bind(3, Int64(claim.attempt))
        try statement.run()
        return statement.changes == 1 ? .done : .stale
    }

    private func complete(_ claim: Claim) throws -> FencedOutcome {
        let outcome = try self.run(PreparedStatement(SQL.complete, in: self.database), fencedBy: claim)
        // The first attempt has no history before it.
        if outcome == .done, claim.attempt > 1 { try self.removeHistory(of: claim.id) }
        return outcome
    }

    private func reschedule(_ claim: Claim, at dueAt: Timestamp, failures: Int64) throws -> FencedOutcome {
        let reschedule = try PreparedStatement(SQL.reschedule, in: self.database)
        try reschedule.bind(4, dueAt)
        try reschedule.bind(5, failures)
        return try self.run(reschedule, fencedBy: claim)
    }

    private func finish(
        _ claim: Claim, _ state: TaskState, now: Timestamp, removeAt: Timestamp, failures: Int64
    ) throws -> FencedOutcome {
        let finish = try PreparedStatement(SQL.finish, in: self.database)
        try finish.bind(4, Int64(state.rawValue))
        try finish.bind(5, now)
        try finish.bind(6, removeAt)
        try finish.bind(7, failures)
        return try self.run(finish, fencedBy: claim)
    }

    private func state(of id: TaskID) throws -> TaskState? {
        let statement = try PreparedStatement(SQL.state, in: self.database)
        try statement.bind(1, id)
        return try statement.firstRow { row in
            UInt8(exactly: row.integer(0)).flatMap(TaskState.init(rawValue:)) ?? .discarded
        }
    }

    // MARK: - History

    func append(_ attempt: AttemptRecord, to id: TaskID) throws {
        let add = try PreparedStatement(SQL.addAttempt, in: self.database)
        try add.bind(1, id)
        try add.bind(2, Int64(attempt.attempt))
        try add.bind(3, attempt.startedAt)
        try add.bind(4, attempt.endedAt)
        try add.bind(5, Int64(attempt.outcome.rawValue))
        try add.bind(6, attempt.message)
        let number = try add.firstRow { $0.integer(0) } ?? 0
        guard number > Int64(Limits.historyEntries) else { return }
        let trim = try PreparedStatement(SQL.trimHistory, in: self.database)
        try trim.bind(1, id)
        try trim.bind(2, number - Int64(Limits.historyEntries))
        try trim.run()
    }

    private func removeHistory(of id: TaskID) throws {
        let remove = try PreparedStatement(SQL.removeHistory, in: self.database)
        try remove.bind(1, id)
        try remove.run()
    }
}
