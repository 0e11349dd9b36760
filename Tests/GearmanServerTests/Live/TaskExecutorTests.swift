import Dispatch
import Gearman
import GearmanServer
import Testing

/// A program whose tasks prefer an executor of its own. There every `await` lets others into an actor, even one for a
/// function of that actor: what was found before it need not be so behind it.
@Suite(.timeLimit(.minutes(1)))
struct TaskExecutorTests {
    private final class QueueTaskExecutor: TaskExecutor {
        private let queue = DispatchQueue(label: "test.tasks")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            self.queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    @Test func `clients, workers, administrators and servers begin and end`() async throws {
        try await withTaskExecutorPreference(QueueTaskExecutor()) {
            for _ in 0..<40 { try await self.useEverything() }
        }
    }

    private func useEverything() async throws {
        let server = GearmanJobServer(eventLoop: GearmanEventLoop(label: "test.server"), logger: silentLogger)
        let address = try await server.start(port: 0)
        async let stopped: Void = server.waitUntilStopped()
        let worker = GearmanWorker(servers: [address], logger: silentLogger)
        await worker.register("echo") { job in
            await job.sendData(job.workload)
            return []
        }
        let client = GearmanClient(servers: [address], logger: silentLogger)
        try await with(worker) {
            await client.connected()
            let request = GearmanJobRequest(function: "echo", workload: "abc")
            #expect(try await client.perform(request) == Array("abc".utf8))
            let job = try await client.submit(request)
            #expect(await job.events.reduce(into: 0) { count, _ in count += 1 } == 3)
            #expect(try await client.echo([1]) == [1])
            #expect(try await GearmanAdmin(server: address, logger: silentLogger).status().map(\.function) == ["echo"])
        }
        await client.close()
        await server.stop()
        await stopped
    }

    @Test func `whoever is cancelled waits for nothing`() async throws {
        try await withTaskExecutorPreference(QueueTaskExecutor()) {
            try await withServer { address in
                let client = GearmanClient(servers: [address], logger: silentLogger)
                let admin = GearmanAdmin(server: address, logger: silentLogger)
                let nobody = try await client.submit(GearmanJobRequest(function: "nobody"))
                for _ in 0..<100 {
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask { _ = try? await client.perform(GearmanJobRequest(function: "nobody")) }
                        group.addTask { for await _ in nobody.events {} }
                        group.addTask { _ = try? await client.echo([1]) }
                        group.addTask { _ = try? await admin.status() }
                        group.cancelAll()
                    }
                }
                await client.close()
            }
        }
    }
}
