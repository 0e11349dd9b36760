internal import GRDB
internal import GearclockCore

/// What is read within one transaction.
struct SQLiteReading {
    let database: Database

    func nextDue() throws -> Timestamp? {
        try PreparedStatement(SQL.nextDue, in: self.database).firstRow { $0.timestamp(0) }
    }

    func record(_ id: TaskID) throws -> TaskRecord? {
        let statement = try PreparedStatement(SQL.record, in: self.database)
        try statement.bind(1, id)
        guard var record = try statement.firstRow({ TaskRow($0).record }) else { return nil }
        if record.attempt > 0 || record.state.isFinal {
            let history = try PreparedStatement(SQL.history, in: self.database)
            try history.bind(1, id)
            try history.forEachRow { record.history.append(AttemptRecord($0)) }
        }
        return record
    }

    func list(_ filter: ListFilter) throws -> [TaskRecord] {
        let statement: PreparedStatement
        switch filter.state {
        case nil, .scheduled:
            statement = try PreparedStatement(SQL.list, in: self.database)
            try statement.bind(4, filter.state.map { Int64($0.rawValue) })
        case .running:
            statement = try PreparedStatement(SQL.listRunning, in: self.database)
        case .completed?, .discarded?, .cancelled?, .expired?:
            statement = try PreparedStatement(SQL.listFinal, in: self.database)
            try statement.bind(4, filter.state.map { Int64($0.rawValue) })
        }
        // No id is smaller than the empty one.
        try statement.bind(1, filter.after?.bytes ?? [])
        try statement.bind(2, Int64(max(0, filter.limit)))
        try statement.bind(3, filter.function?.bytes)
        var records: [TaskRecord] = []
        try statement.forEachRow { records.append(TaskRow($0).record) }
        return records
    }

    func counts(now: Timestamp) throws -> TaskCounts {
        var counts = TaskCounts()
        counts.scheduled = try self.count(SQL.countScheduled)
        counts.running = try self.count(SQL.countRunning)
        try PreparedStatement(SQL.countFinal, in: self.database).forEachRow { row in
            if let state = UInt8(exactly: row.integer(0)).flatMap(TaskState.init(rawValue:)) {
                counts[state] = Int(row.integer(1))
            }
        }
        let overdue = try PreparedStatement(SQL.countOverdue, in: self.database)
        try overdue.bind(1, now)
        try overdue.forEachRow { row in
            counts.overdue = Int(row.integer(0))
            counts.oldestDue = row.optionalTimestamp(1)
        }
        return counts
    }

    private func count(_ sql: String) throws -> Int {
        try PreparedStatement(sql, in: self.database).firstRow { Int($0.integer(0)) } ?? 0
    }
}
