import Gearman
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GearmanPipelinedWorkerTests {
    let jobs = Signals<GearmanAssignedJobs>()

    private func worker(
        _ servers: [InProcessGearmanServer], configuration: GearmanWorkerConfiguration = .eager(concurrency: 4)
    ) -> GearmanWorker {
        GearmanWorker(
            servers: servers.map(\.address), functions: [bytes("f")], configuration: configuration,
            eventLoop: .shared, logger: silentLogger, onJobs: { [jobs] in jobs.send($0) })
    }

    private func assign(_ peer: ServerSideConnection, _ handles: String...) async throws {
        await peer.send(
            try handles.map {
                try GearmanPacket(.response, .jobAssignUnique, arguments: [bytes($0), bytes("f"), []], data: [])
            })
    }

    @Test func `replies of one call leave in order, a warning before its end`() async throws {
        let server = try await InProcessGearmanServer()
        let worker = self.worker([server])
        await worker.start()
        let peer = try await server.accept()
        try await peer.expect(.canDo)
        try await peer.expect(.grabJobUnique)
        try await self.assign(peer, "H:1")
        let job = try #require(await self.jobs.next()?.first)
        #expect(job.handle.description == "H:1")
        await worker.reply([
            GearmanJobReply(job: job.id, result: .warning(bytes("w"))),
            GearmanJobReply(job: job.id, result: .fail),
            GearmanJobReply(job: job.id, result: .complete([])),  // after its end: dropped
        ])
        while let packet = try await peer.next(), packet.type == .grabJobUnique {}
        #expect(text(try await peer.expect(.workFail).argument(0)) == "H:1")
        await worker.close()
        try await peer.closed()
    }

    @Test func `a worker works for several servers at once`() async throws {
        let servers = [try await InProcessGearmanServer(), try await InProcessGearmanServer()]
        let worker = self.worker(servers)
        await worker.start()
        for (number, server) in servers.enumerated() {
            let peer = try await server.accept()
            try await peer.expect(.canDo)
            try await peer.expect(.grabJobUnique)
            try await self.assign(peer, "H:\(number)")
            let job = try #require(await self.jobs.next()?.first)
            #expect(job.handle.server == server.address)
            await worker.reply([GearmanJobReply(job: job.id, result: .complete(bytes("r")))])
            while let packet = try await peer.next(), packet.type != .workComplete {}
        }
        await worker.close()
    }

    @Test func `the jobs of a lost connection are forgotten, and late replies to them dropped`() async throws {
        let server = try await InProcessGearmanServer()
        let worker = self.worker([server])
        await worker.start()
        let peer = try await server.accept()
        try await peer.expect(.canDo)
        try await peer.expect(.grabJobUnique)
        try await self.assign(peer, "H:1")
        let job = try #require(await self.jobs.next()?.first)
        await peer.close()
        let again = try await server.accept()
        try await again.expect(.canDo)
        try await again.expect(.grabJobUnique)
        await worker.reply([GearmanJobReply(job: job.id, result: .complete([]))])
        try await again.refuseGrabs()
        try await again.expect(.preSleep)
        #expect(await worker.isConnected)
        await worker.close()
    }

    @Test(arguments: [
        bytes("ERR unknown\r\n"),
        [0, 0x52, 0x45, 0x53, 0, 0, 0, 31, 0, 0, 0, 2, 0x48, 0x3a],  // JOB_ASSIGN_UNIQ without its arguments
        [0, 0x52, 0x45, 0x53, 0, 0, 0, 31, 0xff, 0xff, 0xff, 0xff],  // 4 GiB
        [0, 0x52, 0x45, 0x53, 0, 0, 0, 8, 0, 0, 0, 1, 0x48],  // JOB_CREATED means nothing to a worker
    ])
    func `nonsense from a server closes that connection and nothing else`(nonsense: [UInt8]) async throws {
        let server = try await InProcessGearmanServer()
        let worker = self.worker([server])
        await worker.start()
        let peer = try await server.accept()
        try await peer.expect(.canDo)
        try await peer.expect(.grabJobUnique)
        await peer.sendRaw(nonsense)
        try await peer.closed()
        let again = try await server.accept()
        try await again.expect(.canDo)
        try await again.expect(.grabJobUnique)
        try await self.assign(again, "H:2")
        #expect(await self.jobs.next()?.map(\.handle.description) == ["H:2"])
        await worker.close()
    }

    @Test func `a frozen server is given up and tried again`() async throws {
        let server = try await InProcessGearmanServer()
        var configuration = GearmanWorkerConfiguration.eager()
        configuration.heartbeatInterval = .milliseconds(10)
        configuration.heartbeatTimeout = .milliseconds(10)
        let worker = self.worker([server], configuration: configuration)
        await worker.start()
        let peer = try await server.accept()
        try await peer.expect(.canDo)
        try await peer.closed()
        let again = try await server.accept()
        try await again.expect(.canDo)
        await worker.close()
    }

    @Test func `a drain waits for the replies and delivers them`() async throws {
        let server = try await InProcessGearmanServer()
        let worker = self.worker([server])
        await worker.start()
        let peer = try await server.accept()
        try await peer.expect(.canDo)
        try await peer.expect(.grabJobUnique)
        try await self.assign(peer, "H:1")
        let job = try #require(await self.jobs.next()?.first)
        async let drained: Void = worker.drain()
        while await worker.isRunning {}
        let result = [UInt8](repeating: 7, count: 3_000_000)
        await worker.reply([GearmanJobReply(job: job.id, result: .complete(result))])
        let packets = try await peer.refuseGrabsUntilClosed()
        await drained
        #expect(packets.map(\.type) == [.workComplete])
        #expect(packets.first?.data.count == result.count)
    }

    @Test func `a drain does not wait for servers that are away`() async throws {
        let server = try await InProcessGearmanServer()
        await server.stopListening()
        let worker = self.worker([server])
        await worker.start()
        await worker.drain()
        await worker.close()
    }
}
