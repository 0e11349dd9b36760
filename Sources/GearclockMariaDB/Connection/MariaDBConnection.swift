internal import CMariaDB

/// One connection to one node, through MariaDB Connector/C.
///
/// Its calls block until the server answers or the time for it is over, so it is used only inside an actor with an
/// executor of its own (``NodeConnection``). Where changes are made, `autocommit` is off and transactions begin by
/// themselves. Affected rows are those that a condition *found*, whether or not they looked the same before.
package final class MariaDBConnection {
    /// What is asked of the server once, when the connection is made.
    package struct ServerFacts: Equatable, Sendable {
        /// As the server says it: `10.11.6-MariaDB`, `8.4.0`.
        package var version: String
        /// The largest packet, and with it about the largest row, that the server takes.
        package var maximumPacketBytes: Int
        /// The server is a node of a Galera cluster, or was built to be one.
        package var hasWSREP: Bool
        package var isWSREPOn: Bool
        /// Which cluster the node belongs to; `nil` without Galera.
        package var clusterStateID: String?
        /// One execution can carry many rows.
        package var supportsBulk: Bool
    }

    /// What a connection is used for.
    package enum Purpose: Equatable, Sendable {
        /// Each change is a transaction that ends with a commit.
        case changing
        /// Each statement is a transaction of its own, so that none is left open and holds up an `ALTER TABLE`; the
        /// server refuses changes.
        case reading
    }

    package let facts: ServerFacts
    package let purpose: Purpose
    /// The number that the server knows the connection by.
    package let session: UInt
    /// The socket, for ``SocketCutter``.
    let descriptor: CInt
    private let handle: UnsafeMutablePointer<MYSQL>
    private var statements: [String: MariaDBStatement] = [:]
    /// What ``transaction(boundary:_:)`` runs is under way.
    var isInsideTransactionBody = false
    /// What it could not go on without.
    var unprepared: String?
    private var isClosed = false
    private var isCausal: Bool?
    /// Set by a failure after which nothing can be asked any more.
    package private(set) var isBroken = false
    /// What is known about the scans for due tasks and for ended leases on this connection.
    package var laneScans = LaneScans()
    package var leaseScan = ScanBound()

    /// Connects and logs in; takes up to the connect timeout, rounded up to seconds, for each of the two.
    package init(
        to node: MariaDBConfiguration.Node, configuration: MariaDBConfiguration, for purpose: Purpose = .changing
    ) throws(MariaDBFailure) {
        guard ConnectorLibrary.isReady, mysql_thread_init() == 0, let handle = mysql_init(nil) else {
            throw MariaDBFailure(code: 2008, message: "Connector/C cannot be initialized", step: .connect)
        }
        self.handle = handle
        self.purpose = purpose
        do {
            try ConnectionOptions.set(on: handle, for: configuration)
            try ConnectionOptions.connect(handle, to: node, configuration, for: purpose)
            self.facts = try Self.facts(of: handle)
        } catch {
            mysql_close(handle)
            throw error
        }
        self.session = mysql_thread_id(handle)
        self.descriptor = mysql_get_socket(handle)
        gearclock_set_read_timeout(handle, configuration.statementTimeout.wholeSeconds)
    }

    deinit {
        self.close()
    }

    /// Says goodbye, if somebody listens, and frees everything. Later calls fail.
    package func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.isBroken = true
        // First the connection: statements that have none are freed without a word to the server.
        mysql_close(self.handle)
        for statement in self.statements.values { statement.close() }
        self.statements = [:]
    }

    // MARK: - Statements

    /// Runs one statement as text and passes over the rows that it returns.
    package func execute(_ sql: String) throws(MariaDBFailure) {
        _ = try self.textRows(sql)
    }

    /// Runs one statement as text and returns its rows as text: for settings, states and administration.
    ///
    /// Unlike a prepared statement it works on a node that is not ready, if it begins with `SHOW` or `SET`.
    package func textRows(_ sql: String) throws(MariaDBFailure) -> [[String?]] {
        try self.requireOpen()
        let step = self.step
        guard mysql_real_query(self.handle, sql, UInt(sql.utf8.count)) == 0 else { throw self.failure(step) }
        return try Self.storedRows(of: self.handle) { () -> MariaDBFailure in self.failure(step) }
    }

    /// A prepared statement; each text is prepared once in the life of the connection.
    ///
    /// Galera loses a conflict that shows while a statement is being prepared: MariaDB 10.11 then takes the transaction
    /// back, answers the statements that follow as if nothing had happened, and commits without an error what is left
    /// of it. So nothing is prepared within a transaction: ``transaction(boundary:_:)`` takes back what was done,
    /// prepares, and begins anew.
    package func statement(_ sql: String) throws(MariaDBFailure) -> MariaDBStatement {
        if let statement = self.statements[sql] { return statement }
        try self.requireOpen()
        if self.facts.isWSREPOn, self.isInsideTransactionBody, self.isInTransaction {
            self.unprepared = sql
            throw MariaDBFailure(code: 0, message: "The statement is to be prepared first", step: .statement)
        }
        let statement = try MariaDBStatement(sql, on: self)
        self.statements[sql] = statement
        return statement
    }

    // MARK: - Transactions

    /// - Parameter sent: called when `COMMIT` is on its way and nothing came back yet.
    package func commit(sent: () -> Void = {}) throws(MariaDBFailure) {
        try self.requireOpen()
        // A command this short leaves whole or not at all. If it did not leave, the transaction dies with its
        // connection.
        guard mysql_send_query(self.handle, "COMMIT", 6) == 0 else { throw self.failure(.statement) }
        sent()
        guard mysql_read_query_result(self.handle) == 0 else { throw self.failure(.commit) }
    }

    package func rollback() throws(MariaDBFailure) {
        try self.requireOpen()
        guard mysql_rollback(self.handle) == 0 else { throw self.failure(.statement) }
    }

    /// Whether each statement commits by itself.
    package var autocommit: Bool { self.handle.pointee.server_status & UInt32(SERVER_STATUS_AUTOCOMMIT) != 0 }

    package func setAutocommit(_ isOn: Bool) throws(MariaDBFailure) {
        guard self.autocommit != isOn else { return }
        try self.requireOpen()
        // Turning it on commits what is open.
        let step = isOn && self.isInTransaction ? MariaDBFailure.Step.commit : .statement
        guard mysql_autocommit(self.handle, isOn ? 1 : 0) == 0 else { throw self.failure(step) }
    }

    /// Whether something was changed or read since the latest commit or rollback.
    package var isInTransaction: Bool { self.handle.pointee.server_status & UInt32(SERVER_STATUS_IN_TRANS) != 0 }

    /// Whether the first statement of a transaction, if it reads, waits until this node has applied what was committed
    /// anywhere before. It means nothing without Galera.
    package func setCausal(_ isOn: Bool) throws(MariaDBFailure) {
        guard self.isCausal != isOn, self.facts.isWSREPOn else { return }
        try self.execute("SET SESSION wsrep_sync_wait = \(isOn ? 1 : 0)")
        self.isCausal = isOn
    }

    // MARK: - For statements

    /// At which step a statement fails if it fails now.
    var step: MariaDBFailure.Step {
        switch self.purpose {
        case .changing: self.autocommit && !self.isInTransaction ? .autocommit : .statement
        case .reading: .statement
        }
    }

    func requireOpen() throws(MariaDBFailure) {
        if self.isBroken {
            throw MariaDBFailure(code: 2006, message: "The connection is closed", step: .statement)
        }
    }

    func makeStatementHandle() -> UnsafeMutablePointer<MYSQL_STMT>? { mysql_stmt_init(self.handle) }

    /// Remembers that the connection is of no more use, if the failure says so.
    func noted(_ failure: MariaDBFailure) -> MariaDBFailure {
        if failure.breaksConnection { self.isBroken = true }
        return failure
    }

    func failure(_ step: MariaDBFailure.Step) -> MariaDBFailure {
        self.noted(MariaDBFailure(self.handle, step: step))
    }

    // MARK: - Facts

    private static func facts(of handle: UnsafeMutablePointer<MYSQL>) throws(MariaDBFailure) -> ServerFacts {
        var values: [String: String] = [:]
        for question in [
            "SHOW VARIABLES WHERE Variable_name IN ('version', 'max_allowed_packet', 'wsrep_on')",
            "SHOW STATUS LIKE 'wsrep_cluster_state_uuid'",
        ] {
            guard mysql_real_query(handle, question, UInt(question.utf8.count)) == 0 else {
                throw MariaDBFailure(handle, step: .connect)
            }
            let rows = try Self.storedRows(of: handle) { () -> MariaDBFailure in
                MariaDBFailure(handle, step: .connect)
            }
            for row in rows where row.count == 2 { values[row[0] ?? ""] = row[1] }
        }
        return ServerFacts(
            version: values["version"] ?? String(cString: mysql_get_server_info(handle)),
            maximumPacketBytes: values["max_allowed_packet"].flatMap { Int($0) } ?? 1 << 22,
            hasWSREP: values["wsrep_on"] != nil, isWSREPOn: values["wsrep_on"] == "ON",
            clusterStateID: values["wsrep_cluster_state_uuid"].flatMap { $0.isEmpty ? nil : $0 },
            supportsBulk: gearclock_supports_bulk(handle) != 0)
    }

    /// All rows of the latest text query; none if it returns none.
    private static func storedRows(
        of handle: UnsafeMutablePointer<MYSQL>, failure: () -> MariaDBFailure
    ) throws(MariaDBFailure) -> [[String?]] {
        guard let result = mysql_store_result(handle) else {
            if mysql_field_count(handle) == 0 { return [] }
            throw failure()
        }
        defer { mysql_free_result(result) }
        let count = Int(mysql_num_fields(result))
        var rows: [[String?]] = []
        while let row = mysql_fetch_row(result) {
            let lengths = mysql_fetch_lengths(result)!
            rows.append(
                (0..<count).map { column in
                    row[column].map { start in
                        String(
                            decoding: UnsafeRawBufferPointer(start: start, count: Int(lengths[column])), as: UTF8.self)
                    }
                })
        }
        return rows
    }
}

extension MariaDBFailure {
    /// What Connector/C reports about a connection.
    init(_ handle: UnsafeMutablePointer<MYSQL>, step: Step) {
        self.init(
            code: Int(mysql_errno(handle)), sqlState: String(cString: mysql_sqlstate(handle)),
            message: String(cString: mysql_error(handle)), step: step)
    }
}
