internal import GRDB
internal import GearclockCore

/// Turns what SQLite reports into the three answers that callers have.
enum SQLiteFailure {
    /// How far a change had come.
    enum Stage {
        /// Before its commit: SQLite takes everything back, now or when the file is opened again.
        case statement
        case commit
    }

    static func storeError(_ error: any Error, in stage: Stage) -> TaskStoreError {
        if let error = error as? TaskStoreError { return error }
        guard let error = error as? DatabaseError else { return .unavailable(String(describing: error)) }
        let text = "SQLite error \(error.extendedResultCode.rawValue): \(error.message ?? "no message")"
        switch stage {
        case .statement:
            return self.statementError(error, text)
        case .commit:
            return self.commitError(error, text)
        }
    }

    private static func statementError(_ error: DatabaseError, _ text: String) -> TaskStoreError {
        switch error.extendedResultCode {
        // Another connection wrote between two of our steps, or holds the lock for a moment of its own.
        case .SQLITE_BUSY_SNAPSHOT, .SQLITE_BUSY_RECOVERY, .SQLITE_LOCKED: .conflict
        // Plain SQLITE_BUSY is here too: the lock was not free for the whole busy timeout, so asking again at once
        // would only wait again, and an operator should hear of the process that holds it.
        default: .unavailable(text)
        }
    }

    /// A commit writes its frames to the log, the last of them with the mark that makes it valid, and flushes the log.
    private static func commitError(_ error: DatabaseError, _ text: String) -> TaskStoreError {
        switch error.resultCode {
        // Refused before the first frame.
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_CONSTRAINT, .SQLITE_READONLY: .unavailable(text)
        // A frame found no room, and the last one was not written after it.
        case .SQLITE_FULL: .unavailable(text)
        // The last frame may be on the disk although SQLite could not see to it: if the machine goes down now, the
        // recovery of the log may find it or not.
        default: .outcomeUnknown(text)
        }
    }
}
