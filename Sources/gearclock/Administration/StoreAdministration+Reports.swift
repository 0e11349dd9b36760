internal import GearclockCore
internal import GearclockMariaDB
internal import GearclockSQLite

/// What the administrations of the two kinds of store answer, as reports.
extension StoreAdministration {
    // MARK: - Migration

    static func migrated(before: Int, after: Int) -> StoreReport {
        var report = StoreReport()
        report.lines = [
            before == after ? "schema \(after), nothing to do" : "schema \(after), migrated from \(before)"
        ]
        report.members = [("schema", .integer(after)), ("migrated", .bool(before != after))]
        return report
    }

    static func migrated(_ migration: MariaDBAdministration.Migration) -> StoreReport {
        var report = StoreReport()
        let made = migration.made.isEmpty ? "nothing to do" : "made: \(migration.made.joined(separator: ", "))"
        report.lines = ["schema \(MariaDBSchema.version), \(made)"]
        report.members = [
            ("schema", .integer(MariaDBSchema.version)), ("migrated", .bool(!migration.made.isEmpty)),
            ("made", .array(migration.made.map { .text($0) })), ("node", .text(migration.node.description)),
        ]
        if let defect = migration.defect {
            report.lines = []
            report.problem = defect.description
        }
        return report
    }

    // MARK: - Status

    static func status(_ path: String, _ status: SQLiteAdministration.Status) -> StoreReport {
        var report = StoreReport()
        report.lines = ["file \(path)", "schema \(status.schemaVersion), \(status.sizeBytes) bytes"]
        report.lines += Self.lines(status.counts)
        report.members = [
            ("path", .text(path)), ("schema", .integer(status.schemaVersion)), ("bytes", .integer(status.sizeBytes)),
            ("tasks", Self.json(status.counts)),
        ]
        return report
    }

    static func status(_ status: MariaDBAdministration.Status) -> StoreReport {
        var report = StoreReport()
        report.lines = status.nodes.map(Self.line)
        report.members = [("nodes", .array(status.nodes.map(Self.json)))]
        if let counts = status.counts {
            report.lines += Self.lines(counts)
            report.members.append(("tasks", Self.json(counts)))
        }
        let ill = status.nodes.filter { !$0.isWell }
        if let first = ill.first {
            report.problem = "\(ill.count) of \(status.nodes.count) nodes not well: \(Self.line(first))"
            report.status = status.nodes.allSatisfy { $0.failure != nil } ? .unreachable : .failed
        }
        return report
    }

    private static func line(_ node: MariaDBAdministration.NodeStatus) -> String {
        if let failure = node.failure { return "\(node.node)  \(failure)" }
        var parts = [node.version ?? "?"]
        if let galera = node.galera {
            parts.append("\(galera.clusterStatus), \(galera.state), \(galera.clusterSize) nodes")
            if !galera.isReady { parts.append("not ready") }
            parts.append("paused \(galera.flowControlPaused), queue \(galera.receiveQueue)")
        }
        if node.isReadOnly { parts.append("read-only") }
        parts.append(node.schemaProblem ?? node.schemaVersion.map { "schema \($0)" } ?? "schema unknown")
        if let offset = node.clockOffset { parts.append("clock \((offset.inSeconds * 1e6).rounded() / 1000) ms") }
        return "\(node.node)  " + parts.joined(separator: "; ")
    }

    private static func json(_ node: MariaDBAdministration.NodeStatus) -> JSONValue {
        .object([
            ("node", .text(node.node.description)), ("well", .bool(node.isWell)),
            ("failure", node.failure.map { .text($0) }), ("version", node.version.map { .text($0) }),
            ("read_only", node.failure == nil ? .bool(node.isReadOnly) : nil),
            ("schema", node.schemaVersion.map { .integer($0) }),
            ("schema_problem", node.schemaProblem.map { .text($0) }),
            ("clock_offset", node.clockOffset.map { .number($0.inSeconds) }),
            (
                "galera",
                node.galera.map { galera in
                    .object([
                        ("ready", .bool(galera.isReady)), ("cluster_status", .text(galera.clusterStatus)),
                        ("state", .text(galera.state)), ("cluster_size", .integer(galera.clusterSize)),
                        ("cluster_state_id", .text(galera.clusterStateID)),
                        ("flow_control_paused", .number(galera.flowControlPaused)),
                        ("receive_queue", .integer(galera.receiveQueue)),
                    ])
                }
            ),
        ])
    }

