import ArgumentParser
import Gearman

/// Works off tasks that are stored already, with a target that does nothing.
struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Tasks per second from the first start to the last.")

    @OptionGroup var server: BenchCommand.ServerOptions
    @Option(help: "How many tasks.") var tasks = 20_000
    @Option(help: "Their function.") var function = "bench_fill"

    func run() async throws {
        let engine = try self.server.benchmark()
        let worker = GearmanWorker(
            servers: [engine.server], configuration: EngineBenchmark.workerConfiguration(concurrency: 256),
            logger: engine.logger)
        let (starts, started) = AsyncStream<Int64>.makeStream()
        await worker.register(self.function) { _ in
            started.yield(EngineBenchmark.now())
            return []
        }
        let tasks = self.tasks
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            var moments = starts.makeAsyncIterator()
            guard let first = await moments.next() else { return }
            var last = first
            for _ in 1..<max(2, tasks) { last = await moments.next() ?? last }
            print("tasks per second: \(Int(Double(tasks - 1) * 1_000_000 / Double(max(1, last - first))))")
            group.cancelAll()
        }
    }
}
