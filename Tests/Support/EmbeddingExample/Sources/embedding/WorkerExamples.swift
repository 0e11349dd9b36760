import Gearman
import Logging

func reverse(_ job: GearmanAssignedJob) async throws -> [UInt8] {
    guard !job.workload.isEmpty else { throw GearmanJobFailure(warnings: [Array("nothing to reverse".utf8)]) }
    return Array(job.workload.reversed())
}

func makeWorker(servers: [GearmanServerAddress], logger: Logger) async -> GearmanWorker {
    var configuration = GearmanWorkerConfiguration()
    configuration.concurrency = 16
    configuration.clientID = "example"

    let worker = GearmanWorker(servers: servers, configuration: configuration, logger: logger)
    await worker.register("reverse", handler: reverse)
    await worker.register("count") { job in
        let lines = job.workload.split(separator: UInt8(ascii: "\n"))
        for (index, line) in lines.enumerated() {
            await job.sendData(Array("\(line.count)\n".utf8))
            await job.sendStatus(numerator: UInt64(index + 1), denominator: UInt64(lines.count))
        }
        return []
    }
    return worker
}

func runUntilCancelled() async throws {
    let servers = [GearmanServerAddress(host: "127.0.0.1")]
    let worker = GearmanWorker(servers: servers, logger: Logger(label: "worker"))
    await worker.register("reverse") { job in
        Array(job.workload.reversed())
    }
    try await worker.run()  // until the task is cancelled
}
