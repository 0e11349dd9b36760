package import GearclockCore
package import GearclockEnvironment

/// What is read on one connection. Each statement sees what is committed when it begins, so that a task and its history
/// may be one change apart.
package struct MariaDBReading {
    let connection: MariaDBConnection
    /// Measures how long scans take.
    let clock: any GearclockClock

    package init(_ connection: MariaDBConnection, clock: any GearclockClock) {
        self.connection = connection
        self.clock = clock
    }

    /// What stands of these tasks, after all that any node has committed.
    package func standing(_ ids: [TaskID]) throws(MariaDBFailure) -> [TaskID: StandingRow] {
        try self.connection.setCausal(true)
        var rows: [TaskID: StandingRow] = [:]
        rows.reserveCapacity(ids.count)
        for list in IDList.lists(of: ids) {
            let standing = try self.connection.statement(SQL.standing(list))
            list.bind(to: standing)
            try standing.forEachRow { row in
                let row = StandingRow(row)
                rows[row.id] = row
            }
        }
        return rows
    }

    /// Which of these tasks are there, after all that any node has committed. Mostly all of them: then they are only
    /// counted, which takes a node half as long.
    package func present(_ ids: [TaskID]) throws(MariaDBFailure) -> Set<TaskID> {
        try self.connection.setCausal(true)
        var count = 0
        for list in IDList.lists(of: ids) {
            let counting = try self.connection.statement(SQL.count(list))
            list.bind(to: counting)
            try counting.forEachRow { count += Int($0.integer(0)) }
        }
        return count == ids.count ? Set(ids) : Set(try self.standing(ids).keys)
    }

    package func dueLanes() throws(MariaDBFailure) -> [LaneDue] {
        try self.connection.setCausal(true)
        return try LaneScan(self.connection, clock: self.clock).dueLanes(present: self.clock.now.wall)
    }

    package func records(of ids: [TaskID]) throws(MariaDBFailure) -> [TaskRecord?] {
        try self.connection.setCausal(true)
        var records: [TaskID: TaskRecord] = [:]
        for list in IDList.lists(of: ids) {
            let tasks = try self.connection.statement(SQL.tasks(list))
            list.bind(to: tasks)
            try tasks.forEachRow { row in
                let record = TaskRow(row).record
                records[record.id] = record
            }
        }
        // A task that was never claimed has no history, unless it ended.
        let withHistory = records.values.filter { $0.attempt > 0 || $0.state.isFinal }.map(\.id)
        for list in IDList.lists(of: withHistory) {
            let history = try self.connection.statement(SQL.history(list))
            list.bind(to: history)
            try history.forEachRow { row in
                if let id = row.taskID(0) { records[id]?.append(AttemptRecord(row)) }
            }
        }
        return ids.map { records[$0] }
    }

    package func list(_ filter: ListFilter) throws(MariaDBFailure) -> [TaskRecord] {
        try self.connection.setCausal(true)
        let list: MariaDBStatement
        var parameter = 2
        switch filter.state {
        case nil: list = try self.connection.statement(SQL.list)
        case .scheduled: list = try self.connection.statement(SQL.listScheduled)
        case .running?, .completed?, .discarded?, .cancelled?, .expired?:
            list = try self.connection.statement(SQL.listRare)
            list.bind(2, filter.state.map { Int64($0.rawValue) })
            parameter = 3
        }
        // No id is smaller than the empty one.
        list.bind(1, filter.after?.bytes ?? [])
        list.bind(parameter, filter.function?.bytes)
        list.bind(parameter + 1, filter.function?.bytes)
        list.bind(parameter + 2, Int64(max(0, filter.limit)))
        var records: [TaskRecord] = []
        try list.forEachRow { records.append(TaskRow($0).record) }
        return records
    }

    package func counts(now: Timestamp) throws(MariaDBFailure) -> TaskCounts {
        try self.connection.setCausal(true)
        var counts = TaskCounts()
        let count = try self.connection.statement(SQL.count)
        count.bind(1, now)
        count.bind(2, now)
        try count.forEachRow { row in
            guard let state = UInt8(exactly: row.integer(0)).flatMap(TaskState.init(rawValue:)) else { return }
            counts[state] += Int(row.integer(1))
            counts.overdue += Int(row.integer(2))
            guard let due = row.optionalTimestamp(3) else { return }
            counts.oldestDue = min(counts.oldestDue ?? due, due)
        }
        return counts
    }
}
