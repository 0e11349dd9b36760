package import GearclockCore
package import GearclockEnvironment

/// What is changed within one transaction of one connection, which the caller commits.
///
/// Each change has a short way, which is exact when every row that it meant was affected, and otherwise is taken back,
/// and a careful way: that one waits until this node has applied what the others committed, locks the rows and looks
/// at them. So causality between nodes costs nothing as long as claims hold: what a node that lags behind would do
/// wrong, the certification of its write set by primary key refuses.
///
/// Measured against a C program on one server with batches of 256: looking for ids in the index and changing them by
/// their ids claims 80,000 tasks per second, `FOR UPDATE SKIP LOCKED` 32,000, `UPDATE … ORDER BY … LIMIT` 16,000.
package struct MariaDBChange {
    let connection: MariaDBConnection
    /// Measures how long scans take.
    let clock: any GearclockClock

    package init(_ connection: MariaDBConnection, clock: any GearclockClock) {
        self.connection = connection
        self.clock = clock
    }

    // MARK: - Insert

    package func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?
    ) throws(MariaDBFailure) -> [InsertOutcome] {
        let limit = max(0, self.connection.facts.maximumPacketBytes - TaskRow.overheadBytes)
        let fit = tasks.allSatisfy { TaskRow.largeBytes(of: $0) <= limit }
        let fitting = fit ? tasks : tasks.filter { TaskRow.largeBytes(of: $0) <= limit }
        var outcomes: [TaskID: InsertOutcome]
        do {
            try self.store(fitting, express)
            // No id was there, and none was given twice.
            if fit { return [InsertOutcome](repeating: .inserted, count: tasks.count) }
            outcomes = [:]
        } catch  where error.meaning == .duplicateKey {
            try self.connection.rollback()
            outcomes = try self.insertOnlyNew(fitting, express)
        }
        return tasks.map { task in
            guard TaskRow.largeBytes(of: task) <= limit else { return .tooLarge(limitBytes: limit) }
            // Of two with one id in the batch the first is stored, and the second finds it.
            if let outcome = outcomes[task.id] { return outcome }
            outcomes[task.id] = .exists(express?.takes(task) == true ? .running : .scheduled)
            return .inserted
        }
    }

    private func insertOnlyNew(
        _ tasks: [TaskDefinition], _ express: ExpressClaim?
    ) throws(MariaDBFailure) -> [TaskID: InsertOutcome] {
        let outcomes = try self.locked(tasks.map(\.id)).mapValues { InsertOutcome.exists($0.record.state) }
        var seen = Set(outcomes.keys)
        do {
            try self.store(tasks.filter { seen.insert($0.id).inserted }, express)
        } catch  where error.meaning == .duplicateKey {
            // Somebody stored one of them after we looked: again, from the start.
            throw .conflict(error.step)
        }
        return outcomes
    }

    private func store(_ tasks: [TaskDefinition], _ express: ExpressClaim?) throws(MariaDBFailure) {
        guard let express else { return try self.store(tasks, claimedBy: nil) }
        try self.store(tasks.filter { !express.takes($0) }, claimedBy: nil)
        try self.store(tasks.filter { express.takes($0) }, claimedBy: express)
    }

    private func store(_ tasks: [TaskDefinition], claimedBy express: ExpressClaim?) throws(MariaDBFailure) {
        guard !tasks.isEmpty else { return }
        if tasks.allSatisfy(TaskRow.isPlain) {
            let insert = try self.connection.statement(express == nil ? SQL.insertPlain : SQL.insertPlainClaimed)
            for task in tasks { TaskRow.bindPlain(task, express, to: insert) }
            try insert.runBatch()
        } else {
            let insert = try self.connection.statement(express == nil ? SQL.insert : SQL.insertClaimed)
            // Most tasks of a batch have the same policy.
            var last: (policy: RetryPolicy, text: String?) = (.standard, nil)
            for task in tasks {
                if task.retry != last.policy {
                    last = (task.retry, task.retry == .standard ? nil : task.retry.text)
                }
                TaskRow.bind(task, retry: last.text, express, to: insert)
            }
            try insert.runBatch()
        }
    }

    // MARK: - Cancel, eject, prune

    package func cancel(
        _ ids: [TaskID], removeAt: Timestamp, now: Timestamp
    ) throws(MariaDBFailure) -> [CancelOutcome] {
        let rows = try self.lockedWithoutForeign(ids, now: now)
        var states = rows.mapValues(\.record.state)
        let open = rows.values.map(\.record).filter { !$0.state.isFinal }
        try self.run(SQL.cancel, open.map(\.id), parameters: 2) { statement in
            statement.bind(1, now)
            statement.bind(2, removeAt)
        }
        try self.append(
            open.filter { $0.state == .running }.map { record in
                let entry = AttemptRecord.cancelled(
                    attempt: record.attempt, dueAt: record.definition.dueAt, now: now)
                return (record.id, Int64(record.attempt), entry)
            })
        return ids.map { id in
            guard let state = states[id] else { return .notFound }
            if state.isFinal { return .alreadyFinal(state) }
            states[id] = .cancelled
            return state == .running ? .cancelledWhileRunning : .cancelled
        }
    }

    package func eject(_ ids: [TaskID]) throws(MariaDBFailure) {
        let open = try self.locked(ids).values.map(\.record).filter { !$0.state.isFinal }
        try self.run(SQL.eject, open.map(\.id))
        // A task that was never claimed has no history.
        try self.run(SQL.removeHistory, open.filter { $0.attempt > 0 }.map(\.id))
    }

    package func prune(limit: Int, now: Timestamp) throws(MariaDBFailure) -> [SweepOperation.Swept] {
        try self.connection.setCausal(true)
        let limit = Int64(max(0, limit))
        let old = try self.connection.statement(SQL.old)
        for state in 0..<4 {
            old.bind(2 * state + 1, now)
            old.bind(2 * state + 2, limit)
        }
        old.bind(9, limit)
        let ids = try self.found(by: old).map(\.id)
        let count = try self.run(SQL.prune, ids)
        try self.run(SQL.removeHistory, ids)
        return ids.prefix(count).map { SweepOperation.Swept(id: $0, attempt: 0) }
    }

    // MARK: - Rows by their ids

    /// Locks rows and looks at them as they stand after all that any node has committed.
    func locked(_ ids: [TaskID]) throws(MariaDBFailure) -> [TaskID: TaskRow] {
        try self.connection.setCausal(true)
        // A list repeats its last id, the answer does not; two lists may have the same one.
        return Dictionary(
            try self.rows(SQL.lock, ids).map { ($0.record.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The rows that a statement of ``SQL`` returns for ids, in any order.
    func rows(_ sql: (IDList) -> String, _ ids: [TaskID]) throws(MariaDBFailure) -> [TaskRow] {
        var rows: [TaskRow] = []
        rows.reserveCapacity(ids.count)
        for list in IDList.lists(of: ids) {
            let statement = try self.connection.statement(sql(list))
            list.bind(to: statement)
            try statement.forEachRow { rows.append(TaskRow($0)) }
        }
        return rows
    }

    /// Runs a statement whose last parameters are ids, once for each list of them.
    /// - Parameters:
    ///   - parameters: how many other parameters it has.
    ///   - bind: binds those.
    /// - Returns: the affected rows.
    @discardableResult
    func run(
        _ sql: (IDList) -> String, _ ids: [TaskID], parameters: Int = 0, bind: (MariaDBStatement) -> Void = { _ in }
    ) throws(MariaDBFailure) -> Int {
        var affected = 0
        for list in IDList.lists(of: ids) {
            let statement = try self.connection.statement(sql(list))
            bind(statement)
            list.bind(to: statement, from: parameters + 1)
            affected += try statement.run()
        }
        return affected
    }

    /// Runs a statement that returns an id and a time.
    func found(by statement: MariaDBStatement) throws(MariaDBFailure) -> [(id: TaskID, at: Timestamp)] {
        var found: [(id: TaskID, at: Timestamp)] = []
        try statement.forEachRow { row in
            if let id = row.taskID(0) { found.append((id, row.timestamp(1))) }
        }
        return found
    }
}

extension MariaDBFailure {
    /// Somebody else changed the same rows, as we found out ourselves.
    static func conflict(_ step: Step) -> MariaDBFailure {
        MariaDBFailure(code: 1213, sqlState: "40001", message: "Somebody else changed the same rows", step: step)
    }
}
