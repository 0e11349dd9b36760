extension SQL {
    /// The earliest task of the first lane behind another one. One statement could group all lanes, but statistics
    /// decide whether it jumps from lane to lane or reads all tasks, and a connection may have those of an empty table.
    /// - Parameters: the lane before; 4294967295 for the first one of scheduled tasks.
    /// - Returns: lane, due at; at most one row.
    /// - Index: `task_wake`.
    package static let nextLane = """
        SELECT lane, wake_at FROM task FORCE INDEX (task_wake) WHERE lane > ? ORDER BY lane, wake_at LIMIT 1
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
        WHERE id > ? AND lane = ? AND (? IS NULL OR function = ?) ORDER BY id LIMIT ?
        """

    /// How many tasks are in each state and lane, and of the scheduled ones how many are due, and since when.
    /// - Parameters: 1 and 2 now.
    /// - Returns: state, count, how many of them are due, their earliest due at or NULL.
    /// - Index: `task_wake` alone.
    package static let count = """
        SELECT IF(lane >= 4294967296, 0, lane), count(*), count(IF(lane >= 4294967296 AND wake_at <= ?, 1, NULL)),
            min(IF(lane >= 4294967296 AND wake_at <= ?, wake_at, NULL))
        FROM task FORCE INDEX (task_wake) GROUP BY lane
        """
}
