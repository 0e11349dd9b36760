import GRDBSQLite
import GearclockCore

/// The least that can be done to insert, claim and remove tasks: prepared statements in transactions, nothing read that
/// is not needed, nothing checked but errors. The store is measured against it.
final class BareLoop {
    /// What SQLite refused.
    struct Failure: Error {
        let message: String
    }

    private static let lane: Int64 = 1
    private let connection: OpaquePointer
    private let begin: OpaquePointer
    private let commit: OpaquePointer
    private let insert: OpaquePointer
    private let claim: OpaquePointer
    private let remove: OpaquePointer

    init(path: String) throws {
        var connection: OpaquePointer?
        guard sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK, let connection else {
            throw Failure(message: "Cannot open \(path)")
        }
        self.connection = connection
        // The store's own settings.
        for pragma in ["synchronous = FULL", "secure_delete = OFF", "cache_size = -32768", "temp_store = MEMORY"] {
            sqlite3_exec(connection, "PRAGMA \(pragma)", nil, nil, nil)
        }
        func prepare(_ sql: String) throws -> OpaquePointer {
            var statement: OpaquePointer?
            guard sqlite3_prepare_v2(connection, sql, -1, &statement, nil) == SQLITE_OK, let statement else {
                throw Failure(message: String(cString: sqlite3_errmsg(connection)))
            }
            return statement
        }
        self.begin = try prepare("BEGIN IMMEDIATE")
        self.commit = try prepare("COMMIT")
        self.insert = try prepare(
            """
            INSERT INTO task (id, state, priority, due_at, attempt, failures, created_at, retain, function, payload,
                lane, bucket)
            VALUES (?1, 0, 1, ?2, 0, 0, ?3, 0, ?4, ?5, \(Self.lane), 1)
            """)
        self.claim = try prepare(
            """
            UPDATE task SET state = 1, owner = 1, lease_until = 1800000000000000, attempt = attempt + 1
            WHERE seq IN (SELECT seq FROM task WHERE state = 0 AND lane = \(Self.lane) AND due_at <= ?1
                ORDER BY due_at, id LIMIT ?2)
            RETURNING id, payload
            """)
        self.remove = try prepare("DELETE FROM task WHERE id = ?1 AND owner = 1 AND attempt = 1 AND state = 1")
    }

    func close() {
        for statement in [self.begin, self.commit, self.insert, self.claim, self.remove] { sqlite3_finalize(statement) }
        sqlite3_close_v2(self.connection)
    }

    func insert(_ tasks: ArraySlice<TaskDefinition>) throws {
        try self.run(self.begin)
        for task in tasks {
            self.bind(1, task.id.bytes, to: self.insert)
            sqlite3_bind_int64(self.insert, 2, task.dueAt.microseconds)
            sqlite3_bind_int64(self.insert, 3, task.createdAt.microseconds)
            self.bind(4, task.function.bytes, to: self.insert)
            self.bind(5, task.payload, to: self.insert)
            try self.run(self.insert)
        }
        try self.run(self.commit)
    }

    /// - Returns: the ids of what was claimed.
    func claim(limit: Int) throws -> [[UInt8]] {
        try self.run(self.begin)
        sqlite3_bind_int64(self.claim, 1, Timestamp.latestDue.microseconds)
        sqlite3_bind_int64(self.claim, 2, Int64(limit))
        var ids: [[UInt8]] = []
        while sqlite3_step(self.claim) == SQLITE_ROW {
            ids.append([UInt8](UnsafeRawBufferPointer(start: sqlite3_column_blob(self.claim, 0), count: 16)))
            _ = sqlite3_column_blob(self.claim, 1)
        }
        sqlite3_reset(self.claim)
        try self.run(self.commit)
        return ids
    }

    func remove(_ ids: [[UInt8]]) throws {
        try self.run(self.begin)
        for id in ids {
            self.bind(1, id, to: self.remove)
            try self.run(self.remove)
        }
        try self.run(self.commit)
    }

    private func bind(_ index: CInt, _ bytes: [UInt8], to statement: OpaquePointer) {
        sqlite3_bind_blob(
            statement, index, bytes, CInt(bytes.count), unsafeBitCast(-1, to: sqlite3_destructor_type.self))
    }

    private func run(_ statement: OpaquePointer) throws {
        guard sqlite3_step(statement) == SQLITE_DONE else {
            throw Failure(message: String(cString: sqlite3_errmsg(self.connection)))
        }
        sqlite3_reset(statement)
    }
}
