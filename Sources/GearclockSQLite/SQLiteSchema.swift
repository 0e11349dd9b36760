internal import GRDB

/// The schema and how a file gets to it.
///
/// A released migration is never edited. A change of the schema adds one, and touches `Fixtures/schemas` and the
/// migration test in the same commit.
enum SQLiteSchema {
    /// "GCLK": what `PRAGMA application_id` of our files says, so that nobody's other database is taken for one.
    static let applicationID: Int64 = 0x4743_4c4b

    struct Migration {
        let name: String
        let sql: String
    }

    /// In their order; `PRAGMA user_version` is the number of those that a file has.
    static let migrations = [
        Migration(name: "tasks", sql: tasks), Migration(name: "lanes", sql: lanes), Migration(name: "jobs", sql: jobs),
        Migration(name: "outcomes", sql: outcomes),
    ]

    /// What holds for each row, besides the types that STRICT enforces. It is written out in the table's CHECKs and, as
    /// its opposite, in the index `task_foreign`, which finds rows that were written with `ignore_check_constraints`.
    ///
    /// Times are microseconds since 1970, spans are microseconds. `payload` and `document` come last, so that
    /// everything else is read without walking the pages of a large payload. `retry` is NULL for the standard policy.
    /// The indexes hold `state`, which their conditions fix already: without it SQLite looks into the row to see it.
    /// `seq` exists because a table by rowid keeps wide rows out of the inner pages of the tree that finds them.
    private static let tasks = """
        CREATE TABLE task (
            seq INTEGER PRIMARY KEY,
            id BLOB NOT NULL,
            state INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            due_at INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            failures INTEGER NOT NULL,
            owner INTEGER,
            lease_until INTEGER,
            finished_at INTEGER,
            remove_at INTEGER,
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            timeout INTEGER,
            retain INTEGER NOT NULL,
            retry TEXT,
            function BLOB NOT NULL,
            controller BLOB,
            payload BLOB NOT NULL,
            document BLOB,
            CONSTRAINT task_id CHECK (length(id) = 16),
            CONSTRAINT task_state CHECK (state BETWEEN 0 AND 5),
            CONSTRAINT task_priority CHECK (priority BETWEEN 0 AND 2),
            CONSTRAINT task_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
            CONSTRAINT task_failures CHECK (failures BETWEEN 0 AND 4294967295),
            CONSTRAINT task_owner_while_running CHECK ((state = 1) = (owner IS NOT NULL)),
            CONSTRAINT task_lease_while_running CHECK ((state = 1) = (lease_until IS NOT NULL)),
            CONSTRAINT task_finished_when_final CHECK ((state >= 2) = (finished_at IS NOT NULL)),
            CONSTRAINT task_removed_when_final CHECK ((state >= 2) = (remove_at IS NOT NULL)),
            CONSTRAINT task_function CHECK (length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0),
            CONSTRAINT task_controller CHECK (
                controller IS NULL
                OR (length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0 AND document IS NOT NULL))
        ) STRICT;

        CREATE UNIQUE INDEX task_by_id ON task (id);
        CREATE INDEX task_scheduled ON task (due_at, id, state) WHERE state = 0;
        CREATE INDEX task_running ON task (lease_until, id, state) WHERE state = 1;
        CREATE INDEX task_final ON task (remove_at, id, state) WHERE state BETWEEN 2 AND 5;
        CREATE INDEX task_foreign ON task (state) WHERE NOT (
            length(id) = 16 AND state BETWEEN 0 AND 5 AND priority BETWEEN 0 AND 2
            AND attempt BETWEEN 0 AND 4294967295 AND failures BETWEEN 0 AND 4294967295
            AND (state = 1) = (owner IS NOT NULL) AND (state = 1) = (lease_until IS NOT NULL)
            AND (state >= 2) = (finished_at IS NOT NULL) AND (state >= 2) = (remove_at IS NOT NULL)
            AND length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0
            AND (controller IS NULL
                OR (length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0 AND document IS NOT NULL)));

        CREATE TABLE attempt (
            task_id BLOB NOT NULL,
            number INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            ended_at INTEGER NOT NULL,
            outcome INTEGER NOT NULL,
            message BLOB NOT NULL,
            PRIMARY KEY (task_id, number),
            CONSTRAINT attempt_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
            CONSTRAINT attempt_outcome CHECK (outcome BETWEEN 0 AND 4)
        ) STRICT, WITHOUT ROWID;
        """

