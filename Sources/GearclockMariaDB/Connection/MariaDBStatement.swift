internal import CMariaDB
package import GearclockCore

/// A prepared statement of one connection: parameters for one row or for a whole batch, and rows that it returns.
///
/// `connection.statement(sql)` hands it out without parameters. Numbers of parameters start at 1, of columns at 0. A
/// parameter that is not bound is NULL. It is used only while its connection lives, on the connection's thread.
package final class MariaDBStatement {
    private let handle: UnsafeMutablePointer<MYSQL_STMT>
    private unowned let connection: MariaDBConnection
    private var batch: ParameterBatch
    /// Made by the first execution that returns rows.
    private var columns: ResultColumns?
    private var isClosed = false

    init(_ sql: String, on connection: MariaDBConnection) throws(MariaDBFailure) {
        guard let handle = connection.makeStatementHandle() else {
            throw MariaDBFailure(code: 2008, message: "Out of memory", step: .statement)
        }
        guard mysql_stmt_prepare(handle, sql, UInt(sql.utf8.count)) == 0 else {
            // Preparing changes nothing, in whatever mode.
            let failure = MariaDBFailure(handle, step: .statement)
            mysql_stmt_close(handle)
            throw connection.noted(failure)
        }
        self.handle = handle
        self.connection = connection
        self.batch = ParameterBatch(parameters: Int(mysql_stmt_param_count(handle)))
    }

    deinit {
        self.close()
    }

    /// Frees it; on the server too, if the connection is open.
    func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        mysql_stmt_close(self.handle)
    }

    // MARK: - Binding: numbers of parameters start at 1

    /// Forgets what was bound and not run.
    func clear() { self.batch.clear() }

    package func bind(_ parameter: Int, _ value: Int64?) {
        if let value { self.batch.set(parameter, value) } else { self.batch.setNull(parameter) }
    }

    package func bind(_ parameter: Int, _ bytes: [UInt8]?) {
        guard let bytes else { return self.batch.setNull(parameter) }
        bytes.withUnsafeBytes { self.batch.set(parameter, $0) }
    }

    package func bind(_ parameter: Int, text: String?) {
        guard var text else { return self.batch.setNull(parameter) }
        text.withUTF8 { self.batch.set(parameter, UnsafeRawBufferPointer($0)) }
    }

    package func bind(_ parameter: Int, _ value: Timestamp?) {
        self.bind(parameter, value?.microseconds)
    }

    /// As a signed number with the same bits.
    package func bind(_ parameter: Int, _ owner: OwnerID) {
        self.batch.set(parameter, Int64(bitPattern: owner.value))
    }

    /// As sixteen bytes.
    package func bind(_ parameter: Int, _ id: TaskID) {
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { self.batch.set(parameter, $0) }
    }

    /// Ends a row of a batch; the next parameters are those of the next row.
    package func endRow() { self.batch.endRow() }

    // MARK: - Running

    /// Runs it once with what is bound; rows that it returns are passed over.
    /// - Returns: how many rows were inserted or deleted, or found by an update.
    @discardableResult
    package func run() throws(MariaDBFailure) -> Int {
        defer { self.batch.clear() }
        try self.executeOne()
        try self.freeResult()
        return Int(clamping: mysql_stmt_affected_rows(self.handle))
    }

    /// Runs it for each row that was ended: as one bulk, as several if they do not fit into one packet, or row by row
    /// on a server that has no bulk. Within a transaction the result is the same.
    ///
    /// A statement that commits by itself must not be run so.
    ///
    /// Galera loses a conflict that shows while a bulk runs: MariaDB 10.11 then takes the transaction back, answers the
    /// bulk with its affected rows, and commits without an error what follows. But the answer says that no transaction
    /// is open any more, and then it is the conflict that it should have been.
    ///
    /// - Parameter asBulk: `false` to go row by row in any case. Default: as the server can.
    /// - Returns: the affected rows of all of them.
    @discardableResult
    package func runBatch(asBulk: Bool? = nil) throws(MariaDBFailure) -> Int {
        precondition(!self.connection.autocommit, "A batch is one transaction")
        defer { self.batch.clear() }
        try self.connection.requireOpen()
        self.batch.resolve()
        let isBulk = asBulk ?? self.connection.facts.supportsBulk && self.batch.parameters > 0
        var affected = 0
        var row = 0
        while row < self.batch.rows {
            let fitting = try self.rowsThatFit(from: row)
            let count = isBulk ? fitting : 1
            try self.execute(
                isBulk ? self.batch.bulk(from: row) : self.batch.single(row), arraySize: isBulk ? UInt32(count) : 0)
            try self.freeResult()
            if isBulk, !self.connection.isInTransaction { throw .conflict(.statement) }
            affected += Int(clamping: mysql_stmt_affected_rows(self.handle))
            row += count
        }
        return affected
    }

    /// Runs it and hands each row to `body`, which must keep nothing of it and must run no other statement of this
    /// connection: rows are read as they come in.
    package func forEachRow(_ body: (MariaDBStatement) throws(MariaDBFailure) -> Void) throws(MariaDBFailure) {
        defer { self.batch.clear() }
        try self.executeOne()
        do {
            while try self.fetch() { try body(self) }
        } catch {
            // What is left of the result must be read before anything else can be asked; if that fails too, the
            // connection is of no use, and it was noted.
            try? self.freeResult()
            throw error
        }
        try self.freeResult()
    }

    /// Runs it and reads the first row, if there is one.
    package func firstRow<Value>(
        _ read: (MariaDBStatement) throws(MariaDBFailure) -> Value
    ) throws(MariaDBFailure) -> Value? {
        var value: Value?
        try self.forEachRow { (row) throws(MariaDBFailure) in
            if value == nil { value = try read(row) }
        }
        return value
    }

    private func executeOne() throws(MariaDBFailure) {
        try self.connection.requireOpen()
        self.batch.endRow()
        precondition(self.batch.rows == 1, "A batch is run by runBatch()")
        self.batch.resolve()
        _ = try self.rowsThatFit(from: 0)
        try self.execute(self.batch.single(0), arraySize: 0)
    }

    private func rowsThatFit(from row: Int) throws(MariaDBFailure) -> Int {
        // A server answers a packet that is too large by closing the connection, and then nobody knows why.
        let count = self.batch.rowsThatFit(from: row, packetBytes: self.connection.facts.maximumPacketBytes)
        guard count > 0 else {
            throw MariaDBFailure(
                code: 1153, sqlState: "08S01",
                message: "A row is larger than max_allowed_packet, \(self.connection.facts.maximumPacketBytes) bytes",
                step: .statement)
        }
        return count
    }

    private func execute(
        _ binds: UnsafeMutablePointer<MYSQL_BIND>, arraySize: UInt32
    ) throws(MariaDBFailure) {
        let step = self.connection.step
        let isReady = withUnsafePointer(to: arraySize) {
            mysql_stmt_attr_set(self.handle, STMT_ATTR_ARRAY_SIZE, $0) == 0
        }
        guard isReady, self.batch.parameters == 0 || mysql_stmt_bind_param(self.handle, binds) == 0 else {
            throw self.failure(.statement)
        }
        guard mysql_stmt_execute(self.handle) == 0 else { throw self.failure(step) }
        if mysql_stmt_field_count(self.handle) > 0 { try self.bindColumns() }
    }

    private func bindColumns() throws(MariaDBFailure) {
        let columns = self.columns ?? ResultColumns(of: self.handle)
        self.columns = columns
        guard columns.bind(to: self.handle) else { throw self.failure(.statement) }
    }

    private func fetch() throws(MariaDBFailure) -> Bool {
        guard self.columns != nil else { return false }
        switch mysql_stmt_fetch(self.handle) {
        case 0, MYSQL_DATA_TRUNCATED: return true
        case MYSQL_NO_DATA: return false
        default: throw self.failure(self.connection.step)
        }
    }

    private func freeResult() throws(MariaDBFailure) {
        guard mysql_stmt_field_count(self.handle) > 0 else { return }
        let step = self.connection.step
        guard mysql_stmt_free_result(self.handle) == 0 else { throw self.failure(step) }
    }

    private func failure(_ step: MariaDBFailure.Step) -> MariaDBFailure {
        // Of an error that comes in place of a row Connector/C tells the connection only.
        guard mysql_stmt_errno(self.handle) != 0 else { return self.connection.failure(step) }
        return self.connection.noted(MariaDBFailure(self.handle, step: step))
    }

    // MARK: - Reading: numbers of columns start at 0

    package func isNull(_ column: Int) -> Bool {
        self.columns!.nulls[column] != 0
    }

    /// A number; 0 for NULL and for what is no number.
    package func integer(_ column: Int) -> Int64 {
        precondition(self.columns!.isInteger[column], "Column \(column) has bytes")
        return self.isNull(column) ? 0 : self.columns!.words[column]
    }

    package func optionalInteger(_ column: Int) -> Int64? {
        self.isNull(column) ? nil : self.integer(column)
    }

    package func timestamp(_ column: Int) -> Timestamp {
        Timestamp(microseconds: self.integer(column))
    }

    package func optionalTimestamp(_ column: Int) -> Timestamp? {
        self.optionalInteger(column).map { Timestamp(microseconds: $0) }
    }

    /// Bytes; none for NULL.
    package func bytes(_ column: Int) -> [UInt8] {
        precondition(!self.columns!.isInteger[column], "Column \(column) has a number")
        if self.isNull(column) { return [] }
        let count = Int(self.columns!.lengths[column])
        if count <= ResultColumns.inlineBytes { return [UInt8](self.columns!.inline(column)) }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var bind = MYSQL_BIND()
            bind.buffer_type = MYSQL_TYPE_LONG_BLOB
            bind.buffer = UnsafeMutableRawPointer(buffer.baseAddress)
            bind.buffer_length = UInt(count)
            let result = mysql_stmt_fetch_column(self.handle, &bind, UInt32(column), 0)
            precondition(result == 0, "A column of the current row can be read again")
            initialized = count
        }
    }

    package func optionalBytes(_ column: Int) -> [UInt8]? {
        self.isNull(column) ? nil : self.bytes(column)
    }

    /// The sixteen bytes of an id; `nil` if there are not sixteen.
    package func taskID(_ column: Int) -> TaskID? {
        precondition(!self.columns!.isInteger[column], "Column \(column) has a number")
        guard !self.isNull(column), self.columns!.lengths[column] == 16 else { return nil }
        let bytes = self.columns!.inline(column)
        return TaskID(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}

extension MariaDBFailure {
    /// What Connector/C reports about a statement.
    init(_ handle: UnsafeMutablePointer<MYSQL_STMT>, step: Step) {
        self.init(
            code: Int(mysql_stmt_errno(handle)), sqlState: String(cString: mysql_stmt_sqlstate(handle)),
            message: String(cString: mysql_stmt_error(handle)), step: step)
    }
}
