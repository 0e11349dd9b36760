import Foundation
import GearclockCore
import GearclockSQLite

/// Inserts, claims and settlements per second on SQLite, each as a ratio to the same statements in a bare loop over
/// SQLite's C functions: same schema, same settings, transactions of the same size, same run.
struct StoreBenchmark {
    /// Rates of one round, in tasks per second.
    struct Rates {
        var insert = 0.0
        var claim = 0.0
        var settle = 0.0
        /// How long the insert of a batch took, 99 of 100 and the longest, in milliseconds.
        var insert99 = 0.0
        var insertLongest = 0.0

        mutating func note(_ waits: [Duration]) {
            let sorted = waits.sorted()
            guard let longest = sorted.last else { return }
            self.insert99 = sorted[sorted.count * 99 / 100].inSeconds * 1000
            self.insertLongest = longest.inSeconds * 1000
        }

        func best(_ other: Rates) -> Rates {
            Rates(
                insert: max(self.insert, other.insert), claim: max(self.claim, other.claim),
                settle: max(self.settle, other.settle),
                insert99: self.insert99 == 0 ? other.insert99 : min(self.insert99, other.insert99),
                insertLongest: self.insert99 == 0 ? other.insertLongest : min(self.insertLongest, other.insertLongest))
        }
    }

    static let payloadBytes = 200
    /// The best of so many rounds counts: what disturbs a round makes it slower, never faster.
    private static let rounds = 3

    static func run() async throws {
        print("batch      operation     store/s       bare loop/s   ratio")
        for (batch, tasks) in [(1, 2000), (16, 16_000), (256, 51_200)] {
            var ours = Rates()
            var bare = Rates()
            for round in 0..<self.rounds {
                bare = bare.best(try self.measureBareLoop(tasks: tasks, batch: batch, round: round))
                ours = ours.best(try await self.measureStore(tasks: tasks, batch: batch, round: round))
            }
            self.printRow(batch, "insert", ours.insert, bare.insert)
            self.printRow(batch, "claim", ours.claim, bare.claim)
            self.printRow(batch, "settle", ours.settle, bare.settle)
            print(
                String(
                    format: "           one insert: p99 %.1f ms, longest %.1f ms; bare loop %.1f and %.1f ms",
                    ours.insert99, ours.insertLongest, bare.insert99, bare.insertLongest))
        }
    }

    private static func printRow(_ batch: Int, _ operation: String, _ ours: Double, _ bare: Double) {
        print(
            String(
                format: "%5d      %-9@ %12.0f  %12.0f     %5.2f", batch, operation as NSString, ours, bare, ours / bare)
        )
    }

    private static func measureStore(tasks count: Int, batch: Int, round: Int) async throws -> Rates {
        let directory = try BenchmarkDirectory()
        defer { directory.remove() }
        let store = try SQLiteTaskStore(path: directory.file)
        let tasks = self.tasks(count, round: round)
        let now = Timestamp(microseconds: 1_800_000_000_000_000)
        var rates = Rates()

        var waits: [Duration] = []
        rates.insert = try await self.rate(of: count) {
            for start in stride(from: 0, to: count, by: batch) {
                let batch = Array(tasks[start..<min(start + batch, count)])
                waits.append(try await ContinuousClock().measure { _ = try await store.insert(batch, now: now) })
            }
        }
        rates.note(waits)
        var claims: [[Claim]] = []
        rates.claim = try await self.rate(of: count) {
            let request = ClaimRequest(
                owner: OwnerID(value: 1), dueBy: .latestDue, limit: batch, leaseUntil: now.advanced(by: .seconds(15)))
            while true {
                let claimed = try await store.claimDue(request, now: now)
                if claimed.isEmpty { break }
                claims.append(claimed.map(\.claim))
            }
        }
        rates.settle = try await self.rate(of: count) {
            for batch in claims {
                _ = try await store.settle(batch.map { Settlement($0, .complete(keepUntil: nil)) }, now: now)
            }
        }
        try store.close()
        return rates
    }

    private static func measureBareLoop(tasks count: Int, batch: Int, round: Int) throws -> Rates {
        let directory = try BenchmarkDirectory()
        defer { directory.remove() }
        // The store makes the schema.
        try SQLiteTaskStore(path: directory.file).close()
        let loop = try BareLoop(path: directory.file)
        defer { loop.close() }
        let tasks = self.tasks(count, round: round)
        var rates = Rates()

        var waits: [Duration] = []
        rates.insert = try self.rate(of: count) {
            for start in stride(from: 0, to: count, by: batch) {
                let batch = tasks[start..<min(start + batch, count)]
                waits.append(try ContinuousClock().measure { try loop.insert(batch) })
            }
        }
        rates.note(waits)
        var ids: [[[UInt8]]] = []
        rates.claim = try self.rate(of: count) {
            while true {
                let claimed = try loop.claim(limit: batch)
                if claimed.isEmpty { break }
                ids.append(claimed)
            }
        }
        rates.settle = try self.rate(of: count) { for batch in ids { try loop.remove(batch) } }
        return rates
    }

    /// Ids are ordered as they come in, dues are not: the index on due times works for its place.
    private static func tasks(_ count: Int, round: Int) -> [TaskDefinition] {
        var random = SeededGenerator(seed: UInt64(round))
        guard let function = FunctionName("benchmark") else { preconditionFailure("A valid name") }
        return (0..<count).map { index in
            let now = Timestamp(microseconds: 1_800_000_000_000_000 + Int64(index) * 100)
            return TaskDefinition(
                id: TaskID(cluster: 0, now: now, using: &random), function: function,
                payload: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: self.payloadBytes),
                dueAt: now.advanced(by: .microseconds(Int64.random(in: 0..<10_000_000, using: &random))), createdAt: now
            )
        }
    }

    private static func rate(of count: Int, _ body: () async throws -> Void) async throws -> Double {
        let elapsed = try await ContinuousClock().measure(body)
        return Double(count) / elapsed.inSeconds
    }

    private static func rate(of count: Int, _ body: () throws -> Void) throws -> Double {
        let elapsed = try ContinuousClock().measure(body)
        return Double(count) / elapsed.inSeconds
    }
}

/// A new directory, and the name of a database in it.
private struct BenchmarkDirectory {
    private let path: String
    var file: String { "\(self.path)/tasks.sqlite" }

    init() throws {
        var template = Array("\(NSTemporaryDirectory())/gearclock-bench-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        self.path = String(cString: path)
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: self.path)
    }
}
