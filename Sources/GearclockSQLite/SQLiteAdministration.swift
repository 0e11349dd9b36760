internal import GRDB
package import GearclockCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What an operator asks about a file: `gearclock store migrate | status | verify | check-settings`.
///
/// It opens the file by itself, for reading unless it migrates, so that it works beside daemons.
package struct SQLiteAdministration: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    // MARK: - Migration

    /// The versions of the schema before and after; 0: there was none.
    package struct Migration: Equatable, Sendable {
        package var before: Int
        package var after: Int
    }

    /// Makes the file, or brings it to the schema of this program.
    package func migrate() throws(TaskStoreError) -> Migration {
        let before = self.exists ? try self.read { try Self.version($0) } : 0
        try SQLiteTaskStore(path: self.path).close()
        return Migration(before: before, after: SQLiteSchema.migrations.count)
    }

    // MARK: - Status

    package struct Status: Equatable, Sendable {
        package var schemaVersion: Int
        /// The file and its log.
        package var sizeBytes: Int64
        package var counts: TaskCounts
    }

    package func status(now: Timestamp) throws(TaskStoreError) -> Status {
        let size = self.size(of: self.path) + self.size(of: self.path + "-wal")
        return try self.read { database in
            try SQLiteSchema.requireCurrent(database)
            return Status(
                schemaVersion: SQLiteSchema.migrations.count, sizeBytes: size,
                counts: try SQLiteReading(database: database).counts(now: now))
        }
    }

    // MARK: - Verification

    /// One thing that must be true, and how often it is not.
    package struct Check: Equatable, Sendable {
        package var name: String
        /// Empty: it is true.
        package var defects: [String]
    }

    /// Looks at all pages and rows.
    package func verify(now: Timestamp) throws(TaskStoreError) -> [Check] {
        // A lease that ended so long ago should have been taken back many times over.
        let forgotten = now.advanced(by: .seconds(-600)).microseconds
        return try self.read { database in
            try SQLiteSchema.requireCurrent(database)
            SQLiteCRC32.add(to: database)
            let integrity = try String.fetchAll(database, sql: "PRAGMA integrity_check(20)")
            return [
                Check(name: "the file is intact", defects: integrity.filter { $0 != "ok" }),
                try Self.count(
                    "every task keeps the rules of the schema", SQL.countForeign, in: database),
                try Self.count(
                    "every scheduled task stands in the lane of its function and the bucket of its id",
                    SQL.countMisplaced, in: database),
                try Self.count(
                    "every member, every setting of a function and every kept job keeps the rules of the schema",
                    SQL.countForeignDaemons, in: database),
                try Self.count(
                    "every history belongs to a task",
                    "SELECT count(DISTINCT task_id) FROM attempt WHERE task_id NOT IN (SELECT id FROM task)",
                    in: database),
                try Self.count(
                    "no task is still running ten minutes after its lease ended",
                    "SELECT count(*) FROM task WHERE state = 1 AND lease_until < \(forgotten)", in: database),
            ]
        }
    }

    private static func count(_ name: String, _ sql: String, in database: Database) throws -> Check {
        let count = try Int.fetchOne(database, sql: sql) ?? 0
        return Check(name: name, defects: count == 0 ? [] : ["\(count) break it"])
    }

    // MARK: - Settings

    /// A setting as the store uses it.
    package struct Setting: Equatable, Sendable {
        package var name: String
        package var value: String
        package var wanted: String
    }

    /// What the file keeps, and what the program sets for itself.
    package func settings() throws(TaskStoreError) -> [Setting] {
        let wanted = [
            ("journal_mode", "wal"), ("auto_vacuum", "0"), ("encoding", "UTF-8"),
            ("application_id", "\(SQLiteSchema.applicationID)"),
        ]
        return try self.read { database in
            try wanted.map { name, wanted in
                Setting(
                    name: name, value: try String.fetchOne(database, sql: "PRAGMA \(name)") ?? "", wanted: wanted)
            }
        }
    }

    // MARK: - The file

    private var exists: Bool { access(self.path, F_OK) == 0 }

    private func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    private static func version(_ database: Database) throws -> Int {
        _ = try SQLiteSchema.needsMigration(database)
        return try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws(TaskStoreError) -> Value {
        guard self.exists else { throw .unavailable("there is no file \(self.path)") }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(5)
            let queue = try DatabaseQueue(path: self.path, configuration: configuration)
            defer { try? queue.close() }
            return try queue.inDatabase(body)
        } catch {
            throw SQLiteFailure.storeError(error, in: .statement)
        }
    }
}
