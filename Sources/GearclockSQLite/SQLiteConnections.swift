internal import GRDB
internal import GRDBSQLite
internal import GearclockCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The connections to one file: who writes does not wait for who reads, and a short look does not wait for a long one.
struct SQLiteConnections: Sendable {
    /// All changes of this process go through one connection; between processes SQLite's lock decides.
    let writer: DatabaseQueue
    /// Single tasks, and what is due next.
    let reader: DatabaseQueue
    /// Lists and counts, which may walk through millions of rows.
    let scanner: DatabaseQueue
    private let log: SQLiteLog

    /// Opens the file, creates it if it is not there, and brings it to the current schema.
    init(path: String, settings: SQLiteTaskStore.Settings) throws(TaskStoreError) {
        do {
            try Self.createFile(path)
            self.writer = try DatabaseQueue(path: path, configuration: Self.configuration(settings, readonly: false))
            try self.writer.writeWithoutTransaction { database in
                let old = try SQLiteSchema.needsMigration(database)
                try Self.useWriteAheadLog(database)
                if sqlite3_db_readonly(database.sqliteConnection, "main") == 1 {
                    throw DatabaseError(resultCode: .SQLITE_READONLY, message: "The file may not be written: \(path)")
                }
                if old { try SQLiteSchema.migrate(database) }
            }
            let log = SQLiteLog(
                copier: try DatabaseQueue(path: path, configuration: Self.configuration(settings, readonly: false)))
            self.writer.writeWithoutTransaction { log.watch($0) }
            self.log = log
            // Readers need the files that the writer's connection has made by now.
            self.reader = try DatabaseQueue(path: path, configuration: Self.configuration(settings, readonly: true))
            self.scanner = try DatabaseQueue(path: path, configuration: Self.configuration(settings, readonly: true))
        } catch {
            throw SQLiteFailure.storeError(error, in: .statement)
        }
    }

    func close() throws {
        try self.scanner.close()
        try self.reader.close()
        try self.log.close()
        try self.writer.close()
    }

    /// Creates an empty file that only its owner can read, because SQLite would let the whole world read it.
    ///
    /// The file is made without being opened: closing any descriptor of it would drop the locks that another connection
    /// of this process has on it. The log and its index get the same permissions from SQLite.
    private static func createFile(_ path: String) throws {
        guard mknod(path, S_IFREG | S_IRUSR | S_IWUSR, 0) != 0, errno != EEXIST else { return }
        throw DatabaseError(
            resultCode: .SQLITE_CANTOPEN, message: "Cannot create \(path): \(String(cString: strerror(errno)))")
    }

    private static func configuration(_ settings: SQLiteTaskStore.Settings, readonly: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.readonly = readonly
        configuration.label = "gearclock.sqlite"
        configuration.foreignKeysEnabled = false
        // A transaction that cannot be rolled back is rolled back by the next call, not by a trap.
        configuration.allowsUnsafeTransactions = true
        configuration.busyMode = .callback(Self.busyWait(upTo: settings.busyTimeout))
        configuration.prepareDatabase { database in
            // Each commit is on the disk when it returns. SQLite's other choice loses the latest ones with the power.
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // Some builds overwrite what is deleted with zeros, which doubles the work of removing a task.
            try database.execute(sql: "PRAGMA secure_delete = OFF")
            try database.execute(sql: "PRAGMA cache_size = -\(Self.cacheKibibytes)")
            try database.execute(sql: "PRAGMA temp_store = MEMORY")
            if !readonly {
                try database.execute(sql: "PRAGMA journal_size_limit = \(Self.keptLogBytes)")
                if let limit = settings.pageLimit {
                    try database.execute(sql: "PRAGMA max_page_count = \(limit)")
                }
            }
        }
        return configuration
    }

    /// The pages that a connection keeps: the inner pages of all indexes of some ten million tasks.
    private static let cacheKibibytes = 32 << 10

    /// A log that a burst made longer is cut to this when it starts again.
    private static let keptLogBytes = 64 << 20

    /// Waits for another process in short steps. SQLite's own waiting goes up to 100 ms a step, ten times as long as a
    /// commit takes, and a process that is woken late finds the lock taken again.
    private static func busyWait(upTo timeout: Duration) -> Database.BusyCallback {
        let milliseconds = timeout.microseconds / 1000
        return { tries in
            sqlite3_sleep(1)
            return tries < milliseconds
        }
    }

    /// Turns a new file to write-ahead logging, which it remembers.
    ///
    /// When several processes do this at once, SQLite lets one do it and refuses the others at once, without waiting.
    /// They wait by asking for the write lock and try again; whoever gets a try has only those before it to wait for.
    private static func useWriteAheadLog(_ database: Database) throws {
        var tries = 0
        while true {
            do {
                let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL")
                if mode == "wal" { return }
                throw DatabaseError(
                    message: "Write-ahead logging is not possible here, the journal mode stays \(mode ?? "?")")
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && tries < 100 {
                tries += 1
                try database.inTransaction(.exclusive) { .rollback }
            }
        }
    }
}
