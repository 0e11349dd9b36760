import CoreMetrics
import Gearman
import Logging

/// Runs a worker and a client against the job servers that are named, HOST:PORT each, and ends with 0 if all is well.
///
/// It is written as a program of somebody else's would be, and the examples of the library's articles are parts of it.
@main
struct Embedding {
    static func main() async throws {
        let servers = CommandLine.arguments.dropFirst().compactMap { GearmanServerAddress($0) }
        let logger = Logger(label: "embedding")
        let worker = await makeWorker(servers: servers, logger: logger)
        let client = makeClient(servers: servers, factory: NOOPMetricsHandler.instance, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await useClient(servers: servers, logger: logger)
            try await follow(client)
            try await submitInBackground(client)
            try await submitForLater(client)
            _ = try await submit(GearmanJobRequest(function: "reverse", workload: "y"), to: client)
            await showHealth(of: client)
            await worker.drain()
            try await group.waitForAll()
        }
        await client.close()
    }
}
