import ArgumentParser
import Foundation
import GearclockCore
import GearclockMariaDB
import Gearman
import Logging

/// Measures; `Scripts/bench` starts what it needs and prints the ratios.
@main
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gearclock-bench", abstract: "Figures of one run, for Scripts/bench.",
        subcommands: [
            Codec.self, Store.self, Submissions.self, Lateness.self, LoadCommand.self, Throughput.self,
            FillCommand.self, DrainCommand.self, ExchangeCommand.self, TakeoverCommand.self,
        ])

    struct Codec: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Packets per second, decoded and encoded.")

        func run() {
            CodecBenchmark.run()
        }
    }

    struct ServerOptions: ParsableArguments {
        @Option(help: "The job server of a running `gearclock up`.")
        var gearman = "127.0.0.1:4730"

        func benchmark() throws -> EngineBenchmark {
            guard let server = GearmanServerAddress(self.gearman) else {
                throw ValidationError("Not HOST:PORT: \(self.gearman)")
            }
            var logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })
            logger.logLevel = .warning
            return EngineBenchmark(server: server, logger: logger)
        }
    }

    struct DatabaseOptions: ParsableArguments {
        @Option(help: "A database of MariaDB for the measurements alone, as mariadb://…; otherwise SQLite is measured.")
        var store: String?
        @Option(help: "The program made from Scripts/lib/limit.c.") var limit = "limit"
        @Flag(help: "A tenth of the work.") var quick = false

        func benchmark(pending: [Int] = []) throws -> MariaDBBenchmark? {
            guard let store else { return nil }
            var configuration = try MariaDBConfiguration(url: store)
            if let password = ProcessInfo.processInfo.environment["GEARCLOCK_STORE_PASSWORD"] {
                configuration.password = MariaDBConfiguration.Secret(password)
            }
            return MariaDBBenchmark(
                configuration: configuration, limit: self.limit, pending: pending, isQuick: self.quick)
        }
    }

    struct Store: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rates of a store beside a program that does the same and nothing else.")

        @OptionGroup var database: DatabaseOptions
        @Option(help: "So many tasks wait for their time; ascending, separated by commas.") var pending = "0"

        func run() async throws {
            let pending = try self.pending.split(separator: ",").map { text in
                guard let count = Int(text), count >= 0 else { throw ValidationError("Not a number: \(text)") }
                return count
            }
            guard let benchmark = try self.database.benchmark(pending: pending) else {
                return try await StoreBenchmark.run()
            }
            try await benchmark.run()
        }
    }

    struct Submissions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Receipts per second through a job server, beside bare inserts into the same database.")

        @OptionGroup var server: ServerOptions
        @OptionGroup var database: DatabaseOptions

        func run() async throws {
            guard let benchmark = try self.database.benchmark() else { throw ValidationError("--store is missing") }
            try await benchmark.measureSubmissions(by: self.server.benchmark())
        }
    }

    struct Lateness: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "How late tasks start, due at random moments.")

        @OptionGroup var server: ServerOptions
        @Option(help: "How many tasks.") var tasks = 2000
        @Option(help: "Over how many seconds their due times are spread.") var seconds = 10
        @Option(help: "How many seconds before the first due time they are submitted.") var lead = 2
        @Option(help: "The seed of the due times.") var seed: UInt64 = 1

        func run() async throws {
            let sorted = try await self.server.benchmark().lateness(
                tasks: self.tasks, over: .seconds(self.seconds), lead: .seconds(self.lead), seed: self.seed)
            Self.print(sorted)
        }

        static func print(_ sorted: [Duration]) {
            for share in [0.5, 0.9, 0.99, 0.999, 1] {
                let index = min(sorted.count - 1, Int(Double(sorted.count) * share))
                Swift.print("lateness p\(share * 100): \(Self.milliseconds(sorted[index])) ms")
            }
            Swift.print("earliest: \(Self.milliseconds(sorted[0])) ms")
        }

        private static func milliseconds(_ duration: Duration) -> String {
            String(format: "%.3f", duration.inSeconds * 1_000)
        }
    }

    struct Throughput: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tasks per second from submission to removal.")

        @OptionGroup var server: ServerOptions
        @Option(help: "How many tasks.") var tasks = 20_000
        @Option(help: "Tasks of one submission; 1: submitJobDelayed.") var bulk = 1

        func run() async throws {
            let rate = try await self.server.benchmark().throughput(tasks: self.tasks, bulk: self.bulk)
            print("tasks per second: \(Int(rate))")
        }
    }
}
