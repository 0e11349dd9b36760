internal import GRDB
internal import GRDBSQLite
internal import GearclockCore

/// A prepared statement of one connection, used through SQLite's own functions.
///
/// GRDB owns the connection, its queue and the cache of statements; rows go past its `Row` and its arguments, because
/// a batch of 256 tasks binds and reads thousands of values. It is used only inside the access to the database that
/// made it.
struct PreparedStatement {
    /// Keeps the handle alive.
    private let statement: Statement
    private let connection: OpaquePointer
    private var handle: OpaquePointer { self.statement.sqliteStatement }

    /// - Parameter sql: one of the constants of ``SQL``.
    init(_ sql: String, in database: Database) throws {
        guard let connection = database.sqliteConnection else {
            throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "The store is closed")
        }
        self.connection = connection
        self.statement = try database.cachedStatement(sql: sql)
    }

    // MARK: - Running

    /// Runs it to its end, ready to be run again; rows that it returns are passed over.
    func run() throws {
        defer { self.reset() }
        while try self.step() {}
    }

    /// Runs it and hands each row to `body`, which must keep nothing of it.
    func forEachRow(_ body: (PreparedStatement) throws -> Void) throws {
        defer { self.reset() }
        while try self.step() { try body(self) }
    }

    /// Runs it and reads the first row, if there is one.
    func firstRow<Value>(_ read: (PreparedStatement) throws -> Value) throws -> Value? {
        defer { self.reset() }
        return try self.step() ? read(self) : nil
    }

    /// The number of rows that the latest insert, update or delete changed.
    var changes: Int { Int(sqlite3_changes(self.connection)) }

    private func step() throws -> Bool {
        switch sqlite3_step(self.handle) {
        case SQLITE_ROW: true
        case SQLITE_DONE: false
        default: throw self.failure()
        }
    }

    private func reset() {
        sqlite3_reset(self.handle)
    }

    private func failure() -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(self.connection)),
            message: String(cString: sqlite3_errmsg(self.connection)))
    }

    private func check(_ code: CInt) throws {
        if code != SQLITE_OK { throw self.failure() }
    }

    // MARK: - Binding: numbers of parameters start at 1

    func bind(_ index: CInt, _ value: Int64?) throws {
        if let value {
            try self.check(sqlite3_bind_int64(self.handle, index, value))
        } else {
            try self.check(sqlite3_bind_null(self.handle, index))
        }
    }

    func bind(_ index: CInt, _ value: Timestamp?) throws {
        try self.bind(index, value?.microseconds)
    }

    func bind(_ index: CInt, _ owner: OwnerID?) throws {
        try self.bind(index, owner.map { Int64(bitPattern: $0.value) })
    }

    func bind(_ index: CInt, _ lane: Lane) throws {
        try self.bind(index, Int64(lane.value))
    }

    func bind(_ index: CInt, _ id: TaskID) throws {
        try withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { try self.bind(index, $0) }
    }

    func bind(_ index: CInt, _ bytes: [UInt8]?) throws {
        if let bytes {
            try bytes.withUnsafeBytes { try self.bind(index, $0) }
        } else {
            try self.check(sqlite3_bind_null(self.handle, index))
        }
    }

    func bind(_ index: CInt, text: String?) throws {
        guard var text else { return try self.check(sqlite3_bind_null(self.handle, index)) }
        try text.withUTF8 { utf8 in
            let count = CInt(utf8.count)
            try utf8.withMemoryRebound(to: CChar.self) {
                try self.check(sqlite3_bind_text(self.handle, index, $0.baseAddress, count, Self.transient))
            }
        }
    }

    private func bind(_ index: CInt, _ bytes: UnsafeRawBufferPointer) throws {
        guard let start = bytes.baseAddress, !bytes.isEmpty else {
            return try self.check(sqlite3_bind_zeroblob(self.handle, index, 0))
        }
        try self.check(sqlite3_bind_blob64(self.handle, index, start, UInt64(bytes.count), Self.transient))
    }

    /// SQLITE_TRANSIENT, a macro that Swift does not see: SQLite copies what is bound.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    // MARK: - Reading: numbers of columns start at 0

    func isNull(_ column: CInt) -> Bool {
        sqlite3_column_type(self.handle, column) == SQLITE_NULL
    }

    func integer(_ column: CInt) -> Int64 {
        sqlite3_column_int64(self.handle, column)
    }

    func optionalInteger(_ column: CInt) -> Int64? {
        self.isNull(column) ? nil : self.integer(column)
    }

    func timestamp(_ column: CInt) -> Timestamp {
        Timestamp(microseconds: self.integer(column))
    }

    func optionalTimestamp(_ column: CInt) -> Timestamp? {
        self.optionalInteger(column).map { Timestamp(microseconds: $0) }
    }

    func bytes(_ column: CInt) -> [UInt8] {
        guard let start = sqlite3_column_blob(self.handle, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(self.handle, column))))
    }

    func optionalBytes(_ column: CInt) -> [UInt8]? {
        self.isNull(column) ? nil : self.bytes(column)
    }

    /// The sixteen bytes of an id; `nil` if there are not sixteen.
    func taskID(_ column: CInt) -> TaskID? {
        guard let start = sqlite3_column_blob(self.handle, column), sqlite3_column_bytes(self.handle, column) == 16
        else { return nil }
        return TaskID(
            high: UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
