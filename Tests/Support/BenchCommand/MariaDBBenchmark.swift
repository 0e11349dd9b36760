import Foundation
import GearclockCore
import GearclockEnvironment
import GearclockMariaDB
import Logging

/// Inserts, claims and settlements per second on MariaDB or Galera, each as a ratio to a C program that does nothing
/// else, on the same tables: `Scripts/lib/limit.c`. With few and with many tasks that wait for their time.
struct MariaDBBenchmark {
    typealias Rates = StoreBenchmark.Rates

    let configuration: MariaDBConfiguration
    /// The compiled program.
    let limit: String
    /// How many tasks wait, one round of measurements for each; ascending.
    let pending: [Int]
    /// A tenth of the work.
    let isQuick: Bool

    private static let payloadBytes = 200
    private static let rounds = 3
    private static let batches = [(size: 1, tasks: 1500), (16, 12_000), (256, 51_200)]

    func run() async throws {
        let administration = MariaDBAdministration(configuration: self.configuration, clock: SystemClock())
        if let defect = try await administration.migrate().defect { throw Failure(description: "\(defect)") }
        let waiting = await administration.status().counts?.scheduled ?? 0
        // Those of an earlier run are as good as new ones.
        guard waiting <= self.pending.first ?? 0 else {
            throw Failure(description: "The database has \(waiting) tasks; use one of its own")
        }
        var filled = waiting
        var empty: [String: Double] = [:]
        for pending in self.pending {
            try self.fill(pending - filled)
            filled = pending
            print("\(pending) tasks wait")
            print("batch      operation     store/s        limit.c/s   ratio   to the empty table")
            for (size, tasks) in Self.batches {
                let tasks = self.isQuick ? max(size, tasks / 10) : tasks
                let (ours, bare) = try await self.measure(batch: size, tasks: tasks)
                for (operation, ours, bare) in [
                    ("insert", ours.insert, bare.insert), ("claim", ours.claim, bare.claim),
                    ("settle", ours.settle, bare.settle),
                ] {
                    let key = "\(operation) \(size)"
                    empty[key] = empty[key] ?? ours
                    print(
                        String(
                            format: "%5d      %-9@ %12.0f  %12.0f     %5.2f   %5.2f", size, operation as NSString, ours,
                            bare, ours / bare, ours / empty[key]!))
                }
            }
        }
        if self.configuration.nodes.count > 1 { try await self.measureProof() }
    }

    // MARK: - Rounds

    private func measure(batch: Int, tasks: Int) async throws -> (store: Rates, limit: Rates) {
        var ours = Rates()
        var bare = Rates()
        for round in 0..<Self.rounds {
            bare = bare.best(try self.measureLimit(tasks: tasks, batch: batch))
            ours = ours.best(try await self.measureStore(tasks: tasks, batch: batch, round: round))
        }
        return (ours, bare)
    }

    private func measureStore(tasks count: Int, batch: Int, round: Int) async throws -> Rates {
        let store = self.makeStore(copies: 1)
        let clock = SystemClock()
        let now = clock.now.wall
        let tasks = Self.tasks(count, now: now, seed: UInt64(round))
        // Connections are made before the time is taken.
        _ = try await store.claimDue(self.request(limit: 1, now: now), now: now)
        var rates = Rates()
        rates.insert = try await Self.rate(of: count) {
            for start in stride(from: 0, to: count, by: batch) {
                _ = try await store.insert(
                    Array(tasks[start..<min(start + batch, count)]), copies: .atLeast(1), now: now)
            }
        }
        var claims: [[Claim]] = []
        rates.claim = try await Self.rate(of: count) {
            while true {
                let claimed = try await store.claimDue(self.request(limit: batch, now: now), now: now)
                if claimed.isEmpty { break }
                claims.append(claimed.map(\.claim))
            }
        }
        let claimed = claims.map(\.count).reduce(0, +)
        if claimed != count { throw Failure(description: "\(claimed) of \(count) tasks were claimed") }
        rates.settle = try await Self.rate(of: count) {
            for batch in claims {
                _ = try await store.settle(batch.map { Settlement($0, .complete(keepUntil: nil)) }, now: now)
            }
        }
        await store.close()
        return rates
    }

    private func request(limit: Int, now: Timestamp) -> ClaimRequest {
        ClaimRequest(
            owner: OwnerID(value: 1), dueBy: now.advanced(by: .seconds(100)), limit: limit,
            leaseUntil: now.advanced(by: .seconds(3600)),
            lanes: [LaneShare(lane: Lane(of: Self.function), limit: limit)])
    }

    private static let function: FunctionName = {
        guard let function = FunctionName("benchmark") else { preconditionFailure("A valid name") }
        return function
    }()

    private func makeStore(copies: Int) -> MariaDBTaskStore {
        var configuration = self.configuration
        configuration.copies = copies
        var logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        return MariaDBTaskStore(configuration: configuration, clock: SystemClock(), logger: logger, seed: 1)
    }

    // MARK: - The proof of copies

