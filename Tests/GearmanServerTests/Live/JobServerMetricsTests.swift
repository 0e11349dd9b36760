import Gearman
import GearmanServer
import MetricsTestKit
import Testing

@Suite(.timeLimit(.minutes(1)))
struct JobServerMetricsTests {
    @Test func `a server counts jobs, what became of them, and what it holds`() async throws {
        let metrics = TestMetrics()
        let count = { (event: String) in
            try metrics.expectCounter("gearman_server_jobs", [("event", event)]).totalValue
        }
        let server = GearmanJobServer(metrics: metrics, logger: silentLogger)
        let address = try await server.start(port: 0)
        let client = GearmanClient(servers: [address], logger: silentLogger)
        for _ in 1...3 {
            _ = try await client.submitBackground(GearmanJobRequest(function: "f", unique: "u", workload: "12345"))
        }
        let waiting = try await client.submitBackground(GearmanJobRequest(function: "f"))
        #expect(try count("submitted") == 4)
        #expect(try metrics.expectGauge("gearman_server_jobs_held").lastValue == 2)
        #expect(try metrics.expectGauge("gearman_server_jobs_held_bytes").lastValue ?? 0 >= 5)
        #expect(try metrics.expectGauge("gearman_server_connections").lastValue == 1)

        let worker = try BlockingConnection(port: address.port)
        await worker.send(try request(.canDo, ["f"]) + request(.grabJob) + request(.grabJob))
        _ = try await worker.receive(until: waiting.bytes + Array("\0f\0".utf8))
        await worker.send(try request(.workComplete, [waiting.description]))
        await worker.send(try request(.workComplete, ["H:none"]))
        _ = try await worker.receive(until: Array("not found".utf8))
        #expect(try count("assigned") == 2)
        #expect(try count("complete") == 1)
        #expect(try count("refused") == 1)
        // Its connection ends with the other job in hand.
        await worker.send(try request(.resetAbilities) + request(.echoRequest, data: "done"))
        _ = try await worker.receive(until: Array("done".utf8))
        #expect(try count("lost") == 1)
        await client.close()
        await server.stop()
    }
}
