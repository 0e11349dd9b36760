import Gearman
import GearmanServer
import Logging

/// Tests a worker through a job server of its own, as a test of somebody else's would. Ends with 0 if all is well.
@main
struct Testing {
    static func main() async throws {
        let logger = Logger(label: "testing")
        let result = try await withServer { address in
            let worker = GearmanWorker(servers: [address], logger: logger)
            await worker.register("reverse") { job in try reversed(job.workload) }
            let client = GearmanClient(servers: [address], logger: logger)
            let result = try await withWorker(worker) {
                try await client.perform(GearmanJobRequest(function: "reverse", workload: "hello"))
            }
            await client.close()
            return result
        }
        precondition(result == Array("olleh".utf8))
    }
}

func withServer<Result: Sendable>(
    _ body: @Sendable (GearmanServerAddress) async throws -> Result
) async throws -> Result {
    let server = GearmanJobServer(
        eventLoop: GearmanEventLoop(label: "test.server"), logger: Logger(label: "test.server"))
    let address = try await server.start(port: 0)
    do {
        let result = try await body(address)
        await server.stop()
        return result
    } catch {
        await server.stop()
        throw error
    }
}
