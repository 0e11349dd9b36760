import Gearman
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GearmanWorkerTests {
    let server: InProcessGearmanServer

    init() async throws {
        self.server = try await InProcessGearmanServer()
    }

    private func worker(_ configuration: GearmanWorkerConfiguration = .eager()) -> GearmanWorker {
        GearmanWorker(servers: [self.server.address], configuration: configuration, logger: silentLogger)
    }

    /// Runs the worker while the test plays the server, then drains it.
    private func run(
        _ worker: GearmanWorker, _ body: @Sendable @concurrent (ServerSideConnection) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            let peer = try await self.server.accept()
            try await body(peer)
            group.addTask { await worker.drain() }
            try await peer.refuseGrabsUntilClosed()
            try await group.waitForAll()
        }
    }

    private func assign(
        _ peer: ServerSideConnection, handle: String, function: String = "f", workload: String = ""
    ) async throws {
        try await peer.send(
            .jobAssignUnique, bytes(handle), bytes(function), bytes("u"), data: bytes(workload))
    }

    @Test func `a worker says who it is and what it can do, and grabs`() async throws {
        var configuration = GearmanWorkerConfiguration.eager()
        configuration.clientID = "me"
        let worker = self.worker(configuration)
        await worker.register("a") { _ in [] }
        await worker.register("b", timeout: .milliseconds(2_500)) { _ in [] }
        try await self.run(worker) { peer in
            #expect(text(try await peer.expect(.setClientID).argument(0)) == "me")
            #expect(text(try await peer.expect(.canDo).argument(0)) == "a")
            let packet = try await peer.expect(.canDoTimeout)
            #expect(text(packet.argument(0)) == "b")
            #expect(text(packet.argument(1)) == "2500")
            try await peer.expect(.grabJobUnique)
            try await peer.send(.noJob)
            try await peer.expect(.preSleep)
        }
    }

    @Test func `each function has its handler, and results go back`() async throws {
        let worker = self.worker(.eager(concurrency: 2))
        await worker.register("upper") { job in bytes(text(job.workload).uppercased()) }
        await worker.register("unique") { job in job.unique }
        try await self.run(worker) { peer in
            try await peer.expect(.canDo)
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1", function: "upper", workload: "abc")
            let results = try await self.results(peer, count: 1)
            #expect(results == ["H:1": "ABC"])
            try await self.assign(peer, handle: "H:2", function: "unique")
            #expect(try await self.results(peer, count: 1) == ["H:2": "u"])
        }
    }

    /// The results of jobs, while grabs come in between.
    private func results(_ peer: ServerSideConnection, count: Int) async throws -> [String: String] {
        var results: [String: String] = [:]
        while results.count < count, let packet = try await peer.next() {
            guard packet.type == .workComplete else { continue }
            results[text(packet.argument(0))] = text(packet.data)
        }
        return results
    }

    @Test func `a failure, its warnings, and an exception have their packets`() async throws {
        struct Broken: Error, CustomStringConvertible { let description = "it broke" }
        let worker = self.worker()
        await worker.register("fails") { _ in throw GearmanJobFailure(warnings: [bytes("w1"), bytes("w2")]) }
        await worker.register("breaks") { _ in throw Broken() }
        try await self.run(worker) { peer in
            try await peer.expect(.canDo)
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1", function: "fails")
            #expect(text(try await peer.expect(.workWarning).data) == "w1")
            #expect(text(try await peer.expect(.workWarning).data) == "w2")
            #expect(text(try await peer.expect(.workFail).argument(0)) == "H:1")
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:2", function: "breaks")
            #expect(text(try await peer.expect(.workException).data) == "it broke")
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:3", function: "unheard of")
            #expect(text(try await peer.expect(.workException).argument(0)) == "H:3")
            try await peer.expect(.grabJobUnique)
            try await peer.send(.noJob)
        }
    }

    @Test func `progress goes out before the result`() async throws {
        let worker = self.worker()
        await worker.register("f") { job in
            await job.sendData(bytes("d"))
            await job.sendWarning(bytes("w"))
            await job.sendStatus(numerator: 1, denominator: 3)
            return bytes("r")
        }
        try await self.run(worker) { peer in
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1")
            #expect(text(try await peer.expect(.workData).data) == "d")
            #expect(text(try await peer.expect(.workWarning).data) == "w")
            let status = try await peer.expect(.workStatus)
            #expect(text(status.argument(1)) == "1")
            #expect(text(status.argument(2)) == "3")
            #expect(text(try await peer.expect(.workComplete).data) == "r")
            try await peer.expect(.grabJobUnique)
            try await peer.send(.noJob)
        }
    }

    @Test func `data that is too large for one packet goes out in several`() async throws {
        var configuration = GearmanWorkerConfiguration.eager()
        configuration.limits = GearmanLimits(payloadSizeBytes: 4)
        let worker = self.worker(configuration)
        await worker.register("f") { job in
            await job.sendData(bytes("abcdefghi"))
            return bytes("end")
        }
        try await self.run(worker) { peer in
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1")
            for part in ["abcd", "efgh", "i"] { #expect(text(try await peer.expect(.workData).dataBytes) == part) }
            #expect(text(try await peer.expect(.workComplete).dataBytes) == "end")
        }
    }

    @Test func `a worker that has run is let go, with what its handlers hold`() async throws {
        final class Holding: Sendable {}
        func usedWorker() async throws -> (GearmanWorker, Holding) {
            let (worker, held) = (self.worker(), Holding())
            await worker.register("f") { _ in [UInt8(clamping: ObjectIdentifier(held).hashValue)] }
            try await self.run(worker) { peer in try await peer.expect(.canDo) }
            return (worker, held)
        }
        weak let worker: GearmanWorker?
        weak let held: Holding?
        (worker, held) = try await usedWorker()
        for _ in 0..<10_000 where worker != nil || held != nil { await GearmanEventLoop.shared.turn() }
        #expect(worker == nil)
        #expect(held == nil)
    }

    @Test func `several jobs run at once on one connection and end in any order`() async throws {
        let gates = ["H:1": Signals<Void>(), "H:2": Signals<Void>()]
        let worker = self.worker(.eager(concurrency: 2))
        let started = Signals<String>()
        await worker.register("f") { job in
            started.send(job.handle.description)
            await gates[job.handle.description]?.next()
            return job.handle.bytes
        }
        try await self.run(worker) { peer in
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1")
            #expect(await started.next() == "H:1")
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:2")
            #expect(await started.next() == "H:2")
            gates["H:2"]?.send(())
            #expect(try await self.results(peer, count: 1) == ["H:2": "H:2"])
            gates["H:1"]?.send(())
            #expect(try await self.results(peer, count: 1) == ["H:1": "H:1"])
        }
    }

    @Test func `a draining worker finishes what it has and grabs no more`() async throws {
        let gate = Signals<Void>()
        let worker = self.worker()
        await worker.register("f") { _ in
            await gate.next()
            #expect(!Task.isCancelled)
            return bytes("finished")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            let peer = try await self.server.accept()
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1")
            group.addTask { await worker.drain() }
            while await worker.isRunning {}
            gate.send(())
            #expect(text(try await peer.expect(.workComplete).data) == "finished")
            #expect(try await peer.next() == nil)
            try await group.waitForAll()
        }
    }

    @Test func `a cancelled worker drains too`() async throws {
        let worker = self.worker()
        let gate = Signals<Void>()
        await worker.register("f") { _ in
            gate.send(())
            while !Task.isCancelled { await Task.yield() }
            return bytes("finished")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            let peer = try await self.server.accept()
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1")
            await gate.next()
            group.cancelAll()
            #expect(text(try await peer.expect(.workComplete).data) == "finished")
            #expect(try await peer.next() == nil)
            try await group.waitForAll()
        }
    }

    @Test func `a handler that gives up when it is cancelled gives its job back`() async throws {
        let worker = self.worker()
        let gate = Signals<Void>()
        await worker.register("f") { _ in
            gate.send(())
            while true {
                try Task.checkCancellation()
                await Task.yield()
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            let peer = try await self.server.accept()
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1")
            await gate.next()
            group.cancelAll()
            #expect(try await peer.next() == nil)
            try await group.waitForAll()
        }
    }

    @Test func `a worker that was drained before it ran does not run`() async throws {
        let worker = self.worker()
        await worker.register("f") { _ in [] }
        await worker.drain()
        try await worker.run()
    }

    @Test func `a worker runs once`() async throws {
        let worker = self.worker()
        await worker.register("f") { _ in [] }
        try await self.run(worker) { _ in
            let error = await #expect(throws: GearmanError.self) { try await worker.run() }
            #expect(error?.code == .closed)
        }
        await #expect(throws: GearmanError.self) { try await worker.run() }
    }

    @Test func `a drain ends after its time, whatever runs`() async throws {
        var configuration = GearmanWorkerConfiguration.eager()
        configuration.drainTimeout = .milliseconds(20)
        let worker = self.worker(configuration)
        let started = Signals<Void>()
        await worker.register("f") { _ in
            started.send(())
            // Ends when the worker gives it up.
            while !Task.isCancelled { await Task.yield() }
            return []
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            let peer = try await self.server.accept()
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, handle: "H:1")
            await started.next()
            await worker.drain()
            #expect(try await peer.next() == nil)
            try await group.waitForAll()
        }
    }

    @Test func `impossible names are refused before anything is opened`() async throws {
        for name in ["", "a\0b", String(repeating: "x", count: 9_000)] {
            let worker = self.worker()
            await worker.register(name) { _ in [] }
            let result = await outcome { try await worker.run() }
            #expect(result.gearmanError?.code == .invalidRequest)
        }
        var configuration = GearmanWorkerConfiguration.eager()
        configuration.clientID = "two words"
        let worker = self.worker(configuration)
        #expect(await outcome { try await worker.run() }.gearmanError?.code == .invalidRequest)
    }
}
