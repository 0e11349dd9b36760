internal import GRDB
internal import GearclockCore

/// What is done with tasks that this program cannot understand: a retry policy that it cannot read, a state that it
/// does not know, a row that breaks the rules of the schema. They come from programs that are not ours or from damaged
/// files. They must neither stop a daemon nor stand in the way of the tasks behind them, so they become `discarded`,
/// with an entry in their history that says why, and are kept as long as other discarded tasks are by default.
extension SQLiteChange {
    /// Runs a statement; if it meets a row that breaks a rule, sets all such rows aside and runs it again.
    func settingForeignRowsAside<Value>(now: Timestamp, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            // The statement has changed nothing; the transaction goes on.
            try self.quarantineForeignRows(now: now)
            return try body()
        }
    }

    /// Sets aside the rows that break a rule of the schema. Without such rows it looks at one page.
    func quarantineForeignRows(now: Timestamp) throws {
        let quarantine = try PreparedStatement(SQL.quarantineForeign, in: self.database)
        try quarantine.bind(1, now)
        try quarantine.bind(2, Self.keptUntil(now))
        var found: [(id: TaskID, attempt: UInt32)] = []
        try quarantine.forEachRow { row in
            if let id = row.taskID(0) { found.append((id, UInt32(clamping: row.integer(1)))) }
        }
        for task in found {
            try self.append(Self.entry(task.attempt, "it broke a rule of the schema", now: now), to: task.id)
        }
    }

    /// Sets aside tasks that were just claimed and cannot be run.
    func quarantine(_ rows: [TaskRow], now: Timestamp) throws {
        // Finds those whose very id is not one.
        try self.quarantineForeignRows(now: now)
        let quarantine = try PreparedStatement(SQL.quarantine, in: self.database)
        for row in rows {
            guard let defect = row.defect else { continue }
            try quarantine.bind(1, row.record.id)
            try quarantine.bind(2, now)
            try quarantine.bind(3, Self.keptUntil(now))
            try quarantine.run()
            guard quarantine.changes > 0 else { continue }
            try self.append(Self.entry(row.record.attempt, defect, now: now), to: row.record.id)
        }
    }

    private static func keptUntil(_ now: Timestamp) -> Timestamp {
        now.advanced(by: RetentionPolicy().failed)
    }

    private static func entry(_ attempt: UInt32, _ defect: String, now: Timestamp) -> AttemptRecord {
        AttemptRecord(
            attempt: attempt, startedAt: now, endedAt: now, outcome: .failed,
            message: Array("Discarded by the store: \(defect)".utf8))
    }
}
