extension SQL {
    /// Adds entries to histories, as a bulk. Attempt numbers stop growing at their largest: the latest entry stays.
    /// - Parameters: 1 task id, 2 number, 3 attempt, 4 started at, 5 ended at, 6 outcome, 7 message.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let addAttempt = """
        INSERT INTO attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON DUPLICATE KEY UPDATE attempt = VALUES(attempt), started_at = VALUES(started_at),
            ended_at = VALUES(ended_at), outcome = VALUES(outcome), message = VALUES(message)
        """

    /// Removes the entries of a history that are beyond its limit.
    /// - Parameters: 1 and 2 task id, 3 entries that stay.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static let trimHistory = """
        DELETE FROM attempt WHERE task_id = ? AND number <= (
            SELECT number FROM (
                SELECT number FROM attempt WHERE task_id = ? ORDER BY number DESC LIMIT ?, 1) AS beyond)
        """

    /// Removes the histories of tasks that are removed.
    /// - Parameters: ids.
    /// - Returns: nothing.
    /// - Index: `PRIMARY`.
    package static func removeHistory(_ ids: IDList) -> String {
        "DELETE FROM attempt WHERE task_id IN (\(ids.placeholders))"
    }

    /// The histories of tasks.
    /// - Parameters: ids.
    /// - Returns: task id, attempt, started at, ended at, outcome, message; by task, oldest first.
    /// - Index: `PRIMARY`.
    package static func history(_ ids: IDList) -> String {
        """
        SELECT task_id, attempt, started_at, ended_at, outcome, message FROM attempt
        WHERE task_id IN (\(ids.placeholders)) ORDER BY task_id, number
        """
    }
}
