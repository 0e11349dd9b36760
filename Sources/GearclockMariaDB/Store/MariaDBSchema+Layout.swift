extension MariaDBSchema {
    /// What holds for each task, as the `CHECK`s of the table say: for rows that were written while they were off.
    static let rules = [
        "state <= 5", "priority <= 2", "(state = 1) = (owner IS NOT NULL)", "(state >= 2) = (finished_at IS NOT NULL)",
        "(state <> 0 OR wake_at = due_at)", "length(function) >= 1", "locate(x'00', function) = 0",
        """
        (controller IS NULL OR (length(controller) >= 1 AND locate(x'00', controller) = 0 AND document IS NOT NULL))
        """,
    ]

    /// The columns, indexes, rules and engines of our tables, one line each, as ``layout(on:)`` finds them.
    static let layout = [
        "attempt attempt int(10) unsigned NOT NULL", "attempt ended_at bigint(20) NOT NULL",
        "attempt message varbinary(1024) NOT NULL", "attempt number bigint(20) NOT NULL",
        "attempt outcome tinyint(3) unsigned NOT NULL", "attempt started_at bigint(20) NOT NULL",
        "attempt task_id binary(16) NOT NULL", "attempt index PRIMARY (task_id, number) unique",
        "attempt rule outcome", "attempt engine InnoDB",
        "function_setting function varbinary(512) NOT NULL", "function_setting in_flight int(10) unsigned",
        "function_setting is_paused tinyint(3) unsigned NOT NULL",
        "function_setting per_thousand_seconds int(10) unsigned",
        "function_setting queue_watermark int(10) unsigned", "function_setting index PRIMARY (function) unique",
        "function_setting rule function_setting_function", "function_setting rule function_setting_paused",
        "function_setting rule function_setting_says_something", "function_setting engine InnoDB",
        "gearclock_schema compatible_from int(10) unsigned NOT NULL",
        "gearclock_schema migrated_at timestamp NOT NULL", "gearclock_schema name varbinary(64) NOT NULL",
        "gearclock_schema version int(10) unsigned NOT NULL", "gearclock_schema index PRIMARY (version) unique",
        "gearclock_schema engine InnoDB",
        "job due_at bigint(20)", "job function varbinary(8192) NOT NULL", "job number bigint(20) NOT NULL",
        "job priority tinyint(3) unsigned NOT NULL", "job reducer varbinary(8192) NOT NULL",
        "job retries tinyint(3) unsigned NOT NULL", "job server varbinary(255) NOT NULL",
        "job unique_id varbinary(64) NOT NULL", "job workload longblob NOT NULL",
        "job index PRIMARY (server, number) unique", "job rule job_number", "job rule job_priority",
        "job engine InnoDB",
        "job_server changes bigint(20) NOT NULL", "job_server generation bigint(20) NOT NULL",
        "job_server last_number bigint(20) NOT NULL", "job_server name varbinary(255) NOT NULL",
        "job_server index PRIMARY (name) unique", "job_server rule job_server_generation",
        "job_server rule job_server_last_number", "job_server engine InnoDB",
        "member beats bigint(20) NOT NULL", "member id bigint(20) NOT NULL", "member role tinyint(3) unsigned NOT NULL",
        "member seen_at bigint(20) NOT NULL", "member index PRIMARY (id) unique", "member rule member_beats",
        "member rule member_role", "member engine InnoDB",
        "task attempt int(10) unsigned NOT NULL", "task controller varbinary(512)",
        "task created_at bigint(20) NOT NULL",
        "task document longblob", "task due_at bigint(20) NOT NULL", "task expires_at bigint(20)",
        "task failures int(10) unsigned NOT NULL", "task finished_at bigint(20)",
        "task function varbinary(512) NOT NULL",
        "task id binary(16) NOT NULL", "task lane bigint(20) unsigned", "task owner bigint(20)",
        "task payload longblob NOT NULL",
        "task priority tinyint(3) unsigned NOT NULL", "task retain bigint(20) NOT NULL", "task retry varbinary(4096)",
        "task state tinyint(3) unsigned NOT NULL", "task timeout bigint(20)", "task wake_at bigint(20) NOT NULL",
        "task index PRIMARY (id) unique", "task index task_wake (lane, wake_at)", "task rule task_controller",
        "task rule task_finished_when_final", "task rule task_function", "task rule task_owner_while_running",
        "task rule task_priority", "task rule task_state", "task rule task_wakes_when_due", "task engine InnoDB",
    ]

    /// The same of the database of a connection.
    static func layout(on connection: MariaDBConnection) throws(MariaDBFailure) -> [String] {
        let names = self.tables.map { "'\($0)'" }.joined(separator: ", ")
        let statements = [
            """
            SELECT concat(table_name, ' ', column_name, ' ', column_type, if(is_nullable = 'NO', ' NOT NULL', ''))
            FROM information_schema.columns WHERE table_schema = database() AND table_name IN (\(names))
            """,
            """
            SELECT concat(table_name, ' index ', index_name, ' (',
                group_concat(column_name ORDER BY seq_in_index SEPARATOR ', '), ')', if(max(non_unique), '', ' unique'))
            FROM information_schema.statistics WHERE table_schema = database() AND table_name IN (\(names))
            GROUP BY table_name, index_name
            """,
            """
            SELECT concat(table_name, ' rule ', constraint_name)
            FROM information_schema.check_constraints WHERE constraint_schema = database() AND table_name IN (\(names))
            """,
            """
            SELECT concat(table_name, ' engine ', engine)
            FROM information_schema.tables WHERE table_schema = database() AND table_name IN (\(names))
            """,
        ]
        var lines: [String] = []
        for statement in statements {
            for row in try connection.textRows(statement) { lines += row.compactMap { $0 } }
        }
        return lines
    }
}
