extension SQL {
    /// The next lane that has scheduled tasks, and when the earliest of them is due: one step of a skip scan, which
    /// finds its row at once however many tasks the lanes before it have. Removed rows cost nothing here: SQLite takes
    /// them out of the index at once.
    /// - Parameters: 1 after this lane; -1: the first.
    /// - Returns: lane, due at, or no row.
    /// - Index: `task_scheduled` alone.
    package static let nextLane = """
        SELECT lane, due_at FROM task WHERE state = 0 AND lane > ?1 ORDER BY lane, due_at LIMIT 1
        """

    /// The scheduled tasks of one lane that are due first.
    /// - Parameters: 1 lane, 2 due by, 3 buckets, a bit for each, 4 limit.
    /// - Returns: seq, due at, id; earliest first.
    /// - Index: `task_scheduled` alone.
    package static let dueInLane = """
        SELECT seq, due_at, id FROM task
        WHERE state = 0 AND lane = ?1 AND due_at <= ?2 AND (?3 >> bucket) & 1 ORDER BY due_at, id LIMIT ?4
        """

    /// What a task counts for against limits of memory, as `TaskDefinition.weightBytes` has it. SQLite knows how long
    /// a payload is without reading it.
    /// - Parameters: 1 seq.
    /// - Returns: bytes.
    /// - Index: the rowid.
    package static let weight = """
        SELECT 256 + length(function) + length(payload) + coalesce(length(document), 0) FROM task WHERE seq = ?1
        """

    /// Claims scheduled tasks that were found in the same transaction.
    /// - Parameters: 1 owner, 2 lease until, 3 their seqs, a JSON array.
    /// - Returns: the columns of ``taskColumns``, in any order of rows.
    /// - Index: the rowid.
    package static let claim = """
        UPDATE task SET state = 1, owner = ?1, lease_until = ?2, attempt = min(attempt + 1, 4294967295)
        WHERE seq IN (SELECT value FROM json_each(?3))
        RETURNING \(taskColumns)
        """

    /// How many scheduled tasks of one lane are due.
    /// - Parameters: 1 lane, 2 now.
    /// - Returns: count.
    /// - Index: `task_scheduled` alone.
    package static let countOverdue = "SELECT count(*) FROM task WHERE state = 0 AND lane = ?1 AND due_at <= ?2"

    /// How many scheduled tasks stand in another lane or bucket than they should.
    /// - Returns: one number. It needs the function that ``SQLiteCRC32`` adds.
    /// - Index: none; all scheduled tasks are looked at.
    package static let countMisplaced = """
        SELECT count(*) FROM task WHERE state = 0 AND (lane <> crc32(function) OR bucket <> crc32(id) % 64)
        """
}
