import Gearman
import GearmanServer
import Testing

/// Jobs with a start time or a reducer, with the job server of the package and with the gearmand that is installed.
@Suite(.timeLimit(.minutes(2)))
struct SpecialJobTests {
    private func check(_ server: GearmanServerAddress) async throws {
        let client = GearmanClient(servers: [server], configuration: .eager, logger: silentLogger)
        var late = GearmanJobRequest(function: "late", workload: "late")
        late.startTimeSeconds = 4_000_000_000
        let handle = try await client.submitBackground(late)
        var past = GearmanJobRequest(function: "past", workload: "past")
        past.startTimeSeconds = 1
        _ = try await client.submitBackground(past)

        for wantsReducers in [true, false] {
            var configuration = GearmanWorkerConfiguration.eager()
            configuration.wantsReducers = wantsReducers
            let worker = GearmanWorker(servers: [server], configuration: configuration, logger: silentLogger)
            let runs = Signals<String>()
            for function in ["late", "past", "map"] {
                await worker.register(function) { job in
                    let run = "\(text(job.function)) \(text(job.unique)) \(text(job.reducer)) \(text(job.workload))"
                    runs.send(run)
                    return bytes(run)
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run() }
                if wantsReducers { #expect(await runs.next() == "past   past") }
                var request = GearmanJobRequest(function: "map", unique: "u", workload: "w")
                request.reducer = bytes("reduce")
                let expected = wantsReducers ? "map u reduce w" : "map u  w"
                #expect(text(try await client.perform(request)) == expected)
                #expect(await runs.next() == expected)
                _ = try await client.submitBackground(request)
                #expect(await runs.next() == expected)
                await worker.drain()
                try await group.waitForAll()
            }
        }
        #expect(try await client.status(of: handle) == GearmanJobStatus(isKnown: true, isRunning: false))
        await client.close()
    }

    @Test func `the job server of the package keeps start times and hands reducers over`() async throws {
        let server = GearmanJobServer(eventLoop: GearmanEventLoop(label: "test.server"), logger: silentLogger)
        try await self.check(server.start(port: 0))
        await server.stop()
    }

    @Test(.enabled(if: GearmandProcess.shouldRun, "gearmand is not installed (package gearman-job-server)"))
    func `gearmand does so too`() async throws {
        let server = try await GearmandProcess()
        try await self.check(server.address)
    }
}
