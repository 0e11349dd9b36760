import Gearman
import Logging

// What measures the throughput of a machine takes as little of it as it can: no task for each job, and whatever one
// read brings is answered by one write.

/// Submits as a busy service does: a thousand submissions are always under way.
actor PipelinedSubmissions {
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        GearmanEventLoop.shared.executor.asUnownedSerialExecutor()
    }

    private static let atOnce = 1024

    private let client: GearmanClient
    private let function: String
    private var waiting: ArraySlice<String>
    private var underWay = 0
    private var nextID: UInt64 = 0
    private let end: AsyncThrowingStream<Never, any Error>
    private let ended: AsyncThrowingStream<Never, any Error>.Continuation

    /// - Parameter client: nobody else listens to its pipelined jobs.
    init(_ submissions: [String], to function: String, by client: GearmanClient) {
        self.client = client
        self.function = function
        self.waiting = submissions[...]
        (self.end, self.ended) = AsyncThrowingStream.makeStream()
    }

    /// Returns when all of them have their receipts.
    func run() async throws {
        await self.client.onEvents { updates in self.assumeIsolated { $0.happened(updates) } }
        self.submit(Self.atOnce)
        for try await _ in self.end {}
        await self.client.onEvents { _ in }
    }

    private func happened(_ updates: [GearmanJobUpdate]) {
        var answered = 0
        for update in updates {
            switch update.event {
            case .created, .data, .warning, .status: break
            case .complete: answered += 1
            case .fail, .exception, .lost, .refused:
                self.ended.finish(throwing: EngineBenchmark.Failure(description: "No receipt: \(update.event)"))
            }
        }
        self.underWay -= answered
        self.submit(answered)
    }

    private func submit(_ count: Int) {
        let submissions = self.waiting.prefix(count)
        self.waiting = self.waiting.dropFirst(count)
        self.underWay += submissions.count
        if self.underWay == 0 { return self.ended.finish() }
        guard !submissions.isEmpty else { return }
        let jobs = submissions.map { workload in
            self.nextID += 1
            let request = GearmanJobRequest(function: self.function, workload: Array(workload.utf8))
            return GearmanPipelinedJob(id: self.nextID, request: request)
        }
        self.client.assumeIsolated { $0.start(jobs) }
    }
}

/// A worker that does nothing, for one function.
actor NoOpTarget {
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        GearmanEventLoop.shared.executor.asUnownedSerialExecutor()
    }

    private let server: GearmanServerAddress
    private let function: String
    private let logger: Logger
    private var worker: GearmanWorker?
    /// How many jobs came, again and again.
    nonisolated let arrivals: AsyncStream<Int>
    private let arrived: AsyncStream<Int>.Continuation

    init(_ function: String, server: GearmanServerAddress, logger: Logger) {
        self.server = server
        self.function = function
        self.logger = logger
        (self.arrivals, self.arrived) = AsyncStream.makeStream()
    }

    func start() async {
        let worker = GearmanWorker(
            servers: [self.server], functions: [Array(self.function.utf8)],
            configuration: EngineBenchmark.workerConfiguration(concurrency: 256), eventLoop: .shared,
            logger: self.logger, onJobs: { jobs in self.assumeIsolated { $0.came(jobs) } })
        self.worker = worker
        await worker.start()
    }

    func close() async {
        await self.worker?.close()
    }

    private func came(_ jobs: GearmanAssignedJobs) {
        self.worker?.assumeIsolated { $0.reply(jobs.map { GearmanJobReply(job: $0.id, result: .complete([])) }) }
        self.arrived.yield(jobs.count)
    }
}
