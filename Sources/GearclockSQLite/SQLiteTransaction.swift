internal import GRDB
internal import GearclockCore

/// Everything or nothing, with the three kinds of failure kept apart.
enum SQLiteTransaction {
    static func run<Value>(
        in database: Database, begin: String, _ body: (Database) throws -> Value
    ) -> Result<Value, TaskStoreError> {
        var stage = SQLiteFailure.Stage.statement
        do {
            // Left over only when a rollback failed: then nothing can begin before it succeeds.
            if database.sqliteConnection != nil, database.isInsideTransaction {
                try self.execute(SQL.rollback, database)
            }
            try self.execute(begin, database)
            let value = try body(database)
            stage = .commit
            try self.execute(SQL.commit, database)
            return .success(value)
        } catch {
            if database.sqliteConnection != nil, database.isInsideTransaction {
                do {
                    try self.execute(SQL.rollback, database)
                } catch {
                    // The next call tries again, see above; the file is whole in any case.
                }
            }
            return .failure(SQLiteFailure.storeError(error, in: stage))
        }
    }

    private static func execute(_ sql: String, _ database: Database) throws {
        try PreparedStatement(sql, in: database).run()
    }
}
