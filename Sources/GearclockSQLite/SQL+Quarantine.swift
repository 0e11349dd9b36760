extension SQL {
    /// Discards a task that was just claimed and cannot be read.
    /// - Parameters: 1 id, 2 finished at, 3 remove at.
    /// - Returns: nothing; no change means that it is set aside already.
    /// - Index: `task_by_id`.
    package static let quarantine = """
        UPDATE task SET state = 3, owner = NULL, lease_until = NULL, finished_at = ?2, remove_at = ?3
        WHERE id = ?1 AND state = 1
        """

    /// Discards rows that break a rule of the schema, and puts something neutral where the rule is broken. Such rows
    /// can come only from a program that switches the rules off, or from a damaged file.
    /// - Parameters: 1 finished at, 2 remove at.
    /// - Returns: id, attempt.
    /// - Index: `task_foreign`, which is empty.
    package static let quarantineForeign = """
        UPDATE task SET state = 3, owner = NULL, lease_until = NULL, finished_at = ?1, remove_at = ?2,
            id = CASE WHEN length(id) = 16 THEN id ELSE randomblob(16) END,
            priority = CASE WHEN priority BETWEEN 0 AND 2 THEN priority ELSE 1 END,
            attempt = max(0, min(attempt, 4294967295)),
            failures = max(0, min(failures, 4294967295)),
            function = CASE WHEN length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0
                THEN function ELSE x'3f' END,
            controller = CASE WHEN length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0
                AND document IS NOT NULL THEN controller END,
            lane = max(0, min(lane, 4294967295)),
            bucket = max(0, min(bucket, 63))
        WHERE seq IN (SELECT seq FROM task INDEXED BY task_foreign WHERE NOT (
            \(rules)))
        RETURNING id, attempt
        """

    /// Counts such rows.
    /// - Returns: one number.
    /// - Index: `task_foreign`, which is empty.
    package static let countForeign = """
        SELECT count(*) FROM task INDEXED BY task_foreign WHERE NOT (
            \(rules))
        """

    /// As in the condition of the index, word for word: otherwise it cannot be used.
    private static let rules = """
        length(id) = 16 AND state BETWEEN 0 AND 5 AND priority BETWEEN 0 AND 2
            AND attempt BETWEEN 0 AND 4294967295 AND failures BETWEEN 0 AND 4294967295
            AND (state = 1) = (owner IS NOT NULL) AND (state = 1) = (lease_until IS NOT NULL)
            AND (state >= 2) = (finished_at IS NOT NULL) AND (state >= 2) = (remove_at IS NOT NULL)
            AND length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0
            AND (controller IS NULL
                OR (length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0 AND document IS NOT NULL))
            AND lane BETWEEN 0 AND 4294967295 AND bucket BETWEEN 0 AND 63
        """
}