    /// Where a task stands among others, more outcomes of attempts, what daemons tell each other, and what operators
    /// want of functions.
    ///
    /// The defaults are for a program that knows the first schema only and has the file open meanwhile: its tasks are
    /// found in lane 0. Nothing that reads a row without its payload needs the new columns, which stand behind it.
    /// `seen_at` is when the store last heard of a member, `per_thousand_seconds` how many jobs may start in that time.
    private static let lanes = """
        ALTER TABLE task ADD COLUMN
            lane INTEGER NOT NULL DEFAULT 0 CONSTRAINT task_lane CHECK (lane BETWEEN 0 AND 4294967295);
        ALTER TABLE task ADD COLUMN
            bucket INTEGER NOT NULL DEFAULT 0 CONSTRAINT task_bucket CHECK (bucket BETWEEN 0 AND 63);
        DROP INDEX task_scheduled;
        DROP INDEX task_foreign;
        UPDATE task SET lane = crc32(function), bucket = crc32(id) % 64;

        CREATE INDEX task_scheduled ON task (lane, due_at, id, bucket, state) WHERE state = 0;
        CREATE INDEX task_foreign ON task (state) WHERE NOT (
            length(id) = 16 AND state BETWEEN 0 AND 5 AND priority BETWEEN 0 AND 2
            AND attempt BETWEEN 0 AND 4294967295 AND failures BETWEEN 0 AND 4294967295
            AND (state = 1) = (owner IS NOT NULL) AND (state = 1) = (lease_until IS NOT NULL)
            AND (state >= 2) = (finished_at IS NOT NULL) AND (state >= 2) = (remove_at IS NOT NULL)
            AND length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0
            AND (controller IS NULL
                OR (length(controller) BETWEEN 1 AND 512 AND instr(controller, x'00') = 0 AND document IS NOT NULL))
            AND lane BETWEEN 0 AND 4294967295 AND bucket BETWEEN 0 AND 63);

        CREATE TABLE attempt_with_more_outcomes (
            task_id BLOB NOT NULL,
            number INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            ended_at INTEGER NOT NULL,
            outcome INTEGER NOT NULL,
            message BLOB NOT NULL,
            PRIMARY KEY (task_id, number),
            CONSTRAINT attempt_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
            CONSTRAINT attempt_outcome CHECK (outcome BETWEEN 0 AND 6)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO attempt_with_more_outcomes SELECT * FROM attempt;
        DROP TABLE attempt;
        ALTER TABLE attempt_with_more_outcomes RENAME TO attempt;

        CREATE TABLE member (
            id INTEGER PRIMARY KEY,
            role INTEGER NOT NULL,
            beats INTEGER NOT NULL,
            seen_at INTEGER NOT NULL,
            CONSTRAINT member_role CHECK (role BETWEEN 0 AND 1),
            CONSTRAINT member_beats CHECK (beats >= 1)
        ) STRICT;

        CREATE TABLE function_setting (
            function BLOB NOT NULL PRIMARY KEY,
            is_paused INTEGER NOT NULL,
            in_flight INTEGER,
            per_thousand_seconds INTEGER,
            queue_watermark INTEGER,
            CONSTRAINT function_setting_function CHECK (
                length(function) BETWEEN 1 AND 512 AND instr(function, x'00') = 0),
            CONSTRAINT function_setting_is_paused CHECK (is_paused BETWEEN 0 AND 1),
            CONSTRAINT function_setting_in_flight CHECK (in_flight BETWEEN 0 AND 4294967295),
            CONSTRAINT function_setting_rate CHECK (per_thousand_seconds BETWEEN 0 AND 4294967295),
            CONSTRAINT function_setting_queue_watermark CHECK (queue_watermark BETWEEN 0 AND 4294967295),
            CONSTRAINT function_setting_says_something CHECK (
                is_paused = 1 OR coalesce(in_flight, per_thousand_seconds, queue_watermark) IS NOT NULL)
        ) STRICT, WITHOUT ROWID;
        """

