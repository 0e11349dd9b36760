extension MariaDBSchema {
    /// What a database has of the schema.
    package enum Condition: Equatable, Sendable {
        /// This program can work with it; its version may be a later one.
        case usable(version: Int)
        /// None of our tables is there.
        case missing
        /// Migrations are missing.
        case older(version: Int)
        /// A later program made it, and programs before that cannot work with it.
        case newer(version: Int, compatibleFrom: Int)
        /// There is a table `task`, and it is not ours.
        case foreign

        /// Why this program cannot work with it; `nil` if it can.
        package var problem: String? {
            switch self {
            case .usable: nil
            case .missing: "The database has no schema: run `gearclock store migrate`"
            case .older(let version):
                "The database has schema \(version), this program needs \(MariaDBSchema.version):"
                    + " run `gearclock store migrate`"
            case .newer(let version, let compatibleFrom):
                "The database has schema \(version), for programs that know \(compatibleFrom) or later, and this one"
                    + " knows \(MariaDBSchema.version): use a newer program"
            case .foreign: "The database has a table `task` of some other program"
            }
        }
    }

    /// What the database of a connection has. It needs a node that is ready.
    package static func condition(on connection: MariaDBConnection) throws(MariaDBFailure) -> Condition {
        do {
            let rows = try connection.textRows("SELECT version, compatible_from FROM gearclock_schema")
            let versions = rows.map { row in row.map { $0.flatMap { Int($0) } ?? 0 } }
            return self.condition(
                version: versions.map { $0[0] }.max() ?? 0, compatibleFrom: versions.map { $0[1] }.max() ?? 0)
        } catch  where error.code == self.noSuchTable {
            // First `task`, then the other one again, which is made before it: somebody may be migrating.
            guard try self.exists("task", on: connection) else { return .missing }
            return try self.exists("gearclock_schema", on: connection) ? .older(version: 0) : .foreign
        }
    }

    static func condition(version: Int, compatibleFrom: Int) -> Condition {
        if version < self.version { return .older(version: version) }
        if compatibleFrom > self.version { return .newer(version: version, compatibleFrom: compatibleFrom) }
        return .usable(version: version)
    }

    /// Brings a database to the schema of this program, if it has an older one or none.
    ///
    /// Any number of processes may do so at once, on any nodes of a cluster: every statement may be repeated, Galera
    /// runs data definitions one after the other everywhere, and the row that says that a migration is done is written
    /// after it, once. `GET_LOCK` would hold on one node only.
    /// - Returns: what the database has afterwards; it is not usable if it is foreign or too new.
    package static func migrate(_ connection: MariaDBConnection) throws(MariaDBFailure) -> Condition {
        for attempt in 1... {
            do {
                return try self.migrateOnce(connection)
            } catch {
                try? connection.rollback()
                // Somebody else's data definition stopped our transaction, or the other way round.
                guard error.meaning == .conflict || error.meaning == .duplicateKey, attempt < self.mostAttempts else {
                    throw error
                }
            }
        }
        preconditionFailure("The loop ends by itself")
    }

    private static func migrateOnce(_ connection: MariaDBConnection) throws(MariaDBFailure) -> Condition {
        try connection.setCausal(true)
        let condition = try self.condition(on: connection)
        // What was read is no part of what follows.
        try connection.rollback()
        let version: Int
        switch condition {
        case .usable, .newer, .foreign: return condition
        case .missing: version = 0
        case .older(let found): version = found
        }
        try connection.execute(self.versions)
        for (number, migration) in zip((version + 1)..., self.migrations[version...]) {
            for statement in migration.statements { try connection.execute(statement) }
            try connection.execute(
                """
                INSERT INTO gearclock_schema (version, name, compatible_from)
                VALUES (\(number), '\(migration.name)', \(migration.compatibleFrom))
                """)
            try connection.commit()
        }
        return try self.condition(on: connection)
    }

    private static func exists(_ table: String, on connection: MariaDBConnection) throws(MariaDBFailure) -> Bool {
        try !connection.textRows("SHOW TABLES LIKE '\(table)'").isEmpty
    }

    /// ER_NO_SUCH_TABLE.
    private static let noSuchTable = 1146
    /// More than daemons that start at once: each conflict means that another one got further.
    private static let mostAttempts = 100
}
