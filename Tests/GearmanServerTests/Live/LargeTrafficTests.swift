import Gearman
import GearmanServer
import Synchronization
import Testing

/// So much at once that sockets are full, in one direction or in both.
@Suite(.timeLimit(.minutes(1)))
struct LargeTrafficTests {
    /// Each side has more to send than the other takes without being read itself.
    @Test func `large workloads and large results pass each other on one connection`() async throws {
        try await withServer { address in
            var configuration = GearmanWorkerConfiguration()
            configuration.concurrency = 4
            let worker = GearmanWorker(
                servers: [address], configuration: configuration, eventLoop: GearmanEventLoop(label: "test.worker"),
                logger: silentLogger)
            let runs = Mutex(0)
            await worker.register("mirror") { job in
                runs.withLock { $0 += 1 }
                return job.workload
            }
            let client = GearmanClient(
                servers: [address], eventLoop: GearmanEventLoop(label: "test.client"), logger: silentLogger)
            let workload = [UInt8](repeating: 7, count: 20 << 20)
            try await with(worker) {
                try await withThrowingTaskGroup(of: [UInt8].self) { group in
                    for _ in 0..<12 {
                        group.addTask {
                            try await client.perform(GearmanJobRequest(function: "mirror", workload: workload))
                        }
                    }
                    for try await result in group { #expect(result == workload) }
                }
            }
            #expect(runs.withLock { $0 } == 12, "no connection was given up")
            await client.close()
        }
    }

    /// In a process of its own: what other tests hold does not count.
    @Test func `a client that always has something to read costs what waits, not what it has read`() async {
        await #expect(processExitsWith: .success) { try await LargeTrafficTests().readAllTheTime() }
    }

    private func readAllTheTime() async throws {
        try await withServer { address in
            let client = try BlockingConnection(port: address.port)
            await client.send(try request(.submitJob, ["f", ""], data: ""))
            let created = try await client.receive(upTo: 100)
            let handle = String(decoding: created.dropFirst(12), as: UTF8.self)
            let worker = try BlockingConnection(port: address.port)
            await worker.send(try request(.canDo, ["f"]) + request(.grabJob))
            _ = try await worker.receive(until: Array("\(handle)\0f\0".utf8))
            let part = try request(.workData, [handle], data: String(repeating: "x", count: 1 << 20))
            let before = residentBytes()
            for _ in 0..<32 { await worker.send(part) }
            for _ in 0..<400 {
                await worker.send(part)
                var missing = part.count
                while missing > 0 {
                    let count = try await client.receive(upTo: missing).count
                    try #require(count > 0, "the server closed the connection")
                    missing -= count
                }
            }
            try #require(residentBytes() - before < 250 << 20, "of 400 MiB that were read")
        }
    }
}
