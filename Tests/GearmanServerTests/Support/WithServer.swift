import Foundation
import Gearman
import GearmanServer
import Logging

/// What the process has in memory at this moment.
func residentBytes() -> Int {
    let sizes = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return (sizes.count > 1 ? Int(sizes[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// Tests look at results, not at logs.
let silentLogger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// Runs a body with a job server of its own, on a free port of loopback, which has its own event loop.
func withServer<Value: Sendable>(
    _ configuration: GearmanJobServerConfiguration = GearmanJobServerConfiguration(),
    _ body: (GearmanServerAddress) async throws -> Value
) async throws -> Value {
    let server = GearmanJobServer(
        configuration: configuration, eventLoop: GearmanEventLoop(label: "test.server"), logger: silentLogger)
    let address = try await server.start(port: 0)
    do {
        let value = try await body(address)
        await server.stop()
        return value
    } catch {
        await server.stop()
        throw error
    }
}

/// Runs a body beside a worker, which is drained behind it.
func with(_ worker: GearmanWorker, _ body: @Sendable @concurrent () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        try await body()
        await worker.drain()
        try await group.waitForAll()
    }
}
