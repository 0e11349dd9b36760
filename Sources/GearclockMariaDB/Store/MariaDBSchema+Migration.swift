extension MariaDBSchema {
    /// What a database has.
    package enum Found: Equatable, Sendable {
        /// No tables of ours.
        case missing
        /// The version, and from which version on programs work with it.
        case version(Int, compatibleFrom: Int)

        /// What has to be done before this program works with it; `nil`: nothing.
        package var defect: Defect? {
            switch self {
            case .missing: .missing
            case .version(let version, _) where version < MariaDBSchema.version: .older(version)
            case .version(let version, let compatibleFrom) where compatibleFrom > MariaDBSchema.version:
                .newer(version)
            case .version: nil
            }
        }
    }

    /// Why a database does not fit this program.
    package enum Defect: Equatable, Sendable, CustomStringConvertible {
        case missing
        case older(Int)
        case newer(Int)

        package var description: String {
            switch self {
            case .missing:
                "the database has no tables of Gearclock: run 'gearclock store migrate'"
            case .older(let version):
                "the database has schema \(version), this program needs \(MariaDBSchema.version): run "
                    + "'gearclock store migrate'"
            case .newer(let version):
                "the database has schema \(version), this program knows up to \(MariaDBSchema.version): use a newer "
                    + "program"
            }
        }
    }

    /// Which version a database has. It needs a node that is ready.
    /// - Throws: also if there is a table `task` of some other program.
    package static func find(on connection: MariaDBConnection) throws(MariaDBFailure) -> Found {
        do {
            return try self.read(on: connection)
        } catch  where error.code == self.noSuchTable {
            // Ours is made after the other one, which is looked for again: somebody may be migrating.
            guard try self.exists("task", on: connection) else { return .missing }
            if try self.exists("gearclock_schema", on: connection) { return try self.read(on: connection) }
            throw MariaDBFailure(
                code: 1050, sqlState: "42S01", message: "The database has a table 'task' of some other program",
                step: .statement)
        }
    }

    private static func read(on connection: MariaDBConnection) throws(MariaDBFailure) -> Found {
        let rows = try connection.textRows("SELECT max(version), max(compatible_from) FROM gearclock_schema")
        guard let row = rows.first, row.count == 2, let version = row[0].flatMap({ Int($0) }) else { return .missing }
        return .version(version, compatibleFrom: row[1].flatMap { Int($0) } ?? version)
    }

    /// Brings a database to the current schema. Any number of daemons may do so at once, on any nodes: Galera puts data
    /// definitions in one order for all nodes, each of them may be repeated, and the row that says that a migration is
    /// done is written after it, once. `GET_LOCK` would hold on one node only.
    ///
    /// - Returns: the names of the migrations that this call made; none if the database has them, or is newer.
    package static func migrate(on connection: MariaDBConnection) throws(MariaDBFailure) -> [String] {
        var made: [String] = []
        for attempt in 1... {
            do {
                try self.migrate(on: connection, made: &made)
                return made
            } catch {
                if !connection.isBroken { try? connection.rollback() }
                guard self.mayBeRepeated(error), !connection.isBroken, attempt < self.mostAttempts else { throw error }
            }
        }
        preconditionFailure("The loop ends by itself")
    }

    /// A data definition of somebody else stopped our transaction, or our statement, or they were first: look again.
    private static func mayBeRepeated(_ error: MariaDBFailure) -> Bool {
        error.meaning == .conflict || error.meaning == .interrupted || error.meaning == .duplicateKey
    }

    private static func migrate(on connection: MariaDBConnection, made: inout [String]) throws(MariaDBFailure) {
        try connection.setCausal(true)
        var present = 0
        if case .version(let version, _) = try self.find(on: connection) { present = version }
        // What was read is no part of what follows.
        try connection.rollback()
        guard present < self.version else { return }
        try connection.execute(self.versions)
        for (index, migration) in self.migrations.enumerated().dropFirst(present) {
            for statement in migration.statements { try connection.execute(statement) }
            let note = try connection.statement(
                "INSERT INTO gearclock_schema (version, name, compatible_from) VALUES (?, ?, ?)")
            note.bind(1, Int64(index + 1))
            note.bind(2, text: migration.name)
            note.bind(3, Int64(migration.compatibleFrom))
            try note.run()
            try connection.commit()
            made.append(migration.name)
        }
    }

    private static func exists(_ table: String, on connection: MariaDBConnection) throws(MariaDBFailure) -> Bool {
        try !connection.textRows("SHOW TABLES LIKE '\(table)'").isEmpty
    }

    /// ER_NO_SUCH_TABLE.
    private static let noSuchTable = 1146
    /// More than there are daemons that start at once: after each conflict somebody has got further.
    private static let mostAttempts = 100
}
