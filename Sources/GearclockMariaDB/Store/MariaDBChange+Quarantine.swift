internal import GearclockCore

/// What is done with tasks that this program cannot understand: a retry policy that it cannot read, a state that it
/// does not know, a row that breaks the rules of the schema. They come from programs that are not ours or that switch
/// the rules off. They must neither stop a daemon nor stand in the way of the tasks behind them, so they become
/// `discarded`, with an entry in their history that says why, and are kept as long as other discarded tasks are by
/// default.
extension MariaDBChange {
    /// Sets aside rows that are locked, or were just claimed.
    func setAside(_ rows: some Collection<TaskRow>, now: Timestamp) throws(MariaDBFailure) {
        guard !rows.isEmpty else { return }
        let removeAt = now.advanced(by: RetentionPolicy().failed)
        try self.run(SQL.setAside, rows.map(\.record.id), parameters: 2) { statement in
            statement.bind(1, now)
            statement.bind(2, removeAt)
        }
        try self.append(
            rows.map { row in
                let text = "Discarded by the store: \(row.defect ?? TaskRow.brokenRule)"
                let attempt = row.record.attempt
                let entry = AttemptRecord(
                    attempt: attempt, startedAt: now, endedAt: now, outcome: .failed, message: Array(text.utf8))
                // The entry of that attempt may be there already.
                return (row.record.id, Int64(attempt) + (row.record.state == .running ? 0 : 1), entry)
            })
    }

    /// Sets aside rows whose state is none: no scan for anything else finds them.
    func setUnknownStatesAside(now: Timestamp) throws(MariaDBFailure) {
        let unknown = try self.connection.statement(SQL.unknownStates)
        unknown.bind(1, Int64(IDList.capacity))
        var ids: [TaskID] = []
        try unknown.forEachRow { row in
            if let id = row.taskID(0) { ids.append(id) }
        }
        guard !ids.isEmpty else { return }
        try self.setAside(self.rows(SQL.lockFree, ids).filter(\.breaksRule), now: now)
    }

    /// Locks rows and looks at them; those that break a rule are set aside, and shown as that.
    func lockedWithoutForeign(_ ids: [TaskID], now: Timestamp) throws(MariaDBFailure) -> [TaskID: TaskRow] {
        var rows = try self.locked(ids)
        let foreign = rows.values.filter(\.breaksRule)
        try self.setAside(foreign, now: now)
        for row in foreign {
            var row = row
            row.record.state = .discarded
            rows[row.record.id] = row
        }
        return rows
    }
}
