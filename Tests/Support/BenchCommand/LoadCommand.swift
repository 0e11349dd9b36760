import ArgumentParser
import DispatchExecutor
import Foundation
import GearclockCore
import GearclockEnvironment
import Gearman
import Logging

/// A steady flow of tasks due at random moments, at 80 % of the highest rate that the daemons sustain.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Finds the highest sustained rate, and how late tasks start at 80 % of it.",
        discussion: """
            Submissions are made when it is time for them, whatever became of those before, and each task is due a \
            random moment later: what waits anywhere on its way is late. A rate is sustained if half of the tasks are \
            in time after twenty seconds of it; eight are too few to see that a rate cannot be kept up.
            """)

    @OptionGroup var server: BenchCommand.ServerOptions
    @Option(help: "How many seconds the rate is kept at 80 %.") var seconds = 15
    @Option(help: "How many seconds each rate is tried for.") var trial = 20
    @Option(help: "The first rate that is tried, in tasks a second.") var from = 8000
    @Option(help: "Measure at this rate, and look for none.") var rate: Int?

    func run() async throws {
        let benchmark = try self.server.benchmark()
        let rate: Int
        if let given = self.rate { rate = given } else { rate = try await self.sustainedRate(benchmark) * 8 / 10 }
        let flow = TaskFlow(benchmark, rate: rate, seconds: self.seconds)
        try await flow.run()
        print("at \(rate) tasks/s:")
        if await flow.isOverrun {
            print("more and more of them were late")
            throw ExitCode.failure
        }
        BenchCommand.Lateness.print(await flow.latenesses())
    }

    private func sustainedRate(_ benchmark: EngineBenchmark) async throws -> Int {
        var (sustained, tooMuch) = (0, Int.max)
        var rate = self.from
        // Doubled until it is too much, then halved in between.
        while tooMuch - sustained > max(tooMuch / 12, 1) {
            let flow = TaskFlow(benchmark, rate: rate, seconds: self.trial)
            try await flow.run()
            if await flow.isSustained { sustained = rate } else { tooMuch = rate }
            rate = tooMuch == .max ? 2 * sustained : (sustained + tooMuch) / 2
        }
        print("highest sustained rate: \(sustained) tasks/s")
        return sustained
    }
}

/// Tasks that are submitted at a steady rate, and a worker that does nothing but look at the clock.
actor TaskFlow {
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        GearmanEventLoop.shared.executor.asUnownedSerialExecutor()
    }

    /// A task is due so long after its submission, at the most: beyond the look-ahead of dispatchers.
    private static let longestWait: Int64 = 3_000_000
    /// In the end they are looked at for so long.
    private static let judgement: Int64 = 2_000_000
    /// How late half of the tasks may be then.
    private static let tolerance = Duration.milliseconds(100)
    /// Once a task is so late, it is too much, and nothing more is submitted. Longer than a store stops for.
    private static let hopeless: Int64 = 3_000_000

    private let function: [UInt8]
    private let client: GearmanClient
    private let benchmark: EngineBenchmark
    private var tasks: Int
    private let span: Int64
    private let interval: Double
    private var random: SeededGenerator
    private var submitted = 0
    private(set) var isOverrun = false
    private var worker: GearmanWorker?
    private let arrived: AsyncStream<Int>.Continuation
    private let arrivals: AsyncStream<Int>
    private var start: Int64 = 0
    private var runs: [(due: Int64, lateness: Int64)] = []

    init(_ benchmark: EngineBenchmark, rate: Int, seconds: Int) {
        self.benchmark = benchmark
        self.client = GearmanClient(servers: [benchmark.server], logger: benchmark.logger)
        self.tasks = rate * seconds
        self.span = Int64(seconds) * 1_000_000
        self.interval = 1_000_000 / Double(rate)
        self.random = SeededGenerator(seed: UInt64(rate))
        self.function = Array("bench_load_\(rate)_\(seconds)".utf8)
        (self.arrivals, self.arrived) = AsyncStream.makeStream()
    }

    var isSustained: Bool {
        if self.isOverrun { return false }
        let last = self.latenesses(from: self.span - Self.judgement)
        return last[last.count / 2] <= Self.tolerance
    }

    /// Of what was due while the flow was steady: before, and after the last submission, less is due.
    func latenesses(from begin: Int64 = TaskFlow.longestWait) -> [Duration] {
        let steady = self.start + begin..<self.start + self.span
        return self.runs.filter { steady.contains($0.due) }.map { .microseconds($0.lateness) }.sorted()
    }

    /// Returns when all tasks that were submitted have been started.
    func run() async throws {
        let worker = GearmanWorker(
            servers: [self.benchmark.server], functions: [self.function],
            configuration: EngineBenchmark.workerConfiguration(concurrency: 256), eventLoop: .shared,
            logger: self.benchmark.logger, onJobs: { jobs in self.assumeIsolated { $0.came(jobs) } })
        self.worker = worker
        await worker.start()
        await self.client.onEvents { _ in }
        // Connected before the time is taken.
        _ = try await self.client.perform(GearmanJobRequest(function: "gearclock_stats", workload: "{}"))
        self.start = EngineBenchmark.now()
        try await self.submitAll()
        for await count in self.arrivals where count == self.tasks { break }
        await worker.close()
        await self.client.close()
    }

    @concurrent private nonisolated func submitAll() async throws {
        let clock = SystemClock()
        while await self.submit() {
            try await clock.sleep(until: clock.now.monotonic.advanced(by: .milliseconds(1)))
        }
    }

    /// Submits what it is time for.
    /// - Returns: whether there will be more.
    private func submit() -> Bool {
        if let latest = self.runs.last, latest.lateness > Self.hopeless {
            self.isOverrun = true
            self.tasks = self.submitted
            // None of them may be missing any more.
            self.arrived.yield(self.runs.count)
            return false
        }
        let count = min(self.tasks, Int(Double(EngineBenchmark.now() - self.start) / self.interval))
        guard count > self.submitted else { return self.submitted < self.tasks }
        let jobs = (self.submitted..<count).map { number in
            let moment = self.start + Int64(Double(number) * self.interval)
            let due = moment + Int64.random(in: 0...Self.longestWait, using: &self.random)
            let at = Timestamp(microseconds: due).iso8601
            let function = String(decoding: self.function, as: UTF8.self)
            let task = #"{"func_name":"\#(function)","at":"\#(at)","payload":"\#(due)"}"#
            return GearmanPipelinedJob(
                id: UInt64(number + 1),
                request: GearmanJobRequest(function: "submitJobDelayed", workload: Array(task.utf8)))
        }
        self.submitted = count
        self.client.assumeIsolated { $0.start(jobs) }
        return count < self.tasks
    }

    private func came(_ jobs: GearmanAssignedJobs) {
        let now = EngineBenchmark.now()
        for job in jobs {
            let due = Int64(String(decoding: job.workload, as: UTF8.self)) ?? 0
            self.runs.append((due, now - due))
        }
        self.worker?.assumeIsolated { $0.reply(jobs.map { GearmanJobReply(job: $0.id, result: .complete([])) }) }
        self.arrived.yield(self.runs.count)
    }
}
