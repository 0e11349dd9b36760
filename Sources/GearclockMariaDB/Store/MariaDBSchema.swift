/// The tables, and the steps by which a database gets to them.
///
/// A released migration is never edited. A change of the schema adds one, and touches `Fixtures/schemas` and the
/// migration test in the same commit. Each statement may be repeated (`IF NOT EXISTS`), because data definitions are no
/// transactions, and many daemons may migrate at once. It must be `INSTANT`, or the whole cluster waits for it: Galera
/// runs data definitions on all nodes at the same place of the order of commits.
package enum MariaDBSchema {
    package struct Migration: Sendable {
        package let name: String
        package let statements: [String]
        /// Programs that know this version of the schema, or a later one, work with a database that has the migration.
        package let compatibleFrom: Int
    }

    /// In their order; the version of a database is the number of those that it has.
    package static let migrations = [
        Migration(name: "tasks", statements: [tasks, attempts, members, functions], compatibleFrom: 1),
        Migration(name: "jobs", statements: [jobServers, jobs], compatibleFrom: 1),
        Migration(name: "outcomes", statements: [outcomes], compatibleFrom: 1),
    ]

    /// The version that this program makes.
    package static var version: Int { self.migrations.count }

    /// Our tables, for grants and for the verification.
    package static let tables = [
        "task", "attempt", "member", "function_setting", "job_server", "job", "gearclock_schema",
    ]

    /// Which migrations a database has. This table is made first: `task` without it is somebody else's.
    package static let versions = """
        CREATE TABLE IF NOT EXISTS gearclock_schema (
            version INT UNSIGNED NOT NULL,
            name VARBINARY(64) NOT NULL,
            compatible_from INT UNSIGNED NOT NULL,
            migrated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            PRIMARY KEY (version)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET binary
        """

    /// Tasks. Times are microseconds since 1970, spans are microseconds. States: 0 scheduled, 1 running, 2 completed,
    /// 3 discarded, 4 cancelled, 5 expired. `retry` is NULL for the standard policy.
    ///
    /// The key is the id, which is ordered by time, so that new rows go to the end whatever their due times are: a
    /// table that is clustered by due time is as fast while it fits into memory, and ten times slower when not.
    /// `wake_at` is what the only other index needs: when a scheduled task is due, when the lease of a running one
    /// ends, when a final one may be removed. One index for three questions is one less to write.
    ///
    /// `lane` is the state of a task that is not scheduled, and 2³² plus the number of its ``Lane`` if it is, so that
    /// the same index keeps the scheduled tasks of functions apart: a scan of one lane touches no entry of another. The
    /// server makes it, because it is right then in a row that somebody else writes, too; and stores it, because its
    /// purge must not have to compute it.
    ///
    /// What is scheduled stands at the end of the index. A scan goes on over the entries of rows that are gone until it
    /// meets one that is there, beyond its range too: if the leases stood behind it, a look that finds nothing would
    /// walk over all that were settled and not purged. Measured with half a million of them and a read view that holds
    /// up the purge: 53 ms with the leases behind, 0.02 ms with them in front, both from a lower bound (``ScanBound``).
    /// (An index that begins with `state DESC` would do the same, but MariaDB 10.11 does not jump from lane to lane in
    /// it.)
    private static let tasks = """
        CREATE TABLE IF NOT EXISTS task (
            id BINARY(16) NOT NULL,
            state TINYINT UNSIGNED NOT NULL,
            lane BIGINT UNSIGNED AS (IF(state = 0, 4294967296 + CRC32(function), state)) STORED,
            wake_at BIGINT NOT NULL,
            due_at BIGINT NOT NULL,
            priority TINYINT UNSIGNED NOT NULL,
            attempt INT UNSIGNED NOT NULL,
            failures INT UNSIGNED NOT NULL,
            owner BIGINT,
            finished_at BIGINT,
            created_at BIGINT NOT NULL,
            expires_at BIGINT,
            timeout BIGINT,
            retain BIGINT NOT NULL,
            retry VARBINARY(4096),
            function VARBINARY(512) NOT NULL,
            controller VARBINARY(512),
            payload LONGBLOB NOT NULL,
            document LONGBLOB,
            PRIMARY KEY (id),
            KEY task_wake (lane, wake_at),
            CONSTRAINT task_state CHECK (state <= 5),
            CONSTRAINT task_priority CHECK (priority <= 2),
            CONSTRAINT task_owner_while_running CHECK ((state = 1) = (owner IS NOT NULL)),
            CONSTRAINT task_finished_when_final CHECK ((state >= 2) = (finished_at IS NOT NULL)),
            CONSTRAINT task_wakes_when_due CHECK (state <> 0 OR wake_at = due_at),
            CONSTRAINT task_function CHECK (length(function) >= 1 AND locate(x'00', function) = 0),
            CONSTRAINT task_controller CHECK (
                controller IS NULL
                OR (length(controller) >= 1 AND locate(x'00', controller) = 0 AND document IS NOT NULL))
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary
        """

    /// What became of the attempts of a task. `number` is the number of the claim that an entry is about: each has one
    /// entry at most.
    private static let attempts = """
        CREATE TABLE IF NOT EXISTS attempt (
            task_id BINARY(16) NOT NULL,
            number BIGINT NOT NULL,
            attempt INT UNSIGNED NOT NULL,
            started_at BIGINT NOT NULL,
            ended_at BIGINT NOT NULL,
            outcome TINYINT UNSIGNED NOT NULL,
            message VARBINARY(1024) NOT NULL,
            PRIMARY KEY (task_id, number),
            CONSTRAINT attempt_outcome CHECK (outcome <= 6)
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary
        """

    /// The daemons of the cluster. Each writes its own row only, so that their beats never conflict.
    private static let members = """
        CREATE TABLE IF NOT EXISTS member (
            id BIGINT NOT NULL,
            role TINYINT UNSIGNED NOT NULL,
            beats BIGINT NOT NULL,
            seen_at BIGINT NOT NULL,
            PRIMARY KEY (id),
            CONSTRAINT member_role CHECK (role <= 1),
            CONSTRAINT member_beats CHECK (beats >= 1)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET binary
        """

    /// What operators want of functions. NULL: no limit. A row that says nothing is not kept.
    private static let functions = """
        CREATE TABLE IF NOT EXISTS function_setting (
            function VARBINARY(512) NOT NULL,
            is_paused TINYINT UNSIGNED NOT NULL,
            in_flight INT UNSIGNED,
            per_thousand_seconds INT UNSIGNED,
            queue_watermark INT UNSIGNED,
            PRIMARY KEY (function),
            CONSTRAINT function_setting_function CHECK (length(function) >= 1 AND locate(x'00', function) = 0),
            CONSTRAINT function_setting_paused CHECK (is_paused <= 1),
            CONSTRAINT function_setting_says_something CHECK (
                is_paused = 1 OR in_flight IS NOT NULL OR per_thousand_seconds IS NOT NULL
                OR queue_watermark IS NOT NULL)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET binary
        """

    /// Job servers that keep jobs. Each change of the jobs of one counts in its row, so that two changes of one server
    /// are never made at once, on whatever nodes; `generation` tells who has the name now.
    private static let jobServers = """
        CREATE TABLE IF NOT EXISTS job_server (
            name VARBINARY(255) NOT NULL,
            generation BIGINT NOT NULL,
            changes BIGINT NOT NULL,
            last_number BIGINT NOT NULL,
            PRIMARY KEY (name),
            CONSTRAINT job_server_generation CHECK (generation >= 1),
            CONSTRAINT job_server_last_number CHECK (last_number >= 0)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET binary
        """

    /// Background jobs of job servers. `due_at` is NULL for those that are due at once.
    private static let jobs = """
        CREATE TABLE IF NOT EXISTS job (
            server VARBINARY(255) NOT NULL,
            number BIGINT NOT NULL,
            priority TINYINT UNSIGNED NOT NULL,
            retries TINYINT UNSIGNED NOT NULL,
            due_at BIGINT,
            function VARBINARY(8192) NOT NULL,
            unique_id VARBINARY(64) NOT NULL,
            reducer VARBINARY(8192) NOT NULL,
            workload LONGBLOB NOT NULL,
            PRIMARY KEY (server, number),
            CONSTRAINT job_number CHECK (number >= 1),
            CONSTRAINT job_priority CHECK (priority <= 2)
        ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET binary
        """

    /// Tasks that expired, and those that were cancelled while somebody had them, have an entry in their history. A
    /// program that knows no more than the second schema takes such an entry for a failure, and makes none.
    ///
    /// The rule becomes the column's: for one that is added to a table, MariaDB 10.11 copies all of it, which takes 3 s
    /// with 400,000 entries; a column's it changes in 20 ms, however many there are. It does not look at the rows: they
    /// kept to a stricter rule. A server that could only copy refuses this, and the programs before this one go on.
    private static let outcomes = """
        ALTER TABLE attempt
            DROP CONSTRAINT IF EXISTS attempt_outcome,
            MODIFY COLUMN outcome TINYINT UNSIGNED NOT NULL CHECK (outcome <= 8),
            ALGORITHM=INSTANT
        """
}
