import ArgumentParser
import Foundation
import GearclockCore
import GearclockEnvironment
import Gearman

/// What a daemon's death costs: a steady flow of tasks, some stored before and some submitted all the time, and a
/// command in the middle of it that kills.
struct TakeoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover", abstract: "Seconds until tasks run again after a command that kills a daemon.")

    @OptionGroup var server: BenchCommand.ServerOptions
    @Option(help: "The shell command that does harm.") var harm: String
    @Option(help: "Seconds after the harm in which tasks still fall due.") var seconds = 30

    func run() async throws {
        let report = try await TakeoverBenchmark(engine: self.server.benchmark(), harm: self.harm).run(
            after: .seconds(self.seconds))
        print(
            String(
                format: "receipts again after %.2f s   starts again after %.2f s   the last task of the dead started"
                    + " %.2f s late   not run: %d, run twice: %d",
                report.receipts.inSeconds, report.starts.inSeconds, report.latest.inSeconds, report.missing,
                report.repeated))
    }
}

/// One task every ten milliseconds falls due from the store, and one is submitted for now; both say when they started.
struct TakeoverBenchmark {
    struct Report {
        /// The longest time without a receipt, and without a start, from the harm on.
        var receipts = Duration.zero
        var starts = Duration.zero
        /// The longest lateness of a task that was due around the harm.
        var latest = Duration.zero
        var missing = 0
        var repeated = 0
    }

    let engine: EngineBenchmark
    let harm: String

    private static let interval = 10_000
    /// The flow before the harm.
    private static let before: Int64 = 4_000_000

    private enum Moment: Sendable {
        case start(due: Int64, at: Int64)
        case receipt(due: Int64, at: Int64)
        case harm(at: Int64)
    }

    func run(after span: Duration) async throws -> Report {
        let function = "bench_takeover_\(EngineBenchmark.now())"
        let (moments, report) = AsyncStream<Moment>.makeStream()
        let worker = GearmanWorker(
            servers: [self.engine.server], configuration: EngineBenchmark.workerConfiguration(concurrency: 64),
            logger: self.engine.logger)
        await worker.register(function) { job in
            let due = job.workload.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
            report.yield(.start(due: due, at: EngineBenchmark.now()))
            return []
        }
        let client = GearmanClient(servers: [self.engine.server], logger: self.engine.logger)
        let start = EngineBenchmark.now() + 6_000_000
        let dues = Array(stride(from: start, to: start + Self.before + span.microseconds, by: Self.interval))
        // Odd microseconds are those of the tasks that are submitted when they are due.
        try await EngineBenchmark.submitAll(dues.map { Self.task(function, due: $0 & ~1) }, by: client)
        return try await withThrowingTaskGroup(of: Report?.self) { group in
            group.addTask {
                try await worker.run()
                return nil
            }
            group.addTask {
                await self.submit(function, dues, by: client, report)
                return nil
            }
            group.addTask {
                try await Self.sleep(until: start + Self.before)
                report.yield(.harm(at: EngineBenchmark.now()))
                try self.doHarm()
                return nil
            }
            group.addTask {
                try await Self.sleep(until: start + Self.before + span.microseconds + 60_000_000)
                report.finish()
                return nil
            }
            group.addTask { await Self.collect(moments, expected: 2 * dues.count) }
            var result: Report?
            while result == nil, let next = try await group.next() { result = next }
            group.cancelAll()
            await client.close()
            return result ?? Report()
        }
    }

    /// Submits one task for now every ten milliseconds; each is repeated until it has its receipt.
    private func submit(
        _ function: String, _ dues: [Int64], by client: GearmanClient, _ report: AsyncStream<Moment>.Continuation
    ) async {
        var random = SeededGenerator(seed: UInt64(dues[0]))
        await withDiscardingTaskGroup { group in
            for due in dues {
                try? await Self.sleep(until: due)
                let id = TaskID(cluster: 0, now: Timestamp(microseconds: due), using: &random).description
                group.addTask {
                    let task = Self.task(function, due: due | 1, id: id)
                    let request = GearmanJobRequest(function: "gearclock_submit", workload: Array(task.utf8))
                    while !Task.isCancelled {
                        if (try? await client.perform(request)) != nil { break }
                        try? await Self.sleep(until: EngineBenchmark.now() + 50_000)
                    }
                    report.yield(.receipt(due: due, at: EngineBenchmark.now()))
                }
            }
        }
    }

    private func doHarm() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-c", self.harm]
        try process.run()
    }

    /// Until everything has run, or a minute after all of it was due.
    private static func collect(_ moments: AsyncStream<Moment>, expected: Int) async -> Report {
        var (starts, receipts): ([Int64], [Int64]) = ([], [])
        var firstStart: [Int64: Int64] = [:]
        var report = Report()
        var harm = Int64.max
        for await moment in moments {
            switch moment {
            case .start(let due, let at):
                starts.append(at)
                if firstStart.updateValue(min(at, firstStart[due] ?? at), forKey: due) != nil { report.repeated += 1 }
            case .receipt(_, let at):
                receipts.append(at)
            case .harm(let at):
                harm = at
            }
            if firstStart.count == expected, receipts.count == expected / 2 { break }
        }
        report.missing = expected - firstStart.count
        // When the flow has ended, a gap means nothing.
        let end = firstStart.keys.max() ?? harm
        report.starts = self.longestGap(starts, from: harm, until: end)
        report.receipts = self.longestGap(receipts, from: harm, until: end)
        report.latest = .microseconds(firstStart.map { $0.value - $0.key }.max() ?? 0)
        return report
    }

    private static func longestGap(_ moments: [Int64], from harm: Int64, until end: Int64) -> Duration {
        var longest: Int64 = 0
        var last = harm
        for moment in moments where moment > harm && last < end {
            longest = max(longest, moment - last)
            last = moment
        }
        return .microseconds(longest)
    }

    private static func task(_ function: String, due: Int64, id: String? = nil) -> String {
        let payload = withUnsafeBytes(of: due) { Data($0) }.base64EncodedString()
        let when = id.map { #""id":"\#($0)""# } ?? #""at":"\#(Timestamp(microseconds: due).iso8601)""#
        return #"{"func_name":"\#(function)",\#(when),"payload_base64":"\#(payload)"}"#
    }

    private static func sleep(until moment: Int64) async throws {
        let clock = SystemClock()
        let wait = clock.now.wall.duration(to: Timestamp(microseconds: moment))
        try await clock.sleep(until: clock.now.monotonic.advanced(by: wait))
    }
}