    private static func lines(_ counts: TaskCounts) -> [String] {
        let states = TaskState.allCases.map { "\($0.name) \(counts[$0])" }.joined(separator: ", ")
        let oldest = counts.oldestDue.map { ", the oldest since \($0.iso8601)" } ?? ""
        return ["tasks: \(states)", "overdue: \(counts.overdue)\(oldest)"]
    }

    private static func json(_ counts: TaskCounts) -> JSONValue {
        var object = JSONObject()
        object["scheduled"] = .integer(counts.scheduled)
        object["running"] = .integer(counts.running)
        object["completed"] = .integer(counts.completed)
        object["discarded"] = .integer(counts.discarded)
        object["cancelled"] = .integer(counts.cancelled)
        object["expired"] = .integer(counts.expired)
        object["overdue"] = .integer(counts.overdue)
        if let oldest = counts.oldestDue { object["oldest_due_at"] = .text(oldest.iso8601) }
        return .object(object)
    }

    // MARK: - Verification and settings

    static func verified(_ checks: [(name: String, result: String, detail: String)]) -> StoreReport {
        var report = StoreReport()
        report.lines = checks.map { check in
            "\(check.result.padded(7))  \(check.name)" + (check.detail.isEmpty ? "" : " (\(check.detail))")
        }
        report.members = [
            (
                "checks",
                .array(
                    checks.map {
                        .object([
                            ("name", .text($0.name)), ("result", .text($0.result)), ("detail", .text($0.detail)),
                        ])
                    })
            )
        ]
        let wrong = checks.filter { $0.result != "good" }
        if let first = wrong.first {
            report.problem = "not as it must be: \(first.name) (\(first.detail))"
            report.status = checks.allSatisfy { $0.result == "unknown" } ? .unreachable : .failed
        }
        return report
    }

    static func settings(_ settings: [SQLiteAdministration.Setting]) -> StoreReport {
        var report = StoreReport()
        report.lines = settings.map { setting in
            "\((setting.value == setting.wanted ? "good" : "wrong").padded(7))  \(setting.name) = \(setting.value)"
                + (setting.value == setting.wanted ? "" : ", should be \(setting.wanted)")
        }
        report.members = [
            (
                "settings",
                .array(
                    settings.map {
                        Self.setting(
                            $0.name, $0.value, $0.wanted, level: $0.value == $0.wanted ? "good" : "wrong", reason: nil)
                    })
            )
        ]
        if let wrong = settings.first(where: { $0.value != $0.wanted }) {
            report.problem = "\(wrong.name) is \(wrong.value), and should be \(wrong.wanted)"
        }
        return report
    }

    static func settings(_ nodes: [MariaDBAdministration.NodeSettings]) -> StoreReport {
        var report = StoreReport()
        for node in nodes {
            report.lines.append("\(node.node)" + (node.failure.map { "  \($0)" } ?? ""))
            for finding in node.findings.sorted(by: { $0.level > $1.level }) {
                let advice = finding.level == .good ? "" : ", should be \(finding.wanted): \(finding.reason)"
                report.lines.append(
                    "  \(finding.level.rawValue.padded(7))  \(finding.name) = \(finding.value)\(advice)")
            }
        }
        report.members = [
            (
                "nodes",
                .array(
                    nodes.map { node in
                        .object([
                            ("node", .text(node.node.description)), ("failure", node.failure.map { .text($0) }),
                            (
                                "settings",
                                .array(
                                    node.findings.map {
                                        Self.setting(
                                            $0.name, $0.value, $0.wanted, level: $0.level.rawValue, reason: $0.reason)
                                    })
                            ),
                        ])
                    })
            )
        ]
        if let wrong = nodes.first(where: { $0.level == .wrong }) {
            let finding = wrong.findings.first { $0.level == .wrong }
            report.problem =
                "\(wrong.node): " + (wrong.failure ?? finding.map { "\($0.name) is \($0.value): \($0.reason)" } ?? "")
            report.status = nodes.allSatisfy { $0.failure != nil } ? .unreachable : .failed
        }
        return report
    }

    private static func setting(
        _ name: String, _ value: String, _ wanted: String, level: String, reason: String?
    ) -> JSONValue {
        .object([
            ("name", .text(name)), ("value", .text(value)), ("wanted", .text(wanted)), ("level", .text(level)),
            ("reason", reason.map { .text($0) }),
        ])
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }
}
