import Gearman
import Testing

/// Client, worker and administrator against the gearmand that is installed.
@Suite(
    .enabled(if: GearmandProcess.shouldRun, "gearmand is not installed (package gearman-job-server)"),
    .timeLimit(.minutes(2)))
struct RealGearmandTests {
    let server: GearmandProcess
    let client: GearmanClient

    init() async throws {
        self.server = try await GearmandProcess()
        self.client = GearmanClient(servers: [self.server.address], configuration: .eager, logger: silentLogger)
    }

    /// Runs a worker while the test goes on, then drains it and closes the client.
    private func with(_ worker: GearmanWorker, _ body: @Sendable @concurrent () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await body()
            await worker.drain()
            try await group.waitForAll()
        }
        await self.client.close()
    }

    private func worker(concurrency: Int = 1) -> GearmanWorker {
        GearmanWorker(
            servers: [self.server.address], configuration: .eager(concurrency: concurrency), logger: silentLogger)
    }

    @Test func `a foreground job at every priority comes back with its result`() async throws {
        let worker = self.worker()
        await worker.register("reverse") { job in Array(job.workload.reversed()) }
        try await self.with(worker) {
            for priority in GearmanPriority.allCases {
                let request = GearmanJobRequest(function: "reverse", workload: "abc", priority: priority)
                let result = try await self.client.perform(request)
                #expect(text(result) == "cba")
            }
        }
    }

    @Test func `background jobs of every priority run, in the order of their priorities`() async throws {
        for priority in [GearmanPriority.low, .normal, .high] {
            let request = GearmanJobRequest(function: "f", workload: "\(priority)", priority: priority)
            let handle = try await self.client.submitBackground(request)
            #expect(try await self.client.status(of: handle) == GearmanJobStatus(isKnown: true, isRunning: false))
        }
        let ran = Signals<String>()
        let worker = self.worker()
        await worker.register("f") { job in
            ran.send(text(job.workload))
            return []
        }
        try await self.with(worker) {
            var order: [String] = []
            while order.count < 3 { order.append(await ran.next() ?? "") }
            #expect(order == ["high", "normal", "low"])
        }
    }

    @Test func `data, warnings, status, failures and exceptions arrive`() async throws {
        struct Broken: Error, CustomStringConvertible { let description = "broken" }
        let worker = self.worker()
        await worker.register("talks") { job in
            await job.sendData(bytes("d"))
            await job.sendWarning(bytes("w"))
            await job.sendStatus(numerator: 1, denominator: 2)
            return bytes("r")
        }
        await worker.register("fails") { _ in throw GearmanJobFailure(warnings: [bytes("why")]) }
        await worker.register("breaks") { _ in throw Broken() }
        try await self.with(worker) {
            let job = try await self.client.submit(GearmanJobRequest(function: "talks"))
            var events: [GearmanJobEvent] = []
            for await event in job.events { events.append(event) }
            #expect(
                events == [
                    .created(job.handle), .data(bytes("d")), .warning(bytes("w")),
                    .status(numerator: 1, denominator: 2), .complete(bytes("r")),
                ])
            let failure = await outcome { try await self.client.perform(GearmanJobRequest(function: "fails")) }
            #expect(failure.gearmanError?.code == .jobFailed)
            #expect(failure.gearmanError?.warnings == [bytes("why")])
            let exception = await outcome { try await self.client.perform(GearmanJobRequest(function: "breaks")) }
            #expect(exception.gearmanError?.code == .jobException)
            #expect(exception.gearmanError?.payload == bytes("broken"))
        }
    }

    @Test func `a running job shows its progress, by handle and by unique, to everyone`() async throws {
        let (reported, finish) = (Signals<Void>(), Signals<Void>())
        let worker = self.worker()
        await worker.register("f") { job in
            await job.sendStatus(numerator: 3, denominator: 7)
            reported.send(())
            await finish.next()
            return []
        }
        try await self.with(worker) {
            let job = try await self.client.submit(GearmanJobRequest(function: "f", unique: "u"))
            await reported.next()
            // The first event after `created` is the status: the server has it.
            var events = job.events.makeAsyncIterator()
            #expect(await events.next() == .created(job.handle))
            #expect(await events.next() == .status(numerator: 3, denominator: 7))
            #expect(
                try await self.client.status(of: job.handle)
                    == GearmanJobStatus(isKnown: true, isRunning: true, numerator: 3, denominator: 7))
            #expect(
                try await self.client.status(ofUnique: bytes("u"))
                    == GearmanJobStatus(
                        isKnown: true, isRunning: true, numerator: 3, denominator: 7, waitingClients: 1))
            #expect(try await self.client.status(ofUnique: bytes("other")).isKnown == false)
            finish.send(())
            #expect(await events.next() == .complete([]))
            #expect(try await self.client.status(of: job.handle).isKnown == false)
        }
    }

    @Test func `equal uniques are one job with two listeners`() async throws {
        let request = GearmanJobRequest(function: "f", unique: "same", workload: "x")
        let first = try await self.client.submit(request)
        let second = try await self.client.submit(request)
        #expect(first.handle == second.handle)
        let runs = Signals<Void>()
        let worker = self.worker()
        await worker.register("f") { job in
            runs.send(())
            return job.workload
        }
        try await self.with(worker) {
            for job in [first, second] {
                var last: GearmanJobEvent?
                for await event in job.events { last = event }
                #expect(last == .complete(bytes("x")))
            }
            await runs.next()
        }
    }

    @Test func `a large payload goes there and back`() async throws {
        let worker = self.worker()
        await worker.register("f") { job in job.workload }
        try await self.with(worker) {
            let payload = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let result = try await self.client.perform(GearmanJobRequest(function: "f", workload: payload))
            #expect(result == payload)
            let echo = try await self.client.echo(payload)
            #expect(echo == payload)
        }
    }

    @Test func `jobs beyond their time go to another worker`() async throws {
        let (started, release) = (Signals<Void>(), Signals<Void>())
        let slow = self.worker()
        await slow.register("f", timeout: .seconds(1)) { _ in
            started.send(())
            await release.next()
            return bytes("too late")
        }
        let quick = self.worker()
        await quick.register("f") { _ in bytes("in time") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await slow.run() }
            async let result = self.client.perform(GearmanJobRequest(function: "f"))
            await started.next()
            group.addTask { try await quick.run() }
            #expect(try await text(result) == "in time")
            release.send(())
            await slow.drain()
            await quick.drain()
            try await group.waitForAll()
        }
        await self.client.close()
    }

    @Test func `after gearmand is killed and started again, client and worker go on`() async throws {
        let worker = self.worker()
        await worker.register("f") { job in job.workload }
        try await self.with(worker) {
            let result1 = try await self.client.perform(GearmanJobRequest(function: "f", workload: "1"))
            #expect(text(result1) == "1")
            let waiting = try await self.client.submit(GearmanJobRequest(function: "nobody offers this"))
            await self.server.killAndWait()
            var last: GearmanJobEvent?
            for await event in waiting.events { last = event }
            guard case .lost(let error) = last else { throw try #require(nil as GearmanError?) }
            #expect(error.code == .connectionLost)

            let again = try await GearmandProcess(port: self.server.address.port)
            await self.client.connected()
            let result2 = try await self.client.perform(GearmanJobRequest(function: "f", workload: "2"))
            #expect(text(result2) == "2")
            _ = again.address
        }
    }

    @Test func `ten thousand pipelined jobs come back, each once`() async throws {
        let count: UInt64 = 10_000
        let assigned = Signals<GearmanAssignedJobs>()
        let worker = GearmanWorker(
            servers: [self.server.address], functions: [bytes("f")], configuration: .eager(concurrency: 256),
            eventLoop: .shared, logger: silentLogger, onJobs: { assigned.send($0) })
        await worker.start()
        let updates = Signals<[GearmanJobUpdate]>()
        await self.client.onEvents { updates.send($0) }
        await self.client.start(
            (1...count).map {
                GearmanPipelinedJob(id: $0, request: GearmanJobRequest(function: "f", workload: "\($0)"))
            })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var handled: UInt64 = 0
                while handled < count, let jobs = await assigned.next() {
                    handled += UInt64(jobs.count)
                    await worker.reply(jobs.map { GearmanJobReply(job: $0.id, result: .complete($0.workload)) })
                }
            }
            var results: [UInt64: [UInt8]] = [:]
            while results.count < count, let batch = await updates.next() {
                for update in batch where update.event.isFinal {
                    guard case .complete(let result) = update.event else { throw try #require(nil as GearmanError?) }
                    #expect(results.updateValue(result, forKey: update.id) == nil)
                }
            }
            #expect(results.allSatisfy { text($0.value) == "\($0.key)" })
            try await group.waitForAll()
        }
        await worker.drain()
        await self.client.close()
    }

    @Test func `a worker finds a frozen gearmand, works for the other, and comes back`() async throws {
        let other = try await GearmandProcess()
        var configuration = GearmanWorkerConfiguration.eager()
        configuration.heartbeatInterval = .milliseconds(500)
        configuration.heartbeatTimeout = .seconds(1)
        let worker = GearmanWorker(
            servers: [self.server.address, other.address], configuration: configuration, logger: silentLogger)
        let ran = Signals<GearmanServerAddress>()
        await worker.register("f") { job in
            ran.send(job.handle.server)
            return []
        }
        let otherClient = GearmanClient(servers: [other.address], configuration: .eager, logger: silentLogger)
        try await self.with(worker) {
            _ = try await self.client.perform(GearmanJobRequest(function: "f"))
            #expect(await ran.next() == self.server.address)
            self.server.freeze()
            while await worker.health[0].condition != .away { await Task.yield() }
            #expect(await worker.health[0].lastError?.code == .timedOut)
            #expect(await worker.health[1].condition == .healthy)
            _ = try await otherClient.perform(GearmanJobRequest(function: "f"))
            #expect(await ran.next() == other.address)
            self.server.thaw()
            _ = try await self.client.perform(GearmanJobRequest(function: "f"))
            #expect(await ran.next() == self.server.address)
        }
        await otherClient.close()
    }

    @Test func `a frozen gearmand is found, and its jobs go to the next`() async throws {
        let other = try await GearmandProcess()
        var configuration = GearmanClientConfiguration.eager
        configuration.heartbeatInterval = .milliseconds(500)
        configuration.heartbeatTimeout = .seconds(1)
        let client = GearmanClient(
            servers: [self.server.address, other.address], configuration: configuration, logger: silentLogger)
        await client.connected(to: self.server.address)
        await client.connected(to: other.address)
        let order = ServerChoice(servers: [self.server.address, other.address]).order(of: bytes("u"))
        let (home, next) = order == [0, 1] ? (self.server, other) : (other, self.server)
        let request = GearmanJobRequest(function: "f", unique: "u")
        let waiting = try await client.submit(request)
        #expect(waiting.handle.server == home.address)
        home.freeze()
        var last: GearmanJobEvent?
        for await event in waiting.events { last = event }
        guard case .lost(let error) = last else { throw try #require(nil as GearmanError?) }
        #expect(error.code == .timedOut)
        #expect(try await client.submitBackground(request).server == next.address)
        home.thaw()
        await client.connected(to: home.address)
        #expect(try await client.submitBackground(request).server == home.address)
        await client.close()
        await self.client.close()
    }

    @Test func `the administrator sees what there is`() async throws {
        let admin = GearmanAdmin(server: self.server.address, logger: silentLogger)
        #expect(try await admin.version().isEmpty == false)
        #expect(try await admin.getpid() > 0)
        #expect(try await admin.verbose() == "INFO")
        try await admin.createFunction("made")
        try await admin.dropFunction("made")
        let handle = try await self.client.submitBackground(
            GearmanJobRequest(function: "f", unique: "u1", priority: .high))
        _ = try await self.client.submitBackground(GearmanJobRequest(function: "f", unique: "u2"))
        #expect(
            try await admin.status() == [GearmanFunctionStatus(function: "f", total: 2, running: 0, workers: 0)])
        #expect(
            try await admin.priorityStatus() == [
                GearmanFunctionPriorityStatus(function: "f", high: 1, normal: 1, low: 0, workers: 0)
            ])
        #expect(try await admin.showUniqueJobs().sorted() == ["u1", "u2"])
        let entries = try await admin.showJobs()
        #expect(entries.count == 2)
        #expect(entries.map(\.handle).contains(handle.description))
        let workers = try await admin.workers()
        #expect(workers.contains { $0.address == "127.0.0.1" && $0.functions.isEmpty })
        try await admin.maxQueue("f", 2)
        let full = await outcome { try await self.client.submitBackground(GearmanJobRequest(function: "f")) }
        #expect(full.gearmanError?.code == .serverError)
        try await admin.maxQueue("f", nil)
        _ = try await self.client.submitBackground(GearmanJobRequest(function: "f"))
        try await admin.maxQueue("f", high: 1, normal: 1, low: nil)
        #expect(try await admin.cancelJob(handle.description))
        #expect(try await admin.cancelJob("H:nobody:1") == false)
        let drop = await outcome { try await admin.dropFunction("unheard-of") }
        #expect(drop.gearmanError?.code == .serverError)
        await admin.close()
        await self.client.close()
    }
}