    /// The same inserts with one copy and with two, in turn, so that both meet the same disturbances: one after the
    /// other, and two at once, as a worker daemon does where much comes.
    private func measureProof() async throws {
        print("batch   at once   inserted/s with 2 copies   with 1   ratio   of limit.c   the proof takes (median)")
        for (size, tasks) in [(1, 600), (16, 4800), (256, 25_600)] {
            for atOnce in [1, 2] {
                let count = max(2, (self.isQuick ? tasks / 10 : tasks) / size)
                let stores = [self.makeStore(copies: 1), self.makeStore(copies: 2)]
                var elapsed: [Duration] = [.zero, .zero]
                var waits: [[Duration]] = [[], []]
                // The first round connects.
                let rounds = 10
                for round in 0...rounds {
                    for (index, store) in stores.enumerated() {
                        let start = ContinuousClock.now
                        let inserted = try await Self.inserts(count / rounds + 1, of: size, atOnce, into: store)
                        guard round > 0 else { continue }
                        elapsed[index] += ContinuousClock.now - start
                        waits[index] += inserted
                    }
                }
                let rates = zip(waits, elapsed).map { Double(size * $0.count) / $1.inSeconds }
                let medians = waits.map { $0.sorted()[$0.count / 2].inSeconds * 1000 }
                let bare = try self.measureLimitOfProof(tasks: size * count, batch: size, connections: atOnce)
                print(
                    String(
                        format: "%5d      %d       %12.0f          %12.0f   %5.2f   %5.2f   %.2f ms", size, atOnce,
                        rates[1], rates[0], rates[1] / rates[0], bare, medians[1] - medians[0]))
                for store in stores { await store.close() }
            }
        }
    }

    /// Inserts batches.
    /// - Returns: how long each insert took.
    private static func inserts(
        _ count: Int, of size: Int, _ atOnce: Int, into store: MariaDBTaskStore
    ) async throws -> [Duration] {
        try await withThrowingTaskGroup(of: [Duration].self) { group in
            for number in 0..<atOnce {
                group.addTask {
                    var waits: [Duration] = []
                    for round in 0..<count {
                        let now = SystemClock().now.wall
                        let batch = Self.tasks(size, now: now, seed: UInt64(round * atOnce + number))
                        waits.append(
                            try await ContinuousClock().measure {
                                _ = try await store.insert(batch, copies: .configured, now: now)
                            })
                    }
                    return waits
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    // MARK: - Submissions

    /// Single submissions through a job server and a worker daemon, which uses the same store, beside bare inserts.
    func measureSubmissions(by engine: EngineBenchmark) async throws {
        let tasks = self.isQuick ? 4000 : 40_000
        var best = (ours: 0.0, bare: 0.0)
        for _ in 0..<Self.rounds {
            best.bare = max(best.bare, try self.measureLimit(tasks: tasks, batch: 256).insert)
            let ours = try await engine.submissions(tasks: tasks, payloadBytes: Self.payloadBytes)
            best.ours = max(best.ours, ours)
        }
        print(
            String(
                format: "submissions/s %.0f   limit.c inserts/s %.0f   ratio %.2f", best.ours, best.bare,
                best.ours / best.bare))
    }

    // MARK: - The limit

    private func measureLimit(tasks: Int, batch: Int) throws -> Rates {
        let rates = try self.runLimit(["\(tasks)", "\(batch)", "\(Self.payloadBytes)", "1"])
            .split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard rates.count == 3 else { throw Failure(description: "limit.c answered something else") }
        return Rates(insert: rates[0], claim: rates[1], settle: rates[2])
    }

    /// What the proof leaves of the rate of a program that does nothing but inserts and proofs.
    private func measureLimitOfProof(tasks: Int, batch: Int, connections: Int) throws -> Double {
        let other = self.configuration.nodes[1]
        let rates = try self.runLimit(
            [
                "proof", other.host, "\(other.port)", "\(max(tasks, 10 * batch * connections))", "\(batch)",
                "\(Self.payloadBytes)", "\(connections)",
            ]
        ).split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard rates.count == 2 else { throw Failure(description: "limit.c answered something else") }
        return rates[1] / rates[0]
    }

    private func fill(_ count: Int) throws {
        guard count > 0 else { return }
        _ = try self.runLimit(["fill", "\(count)", "\(Self.payloadBytes)"])
        try self.waitForFlush()
    }

    /// Waits until the server has written most of what it was filled with: that would slow down what is measured.
    private func waitForFlush() throws {
        let connection = try MariaDBConnection(to: self.configuration.nodes[0], configuration: self.configuration)
        defer { connection.close() }
        var dirty = Int.max
        for _ in 0..<300 {
            let rows = try connection.textRows("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")
            let now = rows.first?.last.flatMap { $0.flatMap { Int($0) } } ?? 0
            if now >= dirty - dirty / 100 { return }
            dirty = now
            try connection.execute("SELECT SLEEP(1)")
        }
    }

    private func runLimit(_ arguments: [String]) throws -> String {
        let node = self.configuration.nodes[0]
        let process = Process()
        process.executableURL = URL(filePath: self.limit)
        process.arguments =
            [node.host, "\(node.port)", self.configuration.user, self.configuration.database] + arguments
        var environment = ProcessInfo.processInfo.environment
        environment["GEARCLOCK_STORE_PASSWORD"] = self.configuration.password?.text
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(description: "limit.c failed") }
        return text
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    // MARK: - Tasks

    /// Ids are ordered as they come in, dues are not: the index on due times works for its place.
    private static func tasks(_ count: Int, now: Timestamp, seed: UInt64) -> [TaskDefinition] {
        var random = SeededGenerator(seed: seed ^ UInt64(bitPattern: now.microseconds))
        return (0..<count).map { index in
            let created = now.advanced(by: .microseconds(Int64(index) * 10))
            return TaskDefinition(
                id: TaskID(cluster: 0, now: created, using: &random), function: self.function,
                payload: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: self.payloadBytes),
                dueAt: created.advanced(by: .microseconds(Int64.random(in: 0..<10_000_000, using: &random))),
                createdAt: created)
        }
    }

    private static func rate(of count: Int, _ body: () async throws -> Void) async throws -> Double {
        let elapsed = try await ContinuousClock().measure(body)
        return Double(count) / elapsed.inSeconds
    }
}
