extension SQL {
    /// One task, whole.
    /// - Parameters: 1 id.
    /// - Returns: the columns of ``taskColumns``.
    /// - Index: `task_by_id`.
    package static let record = "SELECT \(taskColumns) FROM task WHERE id = ?1"

    /// A page of tasks in any state, or in state 0.
    /// - Parameters: 1 after this id, 2 limit, 3 function or NULL, 4 state or NULL.
    /// - Returns: the columns of ``listColumns``, by id.
    /// - Index: `task_by_id`; a rare function is searched for in all rows.
    package static let list = """
        SELECT \(listColumns) FROM task
        WHERE id > ?1 AND (?3 IS NULL OR function = ?3) AND (?4 IS NULL OR state = ?4) ORDER BY id LIMIT ?2
        """

    /// A page of running tasks: few among many, hence not by the index on ids.
    /// - Parameters: 1 after this id, 2 limit, 3 function or NULL.
    /// - Returns: the columns of ``listColumns``, by id.
    /// - Index: `task_running`, then sorted.
    package static let listRunning = """
        SELECT \(listColumns) FROM task INDEXED BY task_running
        WHERE state = 1 AND id > ?1 AND (?3 IS NULL OR function = ?3) ORDER BY id LIMIT ?2
        """

    /// A page of tasks in a final state: few among many, hence not by the index on ids.
    /// - Parameters: 1 after this id, 2 limit, 3 function or NULL, 4 state.
    /// - Returns: the columns of ``listColumns``, by id.
    /// - Index: `task_final`, then sorted.
    package static let listFinal = """
        SELECT \(listColumns) FROM task INDEXED BY task_final
        WHERE state BETWEEN 2 AND 5 AND state = ?4 AND id > ?1 AND (?3 IS NULL OR function = ?3) ORDER BY id LIMIT ?2
        """

    /// How many tasks are scheduled.
    /// - Returns: one number.
    /// - Index: `task_scheduled` alone.
    package static let countScheduled = "SELECT count(*) FROM task WHERE state = 0"

    /// How many tasks are running.
    /// - Returns: one number.
    /// - Index: `task_running` alone.
    package static let countRunning = "SELECT count(*) FROM task WHERE state = 1"

    /// How many tasks are in each final state.
    /// - Returns: state, count.
    /// - Index: `task_final` alone.
    package static let countFinal = "SELECT state, count(*) FROM task WHERE state BETWEEN 2 AND 5 GROUP BY state"
}
