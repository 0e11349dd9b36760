internal import GearclockCore
internal import GearclockEnvironment
internal import GearclockMariaDB

/// How a daemon finds out whether its MariaDB store is there and fits, before it says that it is ready.
///
/// What time may heal is waited for. What somebody must do ends the daemon, with a sentence that says what it is: but
/// only if a node says so that answers, and no other node is well.
struct MariaDBStart: Sendable {
    enum Outcome: Sendable {
        case ready
        /// Nobody is there; the error of the first node.
        case away(String)
    }

    /// A look at all nodes takes no longer.
    private static let patience: Duration = .seconds(5)

    let location: StoreLocation
    let configuration: MariaDBConfiguration
    /// Whether the schema is made, or brought up to date.
    let migrates: Bool
    let clock: any GearclockClock

    private enum Answer: Sendable {
        case usable
        case defective(MariaDBConfiguration.Node, MariaDBSchema.Defect)
        case failed(MariaDBFailure)
    }

    /// Looks once at all nodes, and makes the schema if it should.
    ///
    /// - Throws: ``CommandFailure`` if waiting will not help.
    func look() async throws -> Outcome {
        var answers = await self.answers()
        if self.migrates {
            for case .defective(let node, let defect) in answers where defect.canBeMigrated {
                answers = [await self.migrate(node)]
                break
            }
        }
        var away: MariaDBFailure?
        var refusal: String?
        for answer in answers {
            switch answer {
            case .usable: return .ready
            case .defective(_, let defect): refusal = defect.description
            case .failed(let failure) where failure.meaning == .denied: refusal = refusal ?? self.text(failure)
            case .failed(let failure): away = away ?? failure
            }
        }
        if let refusal {
            throw CommandFailure(.failed, "The store \(self.location) cannot be used: \(refusal).")
        }
        return .away(away?.description ?? "no node answered within \(Self.patience)")
    }

    private func answers() async -> [Answer] {
        let deadline = self.clock.now.monotonic.advanced(by: Self.patience)
        return await withTaskGroup(of: Answer?.self) { group in
            for node in self.configuration.nodes {
                group.addTask { await self.ask(node) }
            }
            group.addTask {
                try? await self.clock.sleep(until: deadline)
                return nil
            }
            var answers: [Answer] = []
            for await answer in group {
                if let answer { answers.append(answer) }
                // One that is well is enough, and the rest is cut off.
                if case .usable? = answer { break }
                if answer == nil || answers.count == self.configuration.nodes.count { break }
            }
            group.cancelAll()
            return answers
        }
    }

    private func ask(_ node: MariaDBConfiguration.Node) async -> Answer {
        await self.perform(on: node) { (connection) throws(MariaDBFailure) in
            try MariaDBSchema.find(on: connection).defect.map { .defective(node, $0) } ?? .usable
        }
    }

    private func migrate(_ node: MariaDBConfiguration.Node) async -> Answer {
        await self.perform(on: node) { (connection) throws(MariaDBFailure) in
            _ = try MariaDBSchema.migrate(on: connection)
            return try MariaDBSchema.find(on: connection).defect.map { .defective(node, $0) } ?? .usable
        }
    }

    private func perform(
        on node: MariaDBConfiguration.Node,
        _ body: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Answer
    ) async -> Answer {
        let connection = NodeConnection(to: node, configuration: self.configuration)
        let answer: Answer
        do throws(MariaDBFailure) {
            answer = try await connection.perform(body)
        } catch {
            answer = .failed(error)
        }
        await connection.close()
        return answer
    }

    /// What somebody has to do.
    private func text(_ failure: MariaDBFailure) -> String {
        let configuration = self.configuration
        let advice =
            switch failure.code {
            case 1045, 1698:
                configuration.password == nil
                    ? "there is no password; set GEARCLOCK_STORE_PASSWORD, or password_file in the store's URL"
                    : "check the user \(configuration.user) and its password"
            case 1044, 1142, 1143, 1227, 1370: "give the user its rights; 'gearclock store grants' prints them"
            case 1049: "make the database \(configuration.database), then run 'gearclock store migrate'"
            case 2026: "check tls and ca in the store's URL, and the certificate of the server"
            default: "see what the server says"
            }
        return "\(failure); \(advice)"
    }
}

extension MariaDBSchema.Defect {
    fileprivate var canBeMigrated: Bool {
        switch self {
        case .missing, .older: true
        case .newer: false
        }
    }
}
