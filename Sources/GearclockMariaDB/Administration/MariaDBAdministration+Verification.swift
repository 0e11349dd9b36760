internal import GearclockCore
internal import GearclockEnvironment

extension MariaDBAdministration {
    /// Whether the tables and their rows are as they must be.
    package struct Verification: Equatable, Sendable {
        package var checks: [Check]
        /// Nothing is wrong. What could not be looked at is not good.
        package var isGood: Bool { self.checks.allSatisfy { $0.result == .good } }
    }

    /// One thing that was looked at.
    package struct Check: Equatable, Sendable {
        package enum Result: Equatable, Sendable {
            case good
            case bad
            /// It could not be looked at.
            case unknown
        }

        /// What must be true.
        package var name: String
        package var result: Result
        /// What was found.
        package var detail: String
    }

    /// Looks at all rows: it takes seconds for a million tasks, and disturbs nobody.
    package func verify() async -> Verification {
        let now = self.clock.now.wall
        let tables = await self.ask { (connection) throws(MariaDBFailure) in try Self.tableDefects(on: connection) }
        var checks = tables.map { node, answer in
            let name = "the tables on \(node) are as the program knows them"
            return switch answer {
            case .success(let defects):
                Check(
                    name: name, result: defects.isEmpty ? .good : .bad,
                    detail: defects.isEmpty ? "" : defects.joined(separator: "; "))
            case .failure(let failure): Check(name: name, result: .unknown, detail: failure.description)
            }
        }
        let sound = tables.first { (try? $0.answer.get().isEmpty) ?? false }?.node
        for question in Self.questions(now: now) {
            guard let sound else { continue }
            checks.append(await self.answer(question, on: sound))
        }
        if sound != nil, tables.count > 1 { checks.append(await self.compareNodes()) }
        return Verification(checks: checks)
    }

    // MARK: - Rows

    /// A count that must be zero.
    private struct Question {
        var name: String
        var sql: String
    }

    /// A lease that ended so long ago should have been taken back many times over.
    private static let forgottenAfter: Duration = .seconds(600)

    private static func questions(now: Timestamp) -> [Question] {
        let forgotten = now.advanced(by: self.forgottenAfter * -1).microseconds
        return [
            Question(
                name: "every task keeps the rules of the schema",
                sql: "SELECT count(*) FROM task WHERE NOT (\(MariaDBSchema.rules.joined(separator: " AND ")))"),
            Question(
                name: "every history belongs to a task",
                sql: """
                    SELECT count(DISTINCT attempt.task_id) FROM attempt LEFT JOIN task ON task.id = attempt.task_id
                    WHERE task.id IS NULL
                    """),
            Question(
                name: "no task is still running ten minutes after its lease ended",
                sql: """
                    SELECT count(*) FROM task FORCE INDEX (task_wake)
                    WHERE lane = 1 AND wake_at < \(forgotten)
                    """),
        ]
    }

    private func answer(_ question: Question, on node: MariaDBConfiguration.Node) async -> Check {
        do throws(MariaDBFailure) {
            let count = try await self.perform(on: node, for: .reading) { (connection) throws(MariaDBFailure) in
                try connection.setCausal(true)
                return try connection.number(question.sql)
            }
            return Check(name: question.name, result: count == 0 ? .good : .bad, detail: count == 0 ? "" : "\(count)")
        } catch {
            return Check(name: question.name, result: .unknown, detail: error.description)
        }
    }

    // MARK: - Nodes

    /// Counts on all nodes, each after it has applied what the others committed. While tasks come and go two counts
    /// differ without anything being wrong; then it looks again.
    private func compareNodes() async -> Check {
        let name = "all nodes have the same tasks"
        var latest: [String] = []
        for _ in 0..<5 {
            let counts = await self.countOnAllNodes()
            let failures = counts.compactMap { $0.failure }
            guard failures.isEmpty else {
                return Check(name: name, result: .unknown, detail: failures.joined(separator: "; "))
            }
            let texts = counts.map(\.text)
            if Set(texts).count == 1 { return Check(name: name, result: .good, detail: texts[0]) }
            // Twice the same on each node, and not the same on all: nobody changes anything, and they differ.
            if texts == latest {
                let detail = counts.map { "\($0.node): \($0.text)" }.joined(separator: "; ")
                return Check(name: name, result: .bad, detail: detail)
            }
            latest = texts
        }
        return Check(
            name: name, result: .unknown, detail: "tasks come and go too fast to count them everywhere at once")
    }

    private func countOnAllNodes() async -> [(node: MariaDBConfiguration.Node, text: String, failure: String?)] {
        await self.ask { (connection) throws(MariaDBFailure) in
            try connection.setCausal(true)
            let rows = try connection.textRows("SELECT state, count(*) FROM task GROUP BY state ORDER BY state")
            let history = try connection.number("SELECT count(*) FROM attempt")
            let states = rows.map { row in
                let state = row[0].flatMap { UInt8($0) }.flatMap(TaskState.init(rawValue:)).map { "\($0)" }
                return "\(state ?? "of no state") \(row[1] ?? "")"
            }
            return (states + ["attempts \(history)"]).joined(separator: ", ")
        }.map { node, answer in
            switch answer {
            case .success(let text): (node, text, nil)
            case .failure(let failure): (node, "", "\(node): \(failure)")
            }
        }
    }

    // MARK: - Tables

    /// What differs from ``MariaDBSchema/layout``.
    private static func tableDefects(on connection: MariaDBConnection) throws(MariaDBFailure) -> [String] {
        if let defect = try MariaDBSchema.find(on: connection).defect { return [defect.description] }
        let found = try MariaDBSchema.layout(on: connection)
        let expected = Set(MariaDBSchema.layout)
        return expected.subtracting(found).sorted().map { "missing: \($0)" }
            + Set(found).subtracting(expected).sorted().map { "unknown: \($0)" }
    }
}
