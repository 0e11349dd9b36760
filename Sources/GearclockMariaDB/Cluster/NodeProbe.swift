internal import GearclockCore

/// How a node is asked how it is: by statements that every node answers, ready or not.
enum NodeProbe {
    /// Session status, because adding up that of all threads costs, and what begins with `wsrep` is the node's anyway.
    static let statusQuestion = "SHOW SESSION STATUS LIKE 'wsrep%'"
    static let settingsQuestion = "SHOW VARIABLES LIKE 'read_only'"
    static let grantsQuestion = "SHOW GRANTS"

    /// Asks. The round trip is for the caller to measure.
    ///
    /// - Parameter schemaProblem: looks at the tables of a node that can be read.
    static func ask(
        _ connection: MariaDBConnection,
        schemaProblem: (MariaDBConnection) throws(MariaDBFailure) -> String?
    ) throws(MariaDBFailure) -> NodeReport {
        let galera = connection.facts.isWSREPOn ? self.galera(try self.values(connection, self.statusQuestion)) : nil
        var report = NodeReport(galera: galera, roundTrip: .zero)
        let isReadOnly = try self.values(connection, self.settingsQuestion)["read_only"].map { $0 != "OFF" } ?? false
        if isReadOnly {
            let grants = try connection.textRows(self.grantsQuestion).compactMap { $0.first ?? nil }
            report.isReadOnly = !grants.contains { self.writesInAnyCase($0) }
        }
        if galera?.isReady ?? true { report.schemaProblem = try schemaProblem(connection) }
        return report
    }

    /// What the status of a node says; `nil` without a provider.
    static func galera(_ status: [String: String]) -> NodeReport.Galera? {
        guard let clusterUUID = status["wsrep_cluster_state_uuid"], !clusterUUID.isEmpty else { return nil }
        return NodeReport.Galera(
            isReady: status["wsrep_ready"] == "ON", isPrimary: status["wsrep_cluster_status"] == "Primary",
            localState: status["wsrep_local_state"].flatMap { Int($0) } ?? 0, clusterUUID: clusterUUID,
            size: status["wsrep_cluster_size"].flatMap { Int($0) } ?? 0)
    }

    /// Whether a grant lets its user write on a server that is read-only: it is to be for everything, and name the
    /// privilege of MariaDB (`READ_ONLY ADMIN`), the one of MySQL (`SUPER`), or all.
    static func writesInAnyCase(_ grant: String) -> Bool {
        guard grant.contains(" ON *.* ") else { return false }
        return ["ALL PRIVILEGES", "READ_ONLY ADMIN", "READ ONLY ADMIN", "SUPER"].contains { grant.contains($0) }
    }

    private static func values(
        _ connection: MariaDBConnection, _ question: String
    ) throws(MariaDBFailure) -> [String: String] {
        var values: [String: String] = [:]
        for row in try connection.textRows(question) where row.count == 2 { values[row[0] ?? ""] = row[1] }
        return values
    }
}

extension MariaDBFailure {
    /// What the failure says about the node; `nil` if it is about the statement, and the node answered as it should.
    var ofNode: NodeFailure? {
        switch (self.meaning, self.step) {
        case (.connectionLost, .connect): .timedOut(self.description)
        case (.connectionLost, _): .connectionLost(self.description)
        case (.nodeUnavailable, .connect) where self.code >= 2000: .unreachable(self.description)
        case (.nodeUnavailable, _), (.denied, _), (.schema, _): .refusing(self.description)
        // The node lost the others while it committed.
        case (.interrupted, _) where self.code == 1180: .refusing(self.description)
        case (.interrupted, _), (.conflict, _), (.duplicateKey, _), (.tooLarge, _), (.ruleViolation, _), (.other, _):
            nil
        }
    }
}
