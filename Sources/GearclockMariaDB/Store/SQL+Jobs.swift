extension SQL {
    /// Takes the name of a job server.
    /// - Parameters: 1 name.
    /// - Returns: nothing.
    /// - Index: `PRIMARY` of `job_server`.
    package static let takeJobServer = """
        INSERT INTO job_server (name, generation, changes, last_number) VALUES (?, 1, 0, 0)
        ON DUPLICATE KEY UPDATE generation = generation + 1
        """

    /// Who has the name of a job server.
    /// - Parameters: 1 name.
    /// - Returns: generation, last number.
    /// - Index: `PRIMARY` of `job_server`.
    package static let jobServer = "SELECT generation, last_number FROM job_server WHERE name = ?"

    /// Counts a change of the jobs of a server, if it has its name still. The row changes each time, so that Galera
    /// refuses one of two changes that were made at once.
    /// - Parameters: 1 last number, 2 name, 3 generation.
    /// - Returns: nothing; no row is found if somebody else has the name.
    /// - Index: `PRIMARY` of `job_server`.
    package static let countJobChange = """
        UPDATE job_server SET changes = changes + 1, last_number = GREATEST(last_number, ?)
        WHERE name = ? AND generation = ?
        """

    /// Keeps a job, or writes how often it was retried.
    /// - Parameters: 1 server, 2 number, 3 priority, 4 retries, 5 due at or NULL, 6 function, 7 unique, 8 reducer,
    ///   9 workload.
    /// - Returns: nothing.
    /// - Index: `PRIMARY` of `job`.
    package static let keepJob = """
        INSERT INTO job (server, number, priority, retries, due_at, function, unique_id, reducer, workload)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON DUPLICATE KEY UPDATE retries = VALUES(retries)
        """

    /// Forgets a job.
    /// - Parameters: 1 server, 2 number.
    /// - Returns: nothing.
    /// - Index: `PRIMARY` of `job`.
    package static let forgetJob = "DELETE FROM job WHERE server = ? AND number = ?"

    /// The sizes of the next jobs of a server.
    /// - Parameters: 1 server, 2 after this number, 3 limit.
    /// - Returns: number, bytes of the workload; by number.
    /// - Index: `PRIMARY` of `job`.
    package static let jobSizes = """
        SELECT number, length(workload) FROM job FORCE INDEX (PRIMARY) WHERE server = ? AND number > ?
        ORDER BY number LIMIT ?
        """

    /// The jobs of a server.
    /// - Parameters: 1 server, 2 after this number, 3 up to this one.
    /// - Returns: number, priority, retries, due at, function, unique, reducer, workload; by number.
    /// - Index: `PRIMARY` of `job`.
    package static let jobs = """
        SELECT number, priority, retries, due_at, function, unique_id, reducer, workload
        FROM job FORCE INDEX (PRIMARY) WHERE server = ? AND number > ? AND number <= ? ORDER BY number
        """
}
