extension MariaDBAdministration {
    /// How a setting is, ordered by how bad it is.
    package enum SettingLevel: String, Comparable, CaseIterable, Sendable {
        case good
        /// It works, and could be better.
        case advice
        /// Tasks can be lost, or nothing works.
        case wrong

        package static func < (left: SettingLevel, right: SettingLevel) -> Bool {
            left.rank < right.rank
        }

        private var rank: Int {
            switch self {
            case .good: 0
            case .advice: 1
            case .wrong: 2
            }
        }
    }

    /// What was found about one setting of one node.
    package struct SettingFinding: Equatable, Sendable {
        package var name: String
        package var value: String
        package var wanted: String
        package var level: SettingLevel
        package var reason: String
    }

    /// The settings of one node.
    package struct NodeSettings: Equatable, Sendable {
        package var node: MariaDBConfiguration.Node
        /// Why it did not answer; then there are no findings.
        package var failure: String?
        package var findings: [SettingFinding]

        /// The worst of them; a node that does not answer is wrong.
        package var level: SettingLevel {
            self.failure == nil ? self.findings.map(\.level).max() ?? .good : .wrong
        }
    }

    /// Looks at the settings of all nodes. It works on nodes that are not ready, too.
    package func checkSettings() async -> [NodeSettings] {
        await self.ask { (connection) throws(MariaDBFailure) in
            try Self.findings(on: connection)
        }.map { node, answer in
            switch answer {
            case .success(let findings): NodeSettings(node: node, failure: nil, findings: findings)
            case .failure(let failure): NodeSettings(node: node, failure: failure.description, findings: [])
            }
        }
    }

    private static func findings(on connection: MariaDBConnection) throws(MariaDBFailure) -> [SettingFinding] {
        let variables = Self.lowercased(try connection.shown("SHOW GLOBAL VARIABLES"))
        let isGalera = variables["wsrep_on"]?.uppercased() == "ON"
        let status = isGalera ? try connection.shown("SHOW GLOBAL STATUS LIKE 'wsrep%'") : [:]
        let options = isGalera ? self.options(variables["wsrep_provider_options"] ?? "") : [:]
        var findings = [self.version(connection.facts.version)]
        findings += SettingRule.all.compactMap { rule in
            let value =
                switch rule.place {
                case .variable: variables[rule.name]
                case .galeraVariable: isGalera ? variables[rule.name] : nil
                case .providerOption: options[rule.name]
                case .galeraStatus: status[rule.name]
                }
            // A setting that a server does not know cannot be wrong there.
            return value.map { rule.finding($0) }
        }
        // A server without a binary log flushes none.
        if variables["log_bin"] == "OFF" { findings.removeAll { $0.name == "sync_binlog" } }
        return findings
    }

    /// `FOR UPDATE SKIP LOCKED` is there from MariaDB 10.6 and from MySQL 8.0 on.
    private static func version(_ version: String) -> SettingFinding {
        let numbers = version.split { !$0.isNumber }.prefix(2).map { Int($0) ?? 0 }
        let isMariaDB = version.contains("MariaDB")
        let least = isMariaDB ? [10, 6] : [8, 0]
        return SettingFinding(
            name: "version", value: version, wanted: isMariaDB ? "MariaDB 10.6 or later" : "MySQL 8.0 or later",
            level: numbers.lexicographicallyPrecedes(least) ? .wrong : .good,
            reason: "an older one cannot leave out the rows that somebody else has locked")
    }

    /// `name = value; name = value; …`
    package static func options(_ text: String) -> [String: String] {
        var options: [String: String] = [:]
        for part in text.split(separator: ";") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2 else { continue }
            options[self.trimmed(sides[0])] = self.trimmed(sides[1])
        }
        return options
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    private static func lowercased(_ values: [String: String]) -> [String: String] {
        Dictionary(values.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}
