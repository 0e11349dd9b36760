extension SQL {
    /// Takes the name of a job server.
    /// - Parameters: 1 name.
    /// - Returns: generation, last number.
    /// - Index: the primary key of `job_server`.
    package static let takeJobServer = """
        INSERT INTO job_server (name, generation, changes, last_number) VALUES (?1, 1, 0, 0)
        ON CONFLICT (name) DO UPDATE SET generation = generation + 1
        RETURNING generation, last_number
        """

    /// Counts a change of the jobs of a server, if it has its name still.
    /// - Parameters: 1 name, 2 generation, 3 last number.
    /// - Returns: nothing; no row is changed if somebody else has the name.
    /// - Index: the primary key of `job_server`.
    package static let countJobChange = """
        UPDATE job_server SET changes = changes + 1, last_number = max(last_number, ?3)
        WHERE name = ?1 AND generation = ?2
        """

    /// Keeps a job, or writes how often it was retried.
    /// - Parameters: 1 server, 2 number, 3 priority, 4 retries, 5 due at or NULL, 6 function, 7 unique, 8 reducer,
    ///   9 workload.
    /// - Returns: nothing.
    /// - Index: `job_by_number`.
    package static let keepJob = """
        INSERT INTO job (server, number, priority, retries, due_at, function, unique_id, reducer, workload)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (server, number) DO UPDATE SET retries = ?4
        """

    /// Forgets a job.
    /// - Parameters: 1 server, 2 number.
    /// - Returns: nothing.
    /// - Index: `job_by_number`.
    package static let forgetJob = "DELETE FROM job WHERE server = ?1 AND number = ?2"

    /// The sizes of the next jobs of a server.
    /// - Parameters: 1 server, 2 after this number, 3 limit.
    /// - Returns: number, bytes of the workload; by number.
    /// - Index: `job_by_number`.
    package static let jobSizes = """
        SELECT number, length(workload) FROM job WHERE server = ?1 AND number > ?2 ORDER BY number LIMIT ?3
        """

    /// The jobs of a server.
    /// - Parameters: 1 server, 2 after this number, 3 up to this one.
    /// - Returns: number, priority, retries, due at, function, unique, reducer, workload; by number.
    /// - Index: `job_by_number`.
    package static let jobs = """
        SELECT number, priority, retries, due_at, function, unique_id, reducer, workload FROM job
        WHERE server = ?1 AND number > ?2 AND number <= ?3 ORDER BY number
        """
}
