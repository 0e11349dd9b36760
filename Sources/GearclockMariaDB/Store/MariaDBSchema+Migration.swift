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

    /// Which version a database has.
    package static func find(on connection: MariaDBConnection) throws(MariaDBFailure) -> Found {
        do {
            let rows = try connection.textRows("SELECT max(version), max(compatible_from) FROM gearclock_schema")
            guard let row = rows.first, row.count == 2, let version = row[0].flatMap({ Int($0) }) else {
                return .missing
            }
            return .version(version, compatibleFrom: row[1].flatMap { Int($0) } ?? version)
        } catch  where error.code == 1146 {
            return .missing
        }
    }

    /// Brings a database to the current schema. Any number of daemons may do so at once, on any nodes: Galera puts data
    /// definitions in one order for all nodes, and each of them may be repeated.
    ///
    /// - Returns: the names of the migrations that this call made.
    package static func migrate(on connection: MariaDBConnection) throws(MariaDBFailure) -> [String] {
        try connection.execute(self.versions)
        let found = try self.find(on: connection)
        try connection.rollback()
        var present = 0
        if case .version(let version, _) = found { present = version }
        var made: [String] = []
        for (index, migration) in self.migrations.enumerated().dropFirst(present) {
            for statement in migration.statements { try connection.execute(statement) }
            if try self.note(migration, version: index + 1, on: connection) { made.append(migration.name) }
        }
        return made
    }

    /// - Returns: whether this call noted it, and not somebody else at the same time.
    private static func note(
        _ migration: Migration, version: Int, on connection: MariaDBConnection
    ) throws(MariaDBFailure) -> Bool {
        let note = try connection.statement(
            "INSERT INTO gearclock_schema (version, name, compatible_from) VALUES (?, ?, ?)")
        note.bind(1, Int64(version))
        note.bind(2, text: migration.name)
        note.bind(3, Int64(migration.compatibleFrom))
        do {
            try note.run()
            try connection.commit()
            return true
        } catch {
            // On another node the same row shows as a conflict.
            guard error.meaning == .duplicateKey || error.meaning == .conflict else { throw error }
            try connection.rollback()
            return false
        }
    }
}