    /// Job servers that keep jobs, and their background jobs. `generation` tells who has the name of a server now;
    /// `due_at` is NULL for jobs that are due at once.
    private static let jobs = """
        CREATE TABLE job_server (
            name BLOB NOT NULL PRIMARY KEY,
            generation INTEGER NOT NULL,
            changes INTEGER NOT NULL,
            last_number INTEGER NOT NULL,
            CONSTRAINT job_server_generation CHECK (generation >= 1),
            CONSTRAINT job_server_last_number CHECK (last_number >= 0)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE job (
            seq INTEGER PRIMARY KEY,
            server BLOB NOT NULL,
            number INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            retries INTEGER NOT NULL,
            due_at INTEGER,
            function BLOB NOT NULL,
            unique_id BLOB NOT NULL,
            reducer BLOB NOT NULL,
            workload BLOB NOT NULL,
            CONSTRAINT job_number CHECK (number >= 1),
            CONSTRAINT job_priority CHECK (priority BETWEEN 0 AND 2),
            CONSTRAINT job_retries CHECK (retries BETWEEN 0 AND 255)
        ) STRICT;

        CREATE UNIQUE INDEX job_by_number ON job (server, number);
        """

    /// Tasks that expired, and those that were cancelled while somebody had them, have an entry in their history. A
    /// program that knows the third schema and has the file open meanwhile takes such an entry for a failure.
    private static let outcomes = """
        CREATE TABLE attempt_with_more_outcomes (
            task_id BLOB NOT NULL,
            number INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            ended_at INTEGER NOT NULL,
            outcome INTEGER NOT NULL,
            message BLOB NOT NULL,
            PRIMARY KEY (task_id, number),
            CONSTRAINT attempt_attempt CHECK (attempt BETWEEN 0 AND 4294967295),
            CONSTRAINT attempt_outcome CHECK (outcome BETWEEN 0 AND 8)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO attempt_with_more_outcomes SELECT * FROM attempt;
        DROP TABLE attempt;
        ALTER TABLE attempt_with_more_outcomes RENAME TO attempt;
        """

    enum Refusal: Error, CustomStringConvertible {
        case older(Int64)
        case newer(Int64)
        case foreign

        var description: String {
            switch self {
            case .older(let version):
                "The file has schema \(version), this program needs \(migrations.count): run 'gearclock store migrate'"
            case .newer(let version):
                "The file has schema \(version), this program knows up to \(migrations.count): use a newer program"
            case .foreign:
                "The file is a database of some other program"
            }
        }
    }

    /// Whether the file lacks a migration. It changes nothing, so that a file that is refused stays as it was.
    /// - Throws: ``Refusal`` if the file is not ours or too new.
    static func needsMigration(_ database: Database) throws -> Bool {
        var pending = false
        // One transaction, and therefore one state of the file, while another process may be migrating it.
        try database.inTransaction(.deferred) {
            pending = try !self.pending(database).isEmpty
            return .commit
        }
        return pending
    }

    /// For who only reads, and therefore does not migrate.
    /// - Throws: ``Refusal`` if the file is not ours, or its schema is another one.
    static func requireCurrent(_ database: Database) throws {
        guard try self.needsMigration(database) else { return }
        throw Refusal.older(try self.version(of: database))
    }

    /// Brings a file to the current schema. Any number of processes may do so at once: the first one that gets the
    /// write lock does the work, the others find it done.
    static func migrate(_ database: Database) throws {
        SQLiteCRC32.add(to: database)
        // Rows that break a rule are set aside by daemons; they must not keep the others in an old file.
        try database.execute(sql: "PRAGMA ignore_check_constraints = ON")
        defer { try? database.execute(sql: "PRAGMA ignore_check_constraints = OFF") }
        try database.inTransaction(.immediate) {
            for migration in try self.pending(database) {
                try database.execute(sql: migration.sql)
            }
            try database.execute(sql: "PRAGMA application_id = \(self.applicationID)")
            try database.execute(sql: "PRAGMA user_version = \(self.migrations.count)")
            return .commit
        }
    }

    private static func version(of database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }

    private static func pending(_ database: Database) throws -> ArraySlice<Migration> {
        let version = try self.version(of: database)
        let application = try Int64.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let tables = try Int64.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        guard application == self.applicationID || (application == 0 && version == 0 && tables == 0) else {
            throw Refusal.foreign
        }
        guard (0...Int64(self.migrations.count)).contains(version) else { throw Refusal.newer(version) }
        return self.migrations[Int(version)...]
    }
}
