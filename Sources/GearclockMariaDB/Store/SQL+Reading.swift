extension SQL {
    /// When something is due next.
    /// - Parameters: 1 not before.
    /// - Returns: due at, or no row.
    /// - Index: `task_wake`.
    package static let nextDue = """
        SELECT wake_at FROM task FORCE INDEX (task_wake) WHERE state = 0 AND wake_at >= ? ORDER BY wake_at LIMIT 1
        """

    /// A page of tasks in any state.
    /// - Parameters: 1 after this id, 2 and 3 function or NULL, 4 limit.
    /// - Returns: the columns of ``listColumns``, by id.
    /// - Index: `PRIMARY`; a rare function is searched for in all rows.
    package static let list = """
        SELECT \(listColumns) FROM task FORCE INDEX (PRIMARY)
        WHERE id > ? AND (? IS NULL OR function = ?) ORDER BY id LIMIT ?
        """

    /// A page of scheduled tasks: most tasks are.
    /// - Parameters: 1 after this id, 2 and 3 function or NULL, 4 limit.
    /// - Returns: the columns of ``listColumns``, by id.
    /// - Index: `PRIMARY`.
    package static let listScheduled = """
        SELECT \(listColumns) FROM task FORCE INDEX (PRIMARY)
        WHERE id > ? AND state = 0 AND (? IS NULL OR function = ?) ORDER BY id LIMIT ?
        """

    /// A page of tasks that run or are final: few among many, hence not by id.
    /// - Parameters: 1 after this id, 2 state, 3 and 4 function or NULL, 5 limit.
    /// - Returns: the columns of ``listColumns``, by id.
    /// - Index: `task_wake`, then sorted.
    package static let listRare = """
        SELECT \(listColumns) FROM task FORCE INDEX (task_wake)
        WHERE id > ? AND state = ? AND (? IS NULL OR function = ?) ORDER BY id LIMIT ?
        """

    /// How many tasks are in each state.
    /// - Returns: state, count.
    /// - Index: `task_wake` alone.
    package static let count = "SELECT state, count(*) FROM task FORCE INDEX (task_wake) GROUP BY state"

    /// How many scheduled tasks are due, and since when.
    /// - Parameters: 1 now.
    /// - Returns: count, earliest due at or NULL.
    /// - Index: `task_wake` alone.
    package static let countOverdue = """
        SELECT count(*), min(wake_at) FROM task FORCE INDEX (task_wake) WHERE state = 0 AND wake_at <= ?
        """
}
