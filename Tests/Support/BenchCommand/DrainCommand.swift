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
        let target = NoOpTarget(self.function, server: engine.server, logger: engine.logger)
        await target.start()
        var count = 0
        var first: Int64?
        for await arrived in target.arrivals {
            let now = EngineBenchmark.now()
            first = first ?? now
            count += arrived
            guard count >= self.tasks else { continue }
            print("tasks per second: \(Int(Double(count) * 1_000_000 / Double(max(1, now - (first ?? now)))))")
            break
        }
        await target.close()
    }
}
