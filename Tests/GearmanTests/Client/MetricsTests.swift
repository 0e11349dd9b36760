import Gearman
import MetricsTestKit
import Testing

/// What clients and workers count, with the factory that they are given and no other.
@Suite(.timeLimit(.minutes(1)))
struct MetricsTests {
    private let metrics = TestMetrics()

    private func total(_ label: String, _ server: String, _ dimensions: (String, String)...) throws -> Int64 {
        try self.metrics.expectCounter(label, [("server", server)] + dimensions).totalValue
    }

    @Test func `a client counts its jobs, what became of them, and its connections`() async throws {
        let server = try await InProcessGearmanServer(greetsClients: true)
        var configuration = GearmanClientConfiguration.eager
        configuration.metrics = self.metrics
        let client = GearmanClient(servers: [server.address], configuration: configuration, logger: silentLogger)
        async let first = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        async let second = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        async let impossible = outcome { try await client.perform(GearmanJobRequest(function: "")) }
        let peer = try await server.accept()
        for number in 1...2 {
            try await peer.expect(.submitJob)
            try await peer.send(.jobCreated, bytes("H:\(number)"))
        }
        try await peer.send(.workComplete, bytes("H:1"), data: [])
        try await peer.send(.workFail, bytes("H:2"))
        _ = await (first, second, impossible)
        await server.stopListening()
        await peer.close()
        while await client.health[0].failures < 2 { await Task.yield() }
        let refused = await outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        #expect(refused.gearmanError?.code == .notConnected)
        await client.close()

        let address = server.address.description
        #expect(try self.total("gearman_client_jobs", address) == 3)
        for (outcome, count) in [("created", 2), ("complete", 1), ("fail", 1), ("refused", 1)] {
            #expect(try self.total("gearman_client_outcomes", address, ("outcome", outcome)) == Int64(count))
        }
        #expect(try self.total("gearman_client_outcomes", "none", ("outcome", "refused")) == 1)
        #expect(try self.total("gearman_client_connection_failures", address, ("reason", "connectionLost")) == 1)
        #expect(try self.total("gearman_client_connection_failures", address, ("reason", "notConnected")) > 0)
        let connected = try self.metrics.expectRecorder("gearman_client_connected", [("server", address)])
        #expect(connected.values.first == 1 && connected.lastValue == 0)
        let times = try self.metrics.expectTimer("gearman_client_response_time", [("server", address)])
        #expect(!times.values.isEmpty && times.values.allSatisfy { $0 > 0 })
    }

    @Test func `a result beyond the limit is a failure, and the client hears why`() async throws {
        let server = try await InProcessGearmanServer()
        var configuration = GearmanWorkerConfiguration.eager()
        configuration.metrics = self.metrics
        configuration.limits.payloadSizeBytes = 100
        let worker = GearmanWorker(servers: [server.address], configuration: configuration, logger: silentLogger)
        await worker.register("f") { _ in [UInt8](repeating: 1, count: 101) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            let peer = try await server.accept()
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await peer.send(.jobAssignUnique, bytes("H:1"), bytes("f"), [])
            let warning = try await peer.expect(.workWarning)
            #expect(text(warning.data) == "The result has 101 bytes, more than the worker's limit of 100")
            try await peer.expect(.workFail)
            async let drained: Void = worker.drain()
            try await peer.refuseGrabsUntilClosed()
            await peer.close()
            await drained
            try await group.waitForAll()
        }
        let address = server.address.description
        #expect(try self.total("gearman_worker_outcomes", address, ("outcome", "fail")) == 1)
        #expect(try self.total("gearman_worker_outcomes", address, ("outcome", "complete")) == 0)
    }

    @Test func `a worker counts its jobs, how they ended, and how long they took`() async throws {
        let server = try await InProcessGearmanServer()
        var configuration = GearmanWorkerConfiguration.eager(concurrency: 2)
        configuration.metrics = self.metrics
        let worker = GearmanWorker(servers: [server.address], configuration: configuration, logger: silentLogger)
        let (started, release) = (Signals<Void>(), Signals<Void>())
        await worker.register("f") { _ in [] }
        await worker.register("waits") { _ in
            started.send(())
            await release.next()
            return []
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            let peer = try await server.accept()
            for _ in 0..<2 { try await peer.expect(.canDo) }
            try await peer.expect(.grabJobUnique)
            try await peer.send(.jobAssignUnique, bytes("H:1"), bytes("f"), [])
            while let packet = try await peer.next(), packet.type != .workComplete {}
            try await peer.send(.jobAssignUnique, bytes("H:2"), bytes("waits"), [])
            await started.next()
            await server.stopListening()
            await peer.close()
            while await worker.health[0].failures == 0 { await Task.yield() }
            release.send(())
            await worker.drain()
            try await group.waitForAll()
        }
        let address = server.address.description
        #expect(try self.total("gearman_worker_jobs", address) == 2)
        #expect(try self.total("gearman_worker_outcomes", address, ("outcome", "complete")) == 1)
        #expect(try self.total("gearman_worker_outcomes", address, ("outcome", "lost")) == 1)
        #expect(try self.metrics.expectTimer("gearman_worker_job_time", [("function", "f")]).values.count == 1)
        #expect(try self.metrics.expectCounter("gearman_worker_dropped_replies").totalValue == 1)
    }
}
