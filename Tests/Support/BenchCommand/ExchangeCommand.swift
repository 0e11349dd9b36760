import ArgumentParser
internal import DispatchExecutor
import Gearman
import Logging

/// Foreground jobs that do nothing, by a client and a worker of the library in one process; Scripts/lib/exchange.c does
/// the same in C.
struct ExchangeCommand: AsyncParsableCommand {
    enum Form: String, CaseIterable, ExpressibleByArgument {
        /// As Gearclock's own daemons use the library: no task for each job.
        case pipelined
        /// By the public calls: a task for each job in flight, and a handler.
        case calls
    }

    static let configuration = CommandConfiguration(
        commandName: "exchange", abstract: "No-op foreground jobs per second through a job server.")

    @Option(help: "The job server, HOST:PORT.") var gearman = "127.0.0.1:4730"
    @Option(help: "How many jobs.") var jobs = 100_000
    @Option(help: "How many of them are in flight at once; 1 waits for each answer.") var depth = 256
    @Option(help: "The form of the library that is used.") var form = Form.pipelined

    func run() async throws {
        guard let server = GearmanServerAddress(self.gearman) else {
            throw ValidationError("Not HOST:PORT: \(self.gearman)")
        }
        let elapsed: Duration
        switch self.form {
        case .pipelined: elapsed = await PipelinedExchange.run(on: server, jobs: self.jobs, depth: self.depth)
        case .calls: elapsed = try await self.measureCalls(on: server)
        }
        print(Int(Double(self.jobs) / (elapsed / .seconds(1))))
    }

    private func measureCalls(on server: GearmanServerAddress) async throws -> Duration {
        let logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })
        let worker = GearmanWorker(
            servers: [server], configuration: EngineBenchmark.workerConfiguration(concurrency: self.depth),
            logger: logger)
        await worker.register("exchange") { _ in [] }
        let client = GearmanClient(servers: [server], logger: logger)
        let request = GearmanJobRequest(function: "exchange", workload: "0123456789abcdef")
        let (jobs, depth) = (self.jobs, self.depth)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            _ = try await client.perform(request)  // connected before the time is taken
            let elapsed = try await ContinuousClock().measure {
                try await withThrowingTaskGroup(of: Void.self) { calls in
                    for number in 0..<depth {
                        calls.addTask {
                            for _ in 0..<jobs / depth + (number < jobs % depth ? 1 : 0) {
                                _ = try await client.perform(request)
                            }
                        }
                    }
                    try await calls.waitForAll()
                }
            }
            group.cancelAll()
            await client.close()
            return elapsed
        }
    }
}

/// The pipelined form of both sides, on their event loop.
private actor PipelinedExchange {
    private nonisolated let eventLoop: GearmanEventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

    private let jobs: Int
    private let depth: Int
    private let client: GearmanClient
    private var worker: GearmanWorker?
    private var submitted = 0
    private var completed = 0
    private var isDone: CheckedContinuation<Void, Never>?

    static func run(on server: GearmanServerAddress, jobs: Int, depth: Int) async -> Duration {
        let exchange = PipelinedExchange(server: server, jobs: jobs, depth: depth)
        await exchange.prepare(server)
        let elapsed = await ContinuousClock().measure { await exchange.exchange() }
        await exchange.close()
        return elapsed
    }

    private static let logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })

    private init(server: GearmanServerAddress, jobs: Int, depth: Int) {
        self.eventLoop = GearmanEventLoop(label: "bench")
        self.jobs = jobs
        self.depth = depth
        self.client = GearmanClient(servers: [server], eventLoop: self.eventLoop, logger: Self.logger)
    }

    private func prepare(_ server: GearmanServerAddress) async {
        let worker = GearmanWorker(
            servers: [server], functions: [Array("exchange".utf8)],
            configuration: EngineBenchmark.workerConfiguration(concurrency: self.depth), eventLoop: self.eventLoop,
            logger: Self.logger
        ) { jobs in
            self.enter { $0.assigned(jobs) }
        }
        self.worker = worker
        await worker.start()
        await self.client.onEvents { updates in
            self.enter { $0.happened(updates) }
        }
        await self.client.connected()
    }

    private func exchange() async {
        await withCheckedContinuation { continuation in
            self.isDone = continuation
            self.submit(min(self.jobs, self.depth))
        }
    }

    private func submit(_ count: Int) {
        guard count > 0 else { return }
        var jobs: [GearmanPipelinedJob] = []
        jobs.reserveCapacity(count)
        for _ in 0..<count {
            self.submitted += 1
            self.next.id = UInt64(self.submitted)
            jobs.append(self.next)
        }
        self.client.enter { $0.start(jobs) }
    }

    private var next = GearmanPipelinedJob(
        id: 0, request: GearmanJobRequest(function: "exchange", workload: "0123456789abcdef"))

    private func happened(_ updates: [GearmanJobUpdate]) {
        var ended = 0
        let updates = updates.span
        for place in updates.indices where updates[place].event.isFinal {
            guard case .complete(let result) = updates[place].event, result.isEmpty else {
                preconditionFailure("A job ended otherwise: \(updates[place].event)")
            }
            ended += 1
        }
        self.completed += ended
        self.submit(min(ended, self.jobs - self.submitted))
        guard self.completed == self.jobs else { return }
        self.isDone?.resume()
        self.isDone = nil
    }

    private func assigned(_ jobs: GearmanAssignedJobs) {
        self.worker?.enter { worker in
            var replies: [GearmanJobReply] = []
            replies.reserveCapacity(jobs.count)
            for place in jobs.indices {
                replies.append(GearmanJobReply(job: jobs.id(at: place), result: .complete([])))
            }
            worker.reply(replies)
        }
    }

    private func close() async {
        await self.worker?.close()
        await self.client.close()
    }
}
