package import GearclockEnvironment

/// What an operator does with a cluster: `gearclock store migrate | status | verify | check-settings | grants`.
///
/// It uses connections of its own, one to each node, that are closed when the answer is there.
package struct MariaDBAdministration: Sendable {
    let configuration: MariaDBConfiguration
    let clock: any GearclockClock

    package init(configuration: MariaDBConfiguration, clock: any GearclockClock) {
        self.configuration = configuration
        self.clock = clock
    }

    // MARK: - Migration

    /// What became of a migration.
    package struct Migration: Equatable, Sendable {
        package var node: MariaDBConfiguration.Node
        /// The names of the migrations that were made; none if the database had all of them.
        package var made: [String]
        /// What is still wrong; `nil`: nothing.
        package var defect: MariaDBSchema.Defect?
    }

    /// Brings the database to the schema of this program, through the first node on which that is possible: Galera does
    /// it on all of them.
    /// - Throws: why it is not possible on the last node, if it is on none.
    package func migrate() async throws(MariaDBFailure) -> Migration {
        var failure = MariaDBFailure(code: 2002, message: "There are no nodes", step: .connect)
        for node in self.configuration.nodes {
            do {
                return try await self.perform(on: node, for: .changing) { (connection) throws(MariaDBFailure) in
                    let made = try MariaDBSchema.migrate(on: connection)
                    let defect = try MariaDBSchema.find(on: connection).defect
                    return Migration(node: node, made: made, defect: defect)
                }
            } catch {
                failure = error
            }
        }
        throw failure
    }

    // MARK: - Nodes

    /// Asks all nodes at once; the answers are in the order of the configuration.
    func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Answer
    ) async -> [(node: MariaDBConfiguration.Node, answer: Result<Answer, MariaDBFailure>)] {
        await withTaskGroup(of: (Int, Result<Answer, MariaDBFailure>).self) { group in
            for (index, node) in self.configuration.nodes.enumerated() {
                group.addTask {
                    do throws(MariaDBFailure) {
                        return (index, .success(try await self.perform(on: node, for: .reading, body)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            var answers: [Int: Result<Answer, MariaDBFailure>] = [:]
            for await (index, answer) in group { answers[index] = answer }
            return self.configuration.nodes.enumerated().compactMap { index, node in answers[index].map { (node, $0) } }
        }
    }

    func perform<Answer: Sendable>(
        on node: MariaDBConfiguration.Node, for purpose: MariaDBConnection.Purpose,
        _ body: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Answer
    ) async throws(MariaDBFailure) -> Answer {
        let connection = NodeConnection(to: node, configuration: self.configuration, for: purpose)
        let answer: Result<Answer, MariaDBFailure>
        do throws(MariaDBFailure) {
            answer = .success(try await connection.perform(body))
        } catch {
            answer = .failure(error)
        }
        await connection.close()
        return try answer.get()
    }
}

extension MariaDBConnection {
    /// The names and values that a `SHOW` statement returns.
    func shown(_ statement: String) throws(MariaDBFailure) -> [String: String] {
        var values: [String: String] = [:]
        for row in try self.textRows(statement) where row.count == 2 {
            if let name = row[0] { values[name] = row[1] ?? "" }
        }
        return values
    }

    /// The number in the first column of the first row.
    func number(_ sql: String) throws(MariaDBFailure) -> Int {
        try self.textRows(sql).first?.first.flatMap { $0.flatMap { Int($0) } } ?? 0
    }
}
