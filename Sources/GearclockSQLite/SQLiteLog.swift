internal import GRDB
internal import GRDBSQLite
internal import Synchronization

/// Copies the write-ahead log into the file when ``CheckpointPolicy`` says so.
final class SQLiteLog: Sendable {
    private let policy = Mutex(CheckpointPolicy())
    /// A connection for nothing else.
    private let copier: DatabaseQueue

    init(copier: DatabaseQueue) {
        self.copier = copier
    }

    /// Takes the place of SQLite's own checkpoints after each commit of a connection, which must not outlive this.
    func watch(_ writer: Database) {
        sqlite3_wal_hook(
            writer.sqliteConnection,
            { log, connection, _, pages in
                if let log, let connection {
                    Unmanaged<SQLiteLog>.fromOpaque(log).takeUnretainedValue().committed(Int(pages), connection)
                }
                // What goes wrong here is tried again later; the commit has succeeded.
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func committed(_ pages: Int, _ connection: OpaquePointer) {
        switch self.policy.withLock({ $0.committed(logPages: pages) }) {
        case .none: return
        case .checkpointNow: Self.checkpoint(connection)
        case .checkpointInBackground:
            self.copier.asyncWriteWithoutTransaction { database in
                if let connection = database.sqliteConnection { Self.checkpoint(connection) }
                self.policy.withLock { $0.backgroundCheckpointEnded() }
            }
        }
    }

    /// Copies what can be copied without waiting for anybody.
    private static func checkpoint(_ connection: OpaquePointer) {
        sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    func close() throws {
        try self.copier.close()
    }
}
