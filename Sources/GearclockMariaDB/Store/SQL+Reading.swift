extension SQL {
    /// When the earliest task of each lane is due: it jumps from one lane to the next.
    /// - Returns: lane, due at; in the order of lanes.
    /// - Index: `task_wake`.
    package static let dueLanes = """
        SELECT lane, MIN(wake_at) FROM task FORCE INDEX (task_wake) WHERE lane >= 4294967296 GROUP BY lane
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
