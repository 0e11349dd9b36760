internal import GRDB
internal import GearclockCore

/// What is read within one transaction.
struct SQLiteReading {
    let database: Database

    func dueLanes() throws -> [LaneDue] {
        let next = try PreparedStatement(SQL.nextLane, in: self.database)
        var lanes: [LaneDue] = []
        var last: Int64 = -1
        while true {
            try next.bind(1, last)
            guard let (lane, dueAt) = try next.firstRow({ ($0.integer(0), $0.timestamp(1)) }) else { return lanes }
            // What is no lane stands in a foreign row, which is set aside with all that break a rule.
            if let value = UInt32(exactly: lane) { lanes.append(LaneDue(lane: Lane(value: value), dueAt: dueAt)) }
            last = lane
        }
    }

    func functionSettings() throws -> [FunctionSettings] {
        var settings: [FunctionSettings] = []
        try PreparedStatement(SQL.functionSettings, in: self.database).forEachRow { row in
            guard let function = FunctionName(row.bytes(0)) else { return }
            let limit = { (column: CInt) in row.optionalInteger(column).map { UInt32(clamping: $0) } }
            settings.append(
                FunctionSettings(
                    function: function, isPaused: row.integer(1) != 0, inFlight: limit(2), perThousandSeconds: limit(3),
                    queueWatermark: limit(4)))
        }
        return settings
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
        let due = try self.dueLanes().filter { $0.dueAt <= now }
        counts.oldestDue = due.map(\.dueAt).min()
        let overdue = try PreparedStatement(SQL.countOverdue, in: self.database)
        try overdue.bind(2, now)
        for lane in due {
            try overdue.bind(1, lane.lane)
            counts.overdue += try overdue.firstRow { Int($0.integer(0)) } ?? 0
        }
        return counts
    }

    private func count(_ sql: String) throws -> Int {
        try PreparedStatement(sql, in: self.database).firstRow { Int($0.integer(0)) } ?? 0
    }
}
