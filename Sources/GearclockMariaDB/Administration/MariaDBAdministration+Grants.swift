extension MariaDBAdministration {
    /// What an account needs, and no more.
    package struct Grants: Equatable, Sendable {
        /// For whoever runs `gearclock store migrate`: run these first, then the migration.
        package var migrating: [String]
        /// For the daemons: run these after the migration, because they name its tables.
        package var daemons: [String]
    }

    /// The statements that give an account its rights. They make no account and hold no password.
    ///
    /// - Parameters:
    ///   - user: the name of the account.
    ///   - host: from where it comes: an address, a name, `%`.
    package static func grants(user: String, host: String, database: String) -> Grants {
        let account = "\(self.quoted(user))@\(self.quoted(host))"
        // In a grant for a whole database these two stand for any characters.
        let pattern = self.identifier(database).replacing("_", with: "\\_").replacing("%", with: "\\%")
        let changed = ["task", "attempt", "member", "function_setting", "job_server", "job"].map { table in
            "GRANT SELECT, INSERT, UPDATE, DELETE ON \(self.identifier(database)).\(self.identifier(table)) "
                + "TO \(account);"
        }
        return Grants(
            migrating: ["GRANT SELECT, INSERT, CREATE, ALTER, INDEX ON \(pattern).* TO \(account);"],
            daemons: changed + ["GRANT SELECT ON \(self.identifier(database)).`gearclock_schema` TO \(account);"])
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
    }

    private static func identifier(_ name: String) -> String {
        "`" + name.replacing("`", with: "``") + "`"
    }
}
