import ArgumentParser
import Foundation
import GearclockCore
import GearclockEnvironment
import GearclockMariaDB
import GearclockSQLite
import Logging

/// Stores many tasks without any daemon: what waits for its time, or is long overdue, beside what is measured.
struct FillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fill", abstract: "Stores many tasks of one function.")

    @Option(help: "sqlite:PATH or mariadb://…; the schema must be there.") var store: String
    @Option(help: "How many tasks.") var tasks = 1_000_000
    @Option(help: "Their function.") var function = "bench_fill"
    @Option(help: "In how many seconds the first one is due; negative: so long ago.") var dueIn = 30_000_000
    @Option(help: "Over how many seconds their due times are spread.") var over = 1000
    @Option(help: "Bytes of each payload.") var payloadBytes = 200

    func run() async throws {
        guard let function = FunctionName(self.function) else { throw ValidationError("Not a function name") }
        let clock = SystemClock()
        if self.store.hasPrefix("sqlite:") {
            let store = try SQLiteTaskStore(path: String(self.store.dropFirst("sqlite:".count)))
            try await self.fill(store, function, clock)
            try store.close()
        } else {
            var configuration = try MariaDBConfiguration(url: self.store)
            if let password = ProcessInfo.processInfo.environment["GEARCLOCK_STORE_PASSWORD"] {
                configuration.password = MariaDBConfiguration.Secret(password)
            }
            let logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })
            let store = MariaDBTaskStore(configuration: configuration, clock: clock, logger: logger, seed: 1)
            try await self.fill(store, function, clock)
            await store.close()
        }
    }

    private func fill(_ store: some TaskStore, _ function: FunctionName, _ clock: SystemClock) async throws {
        var random = SeededGenerator(seed: UInt64(truncatingIfNeeded: EngineBenchmark.now()))
        let payload = [UInt8](repeating: 120, count: self.payloadBytes)
        for start in stride(from: 0, to: self.tasks, by: Limits.insertBatch) {
            let now = clock.now.wall
            let batch = (start..<min(start + Limits.insertBatch, self.tasks)).map { _ in
                let wait =
                    Duration.seconds(self.dueIn)
                    + .microseconds(Int64.random(in: 0..<max(1, Int64(self.over) * 1_000_000), using: &random))
                return TaskDefinition(
                    id: TaskID(cluster: 0, now: now, using: &random), function: function, payload: payload,
                    dueAt: now.advanced(by: wait), createdAt: now)
            }
            _ = try await store.insert(batch, now: now)
        }
    }
}
