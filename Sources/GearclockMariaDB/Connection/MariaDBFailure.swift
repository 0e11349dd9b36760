/// What MariaDB or its connector reported, and at which step of a change.
///
/// The table of meanings decides whether a task is lost or stored twice, so it is pure and errs on one side: a failure
/// after which something *may* have been stored is never taken for one after which nothing was.
package struct MariaDBFailure: Error, Equatable, Sendable {
    /// How far a change had come when it failed.
    package enum Step: Equatable, Sendable {
        /// There was no connection yet.
        case connect
        /// A statement inside a transaction, or one that only reads. Whatever went wrong, nothing is stored, because
        /// the transaction dies with its connection or with the rollback that follows.
        case statement
        /// The `COMMIT`, once it was sent.
        case commit
        /// A statement that commits by itself.
        case autocommit
    }

    /// The number of the error: a server's (1000 … 1999, 3000 …) or the connector's (2000 … 2999, 5000 …).
    package var code: Int
    package var sqlState: String
    /// The error's text, without values of columns.
    package var message: String
    package var step: Step

    package init(code: Int, sqlState: String = "HY000", message: String, step: Step) {
        self.code = code
        self.sqlState = sqlState
        self.message = Self.withoutValues(message, code: code)
        self.step = step
    }

    /// These texts quote what was to be stored, which is nobody's business: they are cut before the quotation.
    private static func withoutValues(_ message: String, code: Int) -> String {
        switch code {
        case 1062, 1292, 1366, 1586: String(message.prefix { $0 != "'" && $0 != "\"" })
        default: message
        }
    }
}

extension MariaDBFailure {
    /// What an error says about its cause.
    package enum Meaning: Equatable, Sendable {
        /// Somebody else changed the same rows, on this node or on another one. Again, at once.
        case conflict
        /// A row with this key is there already.
        case duplicateKey
        /// It does not fit into one packet.
        case tooLarge
        /// A value breaks a rule of the table: a `CHECK`, a range, a length.
        case ruleViolation
        /// A table or column is not what this program knows.
        case schema
        /// Name, password, rights, certificate or database are not as they should be; somebody has to act.
        case denied
        /// This node takes nothing at the moment: not ready, stopping, full, read-only, too many connections.
        case nodeUnavailable
        /// The connection is no more, or nothing came back in time.
        case connectionLost
        /// The server gave up what it was doing: killed, timed out, or a commit that failed on its way to the others.
        case interrupted
        /// Anything else.
        case other
    }

    package var meaning: Meaning { Self.meaning(of: self.code) }

    /// Whether the change may have been made all the same.
    package var outcomeIsUnknown: Bool {
        switch self.step {
        case .connect, .statement: false
        case .commit: !Self.refusesCommit(self.code)
        case .autocommit: !Self.refusesStatement(self.code)
        }
    }

    /// Whether the connection cannot be used any more.
    package var breaksConnection: Bool {
        switch self.meaning {
        case .connectionLost: true
        // A commit without an answer: what state the session is in is not worth asking.
        default: self.step == .connect || self.outcomeIsUnknown
        }
    }

    /// The table, by the numbers of MariaDB, MySQL and Connector/C.
    static func meaning(of code: Int) -> Meaning {
        switch code {
        // Deadlock or certification failed; lock wait timed out; row changed since the snapshot; table altered
        // meanwhile; statement to be prepared again.
        case 1213, 1205, 1020, 1412, 1615: .conflict
        case 1062, 1022, 1169, 1586: .duplicateKey
        case 1153, 2020: .tooLarge
        // CHECK of MariaDB and of MySQL; NULL, range, wrong value, length.
        case 4025, 3819, 1048, 1264, 1366, 1406: .ruleViolation
        // Table, column, number of columns, key that are not there.
        case 1146, 1054, 1136, 1176, 1364: .schema
        // Database denied, login denied, database unknown, host blocked or not allowed, command denied (1142, 1143,
        // 1227, 1370), password expired (1820, 1862), TLS demanded (3159) or failed (2026), authentication plugin.
        case 1044, 1045, 1049, 1129, 1130, 1142, 1143, 1227, 1370, 1820, 1862, 3159, 2026, 2049, 2059, 2061: .denied
        // WSREP not ready (1047), too many connections, threads, statements or locks, resource limit of the user.
        case 1047, 1040, 1203, 1135, 1226, 1461, 1637, 1206: .nodeUnavailable
        // Read-only; disk or table full, engine error, file errors; out of memory; shutting down.
        case 1290, 1792, 1836, 1021, 1114, 1030, 1026, 1015, 1016, 1037, 1041, 1053, 1077, 1079: .nodeUnavailable
        // No connection: by socket, by address, name not known.
        case 2001, 2002, 2003, 2004, 2005, 2012, 5001: .nodeUnavailable
        // Gone, lost, malformed packets, out of step; what the server says of its broken connections; killed.
        case 2006, 2013, 2014, 2027, 2055, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031, 5013, 5014:
            .connectionLost
        // Commit failed on its way; killed; too long (MariaDB, MySQL).
        case 1180, 1317, 1969, 3024: .interrupted
        default: .other
        }
    }

    /// Errors of a `COMMIT` after which nothing was stored, and there are only these: certification failed, the node
    /// was not ready to begin with, or the server was read-only and rolled back. An unknown number is no proof.
    private static func refusesCommit(_ code: Int) -> Bool {
        switch code {
        case 1213, 1047, 1290: true
        default: false
        }
    }

    /// Errors of a statement that commits by itself after which nothing was stored: those that come before its commit
    /// begins.
    private static func refusesStatement(_ code: Int) -> Bool {
        switch self.meaning(of: code) {
        case .conflict, .duplicateKey, .tooLarge, .ruleViolation, .schema, .denied: true
        case .nodeUnavailable: [1047, 1290, 1792, 1836, 1040, 1203, 1226, 1461].contains(code)
        case .connectionLost, .interrupted, .other: false
        }
    }
}

extension MariaDBFailure: CustomStringConvertible {
    package var description: String {
        "MariaDB error \(self.code) (\(self.sqlState)): \(self.message)"
    }
}
