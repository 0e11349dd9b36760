extension SQL {
    /// Adds an entry at the end of a task's history.
    /// - Parameters: 1 task id, 2 attempt, 3 started at, 4 ended at, 5 outcome, 6 message.
    /// - Returns: the entry's number, which only grows.
    /// - Index: the primary key of `attempt`.
    package static let addAttempt = """
        INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
        VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM attempt WHERE task_id = ?1), ?2, ?3, ?4, ?5, ?6)
        RETURNING number
        """

    /// Removes the entries of a history that are beyond its limit.
    /// - Parameters: 1 task id, 2 the number of the latest entry to remove.
    /// - Returns: nothing.
    /// - Index: the primary key of `attempt`.
    package static let trimHistory = "DELETE FROM attempt WHERE task_id = ?1 AND number <= ?2"

    /// Removes the history of a task that is removed.
    /// - Parameters: 1 task id.
    /// - Returns: nothing.
    /// - Index: the primary key of `attempt`.
    package static let removeHistory = "DELETE FROM attempt WHERE task_id = ?1"

    /// The history of a task.
    /// - Parameters: 1 task id.
    /// - Returns: attempt, started at, ended at, outcome, message; oldest first.
    /// - Index: the primary key of `attempt`.
    package static let history = """
        SELECT attempt, started_at, ended_at, outcome, message FROM attempt WHERE task_id = ?1 ORDER BY number
        """
}
