package import GearclockCore

/// What is changed within one transaction of one connection, which the caller commits.
///
/// Each change has a short way, which is exact when every row that it meant was affected, and otherwise is taken back,
/// and a careful way: that one waits until this node has applied what the others committed, locks the rows and looks
/// at them. So causality between nodes costs nothing as long as claims hold: what a node that lags behind would do
/// wrong, the certification of its write set by primary key refuses.
package struct MariaDBChange {
    let connection: MariaDBConnection

    package init(_ connection: MariaDBConnection) {
        self.connection = connection
    }

    // MARK: - Insert

    package func insert(_ tasks: [TaskDefinition]) throws(MariaDBFailure) -> [InsertOutcome] {
        let limit = self.connection.facts.maximumPacketBytes - TaskRow.overheadBytes
        let fitting = tasks.filter { Self.bytes(of: $0) <= limit }
        var outcomes: [TaskID: InsertOutcome]
        do {
            try self.store(fitting)
            outcomes = [:]
        } catch  where error.meaning == .duplicateKey {
            try self.connection.rollback()
            outcomes = try self.insertOnlyNew(fitting)
        }
        return tasks.map { task in
            guard Self.bytes(of: task) <= limit else { return .tooLarge(limitBytes: max(0, limit)) }
            if let outcome = outcomes[task.id] { return outcome }
            // Of two with one id in the batch the first is stored, and the second finds it.
            outcomes[task.id] = .exists(.scheduled)
            return .inserted
        }
    }

    private func insertOnlyNew(_ tasks: [TaskDefinition]) throws(MariaDBFailure) -> [TaskID: InsertOutcome] {
        var outcomes: [TaskID: InsertOutcome] = [:]
        for (id, row) in try self.locked(tasks.map(\.id)) { outcomes[id] = .exists(row.state) }
        var seen = Set(outcomes.keys)
        // If somebody stores one of them between the look and this, the error is a conflict: again, from the start.
        do {
            try self.store(tasks.filter { seen.insert($0.id).inserted })
        } catch  where error.meaning == .duplicateKey {
            throw .conflict(error.step)
        }
        return outcomes
    }

    private func store(_ tasks: [TaskDefinition]) throws(MariaDBFailure) {
        guard !tasks.isEmpty else { return }
        let insert = try self.connection.statement(SQL.insert)
        for task in tasks { TaskRow.bind(task, to: insert) }
        try insert.runBatch()
    }

    private static func bytes(of task: TaskDefinition) -> Int {
        task.payload.count + (task.gearsloth?.document.count ?? 0)
    }

    // MARK: - Cancel, eject, prune

    package func cancel(
        _ ids: [TaskID], removeAt: Timestamp, now: Timestamp
    ) throws(MariaDBFailure) -> [CancelOutcome] {
        var standing = try self.locked(ids)
        let open = standing.values.filter { !$0.state.isFinal }.map(\.id)
        try self.end(open, .cancelled, now: now, removeAt: removeAt)
        return ids.map { id in
            guard let state = standing[id]?.state else { return .notFound }
            standing[id]?.state = state.isFinal ? state : .cancelled
            switch state {
            case .completed, .discarded, .cancelled, .expired: return .alreadyFinal(state)
            case .running: return .cancelledWhileRunning
            case .scheduled: return .cancelled
            }
        }
    }

    package func eject(_ ids: [TaskID]) throws(MariaDBFailure) {
        let open = try self.locked(ids).values.filter { !$0.state.isFinal }.map(\.id)
        try self.run(SQL.eject, open)
        try self.run(SQL.removeHistory, open)
    }

    package func prune(limit: Int, now: Timestamp) throws(MariaDBFailure) -> Int {
        try self.connection.setCausal(false)
        let old = try self.connection.statement(SQL.old)
        old.bind(1, now)
        old.bind(2, Int64(max(0, limit)))
        let ids = try self.ids(from: old)
        let count = try self.run(SQL.prune, ids)
        try self.run(SQL.removeHistory, ids)
        return count
    }

    func end(_ ids: [TaskID], _ state: TaskState, now: Timestamp, removeAt: Timestamp) throws(MariaDBFailure) {
        try self.run(SQL.end, ids, parameters: 3) { statement in
            statement.bind(1, Int64(state.rawValue))
            statement.bind(2, now)
            statement.bind(3, removeAt)
        }
    }

    // MARK: - Rows by their ids

    /// Locks rows and looks at them as they stand after all that any node has committed.
    func locked(_ ids: [TaskID]) throws(MariaDBFailure) -> [TaskID: StandingRow] {
        try self.connection.setCausal(true)
        var rows: [TaskID: StandingRow] = [:]
        rows.reserveCapacity(ids.count)
        for list in IDList.lists(of: ids) {
            let lock = try self.connection.statement(SQL.lock(list))
            list.bind(to: lock)
            try lock.forEachRow { row in
                let row = StandingRow(row)
                rows[row.id] = row
            }
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

    func ids(from statement: MariaDBStatement) throws(MariaDBFailure) -> [TaskID] {
        var ids: [TaskID] = []
        try statement.forEachRow { row in
            if let id = row.taskID(0) { ids.append(id) }
        }
        return ids
    }
}

extension MariaDBFailure {
    /// Somebody else changed the same rows, as we found out ourselves.
    static func conflict(_ step: Step) -> MariaDBFailure {
        MariaDBFailure(code: 1213, sqlState: "40001", message: "Somebody else changed the same rows", step: step)
    }
}
