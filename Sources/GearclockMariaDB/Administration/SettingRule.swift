/// One setting of a server, and what is said about its value.
package struct SettingRule: Sendable {
    /// Where the setting is found.
    package enum Place: Sendable {
        /// `SHOW GLOBAL VARIABLES`.
        case variable
        /// The same, on a node of a Galera cluster.
        case galeraVariable
        /// In `wsrep_provider_options`.
        case providerOption
        /// `SHOW GLOBAL STATUS`, on a node of a Galera cluster.
        case galeraStatus
    }

    /// Which values are good.
    package enum Condition: Sendable {
        case isOne(of: [String])
        /// A number, or a size such as `512M`.
        case isAtLeast(Int64)
        /// A span such as `PT1.5S`.
        case lastsAtMost(seconds: Double)
    }

    let place: Place
    let name: String
    let condition: Condition
    /// What it is if the condition does not hold.
    let otherwise: MariaDBAdministration.SettingLevel
    /// Why it matters, or what happens otherwise.
    let reason: String

    package init(
        _ place: Place, _ name: String, _ condition: Condition, otherwise: MariaDBAdministration.SettingLevel,
        _ reason: String
    ) {
        self.place = place
        self.name = name
        self.condition = condition
        self.otherwise = otherwise
        self.reason = reason
    }

    /// - Parameter value: as the server shows it.
    func finding(_ value: String) -> MariaDBAdministration.SettingFinding {
        MariaDBAdministration.SettingFinding(
            name: self.name, value: value, wanted: self.wanted, level: self.holds(for: value) ? .good : self.otherwise,
            reason: self.reason)
    }

    private var wanted: String {
        switch self.condition {
        case .isOne(let values): values.joined(separator: " or ")
        case .isAtLeast(let number): "at least \(Self.text(number))"
        case .lastsAtMost(let seconds): "at most PT\(seconds)S"
        }
    }

    /// - Parameter value: as the server shows it.
    package func holds(for value: String) -> Bool {
        switch self.condition {
        case .isOne(let values): values.contains { $0.lowercased() == value.lowercased() }
        case .isAtLeast(let number): Self.number(value).map { $0 >= number } ?? false
        case .lastsAtMost(let limit): Self.seconds(value).map { $0 <= limit } ?? false
        }
    }

    // MARK: - Texts

    /// Whole mebibytes are shown as that.
    private static func text(_ number: Int64) -> String {
        number >= 1 << 20 && number % (1 << 20) == 0 ? "\(number >> 20)M" : "\(number)"
    }

    /// A number with or without a unit: `134217728`, `128M`, `1G`.
    static func number(_ text: String) -> Int64? {
        guard let unit = text.last else { return nil }
        let shifts: [Character: Int64] = ["K": 10, "M": 20, "G": 30, "T": 40]
        guard let shift = shifts[Character(unit.uppercased())] else { return Int64(text) }
        return Int64(text.dropLast()).flatMap { number in
            let (product, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
            return overflow ? nil : product
        }
    }

    /// A span in the form of ISO 8601 as far as Galera writes it: `PT1.5S`, `PT1M`, `PT1M30S`, `P1DT2H`.
    static func seconds(_ text: String) -> Double? {
        guard text.hasPrefix("P") else { return nil }
        var isTime = false
        var seconds = 0.0
        var digits = ""
        for character in text.dropFirst() {
            if character.isNumber || character == "." {
                digits.append(character)
                continue
            }
            if character == "T" {
                isTime = true
                continue
            }
            let units: [Character: Double] = isTime ? ["H": 3600, "M": 60, "S": 1] : ["D": 86_400]
            guard let unit = units[character], let number = Double(digits) else { return nil }
            seconds += number * unit
            digits = ""
        }
        return digits.isEmpty ? seconds : nil
    }
}

extension SettingRule {
    /// Everything that is looked at, the most important first.
    static let all = ofServers + ofNodes + ofProviders

    private static let ofServers = [
        SettingRule(
            .variable, "innodb_flush_log_at_trx_commit", .isOne(of: ["1"]), otherwise: .wrong,
            "with another value a commit is answered before it is on the disk, and a crash loses it"),
        SettingRule(
            .variable, "innodb_doublewrite", .isOne(of: ["ON"]), otherwise: .wrong,
            "without it a page that is half written when the power fails cannot be repaired"),
        SettingRule(
            .variable, "read_only", .isOne(of: ["OFF", "0"]), otherwise: .wrong, "nothing can be stored there"),
        SettingRule(
            .variable, "check_constraint_checks", .isOne(of: ["ON"]), otherwise: .wrong,
            "rows that break the rules of the schema could be stored, and would be discarded later"),
        SettingRule(
            .variable, "max_allowed_packet", .isAtLeast(64 << 20), otherwise: .advice,
            "larger tasks are refused: a payload may have 16 MiB, and what a custom controller gets another 24 MiB"),
        SettingRule(
            .variable, "innodb_buffer_pool_size", .isAtLeast(1 << 30), otherwise: .advice,
            "a table that does not fit into memory is several times slower"),
        SettingRule(
            .variable, "innodb_log_file_size", .isAtLeast(512 << 20), otherwise: .advice,
            "a short log makes the server write pages while it stores tasks"),
        SettingRule(
            .variable, "max_connections", .isAtLeast(100), otherwise: .advice,
            "each daemon uses up to nine connections to each node"),
        SettingRule(
            .variable, "wait_timeout", .isAtLeast(60), otherwise: .advice,
            "connections that rest are closed, and have to be made again"),
        SettingRule(
            .variable, "innodb_purge_threads", .isAtLeast(2), otherwise: .advice,
            "what is removed stays in the index until it is purged, and slows down looking for what is due"),
    ]

    private static let ofNodes = [
        SettingRule(
            .galeraStatus, "wsrep_cluster_size", .isAtLeast(3), otherwise: .advice,
            "with fewer nodes there are no two copies, or no majority, while one of them is away"),
        SettingRule(
            .galeraVariable, "binlog_format", .isOne(of: ["ROW"]), otherwise: .wrong, "Galera replicates rows only"),
        SettingRule(
            .galeraVariable, "innodb_autoinc_lock_mode", .isOne(of: ["2"]), otherwise: .wrong,
            "Galera demands it"),
        SettingRule(
            .galeraVariable, "wsrep_certify_nonpk", .isOne(of: ["ON"]), otherwise: .advice,
            "rows of other tables without a primary key could differ from node to node"),
        SettingRule(
            .galeraVariable, "wsrep_osu_method", .isOne(of: ["TOI"]), otherwise: .wrong,
            "a migration would reach one node only"),
        SettingRule(
            .galeraVariable, "wsrep_dirty_reads", .isOne(of: ["OFF"]), otherwise: .wrong,
            "a node that lost the others would answer with what was true once"),
        SettingRule(
            .galeraVariable, "wsrep_max_ws_size", .isAtLeast(256 << 20), otherwise: .wrong,
            "a transaction of large tasks would fail at its commit"),
        SettingRule(
            .galeraVariable, "wsrep_trx_fragment_size", .isOne(of: ["0"]), otherwise: .advice,
            "each fragment is one more round through all nodes"),
        SettingRule(
            .galeraVariable, "wsrep_slave_threads", .isAtLeast(4), otherwise: .advice,
            "a node that applies more slowly than the others store stops them all by flow control"),
        SettingRule(
            .galeraVariable, "wsrep_sync_wait", .isOne(of: ["0"]), otherwise: .advice,
            "sessions start with it; the store asks for it where it is needed"),
        SettingRule(
            .galeraVariable, "wsrep_sst_method", .isOne(of: ["mariabackup"]), otherwise: .advice,
            "with rsync the node that gives its data to a new one stands still meanwhile"),
        SettingRule(
            .galeraVariable, "sync_binlog", .isOne(of: ["0"]), otherwise: .advice,
            "Galera needs no binary log, and flushing it makes each commit wait for the disk twice"),
        SettingRule(
            .galeraVariable, "binlog_row_image", .isOne(of: ["MINIMAL", "NOBLOB"]), otherwise: .advice,
            "with FULL each claim and each settlement sends the payload to all nodes again"),
    ]

    private static let ofProviders = [
        SettingRule(
            .providerOption, "pc.ignore_sb", .isOne(of: ["false", "no", "0"]), otherwise: .wrong,
            "both halves of a cluster that fell apart would store tasks"),
        SettingRule(
            .providerOption, "pc.ignore_quorum", .isOne(of: ["false", "no", "0"]), otherwise: .wrong,
            "a node that lost the majority would store tasks"),
        SettingRule(
            .providerOption, "pc.recovery", .isOne(of: ["true", "yes", "1"]), otherwise: .advice,
            "after a failure of the power all nodes find each other again by themselves"),
        SettingRule(
            .providerOption, "gcache.size", .isAtLeast(512 << 20), otherwise: .advice,
            "a node that was away for longer than this holds needs all data again, instead of what it missed"),
        SettingRule(
            .providerOption, "evs.suspect_timeout", .lastsAtMost(seconds: 1.5), otherwise: .advice,
            "for so long nothing can be stored when a node dies; on a bad network shorter times give false alarms"),
        SettingRule(
            .providerOption, "evs.inactive_timeout", .lastsAtMost(seconds: 3), otherwise: .advice,
            "for so long nothing can be stored when a node is frozen"),
        SettingRule(
            .providerOption, "evs.install_timeout", .lastsAtMost(seconds: 3), otherwise: .advice,
            "for so long the nodes that are left wait for each other"),
        SettingRule(
            .providerOption, "evs.keepalive_period", .lastsAtMost(seconds: 0.5), otherwise: .advice,
            "it must be well below evs.suspect_timeout"),
        SettingRule(
            .providerOption, "evs.inactive_check_period", .lastsAtMost(seconds: 0.5), otherwise: .advice,
            "it must be well below evs.suspect_timeout"),
    ]
}
