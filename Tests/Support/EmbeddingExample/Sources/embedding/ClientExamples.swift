import CoreMetrics
import Gearman
import Logging

func makeClient(servers: [GearmanServerAddress], factory: any MetricsFactory, logger: Logger) -> GearmanClient {
    var configuration = GearmanClientConfiguration()
    configuration.metrics = factory
    let client = GearmanClient(servers: servers, configuration: configuration, logger: logger)
    return client
}

func useClient(servers: [GearmanServerAddress], logger: Logger) async throws {
    let client = GearmanClient(servers: servers, logger: logger)
    let result = try await client.perform(GearmanJobRequest(function: "reverse", workload: "hello"))
    print(String(decoding: result, as: UTF8.self))  // olleh
    await client.close()
}

func follow(_ client: GearmanClient) async throws {
    let job = try await client.submit(GearmanJobRequest(function: "count", workload: "one\ntwo\n"))
    for await event in job.events {
        switch event {
        case .data(let part): print(String(decoding: part, as: UTF8.self), terminator: "")
        case .status(let numerator, let denominator): print("\(numerator ?? 0) of \(denominator ?? 0)")
        case .complete: print("done")
        case .fail, .exception, .lost, .refused: print("failed: \(event)")
        case .created, .warning: break
        }
    }
}

func submitInBackground(_ client: GearmanClient) async throws {
    let request = GearmanJobRequest(function: "reverse", unique: "order-17", workload: "x")
    let handle = try await client.submitBackground(request)
    print(try await client.status(of: handle).isKnown)
}

func submitForLater(_ client: GearmanClient) async throws {
    var reminder = GearmanJobRequest(function: "reverse", unique: "order-18", workload: "x")
    reminder.startTimeSeconds = 1_893_456_000  // 2030-01-01
    _ = try await client.submitBackground(reminder)
}

func submit(_ request: GearmanJobRequest, to client: GearmanClient) async throws -> GearmanJobHandle {
    while true {
        do {
            return try await client.submitBackground(request)
        } catch let error as GearmanError where error.code == .notConnected {
            // Nothing was submitted. Wait for a server; a cancellation ends the wait, and the next attempt throws it.
            await client.connected()
        }
    }
}

func showHealth(of client: GearmanClient) async {
    for server in await client.health where server.condition != .healthy {
        print("\(server.server) is \(server.condition): \(server.lastError?.message ?? "not tried yet")")
    }
}
