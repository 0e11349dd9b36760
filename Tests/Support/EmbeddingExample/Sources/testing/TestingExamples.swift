import Gearman

func reversed(_ workload: [UInt8]) throws -> [UInt8] {
    guard !workload.isEmpty else { throw GearmanJobFailure(warnings: [Array("nothing to reverse".utf8)]) }
    return Array(workload.reversed())
}

func withWorker<Result: Sendable>(
    _ worker: GearmanWorker, _ body: @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        let result = try await body()
        await worker.drain()
        try await group.waitForAll()
        return result
    }
}

func eagerConfiguration() -> GearmanClientConfiguration {
    var configuration = GearmanClientConfiguration()
    configuration.initialBackoff = .milliseconds(1)
    configuration.maximumBackoff = .milliseconds(20)
    return configuration
}
