import Gearman
import Testing

/// Servers that go, come back, freeze or talk nonsense.
@Suite(.timeLimit(.minutes(1)))
struct GearmanClientServerTests {
    private func client(
        _ servers: InProcessGearmanServer..., configuration: GearmanClientConfiguration = .eager
    ) -> GearmanClient {
        GearmanClient(servers: servers.map(\.address), configuration: configuration, logger: silentLogger)
    }

    /// Takes a background job as the server, and names it.
    private func take(_ peer: ServerSideConnection, handle: String) async throws {
        try await peer.expect(.submitJobBackground)
        try await peer.send(.jobCreated, bytes(handle))
    }

    @Test func `nobody waits for a server that the client does not have`() async throws {
        let server = try await InProcessGearmanServer()
        let client = GearmanClient(servers: [server.address], logger: silentLogger)
        await client.connected(to: GearmanServerAddress(host: "127.0.0.1", port: 1))
        await GearmanClient(servers: [], logger: silentLogger).connected()
        await client.close()
    }

    @Test func `without any server a job is refused`() async throws {
        let away = try RefusingPort()
        let client = GearmanClient(servers: [away.address], configuration: .eager, logger: silentLogger)
        let result = await outcome { try await client.submitBackground(GearmanJobRequest(function: "f")) }
        let error = try #require(result.gearmanError)
        #expect(error.code == .notConnected)
        // Why is what its reader wants to know.
        #expect(error.message.contains("\(away.address) is unreachable: connect: Connection refused"))
        #expect(await client.isConnected == false)
        await client.close()
    }

    @Test func `a port beyond the last is no other one`() async throws {
        let server = try await InProcessGearmanServer()
        let address = GearmanServerAddress(host: "127.0.0.1", port: server.address.port + 65_536)
        let client = GearmanClient(servers: [address], configuration: .eager, logger: silentLogger)
        let result = await outcome { try await client.submitBackground(GearmanJobRequest(function: "f")) }
        #expect(result.gearmanError?.code == .notConnected)
        await client.close()
    }

    @Test func `a closed client is let go`() async throws {
        let server = try await InProcessGearmanServer()
        weak let client = try await self.usedClient(of: server)
        for _ in 0..<10_000 where client != nil { await GearmanEventLoop.shared.turn() }
        #expect(client == nil)
    }

    /// One that has had a connection and is closed.
    private func usedClient(of server: InProcessGearmanServer) async throws -> GearmanClient? {
        let client = self.client(server)
        async let connected: Void = client.connected()
        try await server.accept().greetClient()
        await connected
        await client.close()
        return client
    }

    @Test func `when the server of a unique is away, its jobs go to the next, and come back with it`() async throws {
        let servers = [try await InProcessGearmanServer(), try await InProcessGearmanServer()]
        let client = self.client(servers[0], servers[1])
        let order = ServerChoice(servers: servers.map(\.address)).order(of: bytes("u"))
        let (home, next) = (servers[order[0]], servers[order[1]])
        await home.stopListening()
        let request = GearmanJobRequest(function: "f", unique: "u")

        async let first = client.submitBackground(request)
        let peer = try await next.accept()
        try await peer.greetClient()
        try await self.take(peer, handle: "H:next:1")
        #expect(try await first.server == next.address)

        try await home.listenAgain()
        let homePeer = try await home.accept()
        try await homePeer.greetClient()
        await client.connected(to: home.address)
        async let second = client.submitBackground(request)
        try await self.take(homePeer, handle: "H:home:1")
        #expect(try await second.server == home.address)
        await client.close()
    }

    @Test func `the health of each server says what is known about it`() async throws {
        let well = try await InProcessGearmanServer(greetsClients: true)
        let away = try RefusingPort()
        var configuration = GearmanClientConfiguration.eager
        configuration.slowAfter = .milliseconds(1)
        let client = GearmanClient(
            servers: [well.address, away.address], configuration: configuration, logger: silentLogger)
        #expect(await client.health.map(\.condition) == [.unknown, .unknown])
        await client.decided()
        let peer = try await well.accept()
        let before = await client.health
        #expect(before.map(\.server) == [well.address, away.address])
        #expect(before.map(\.condition) == [.healthy, .away])
        #expect(before[0].failures == 0 && before[0].lastError == nil && before[0].responseTime != nil)
        #expect(before[1].failures > 0 && before[1].lastError?.code == .notConnected)

        async let lost = outcome { try await client.submitBackground(GearmanJobRequest(function: "f")) }
        try await peer.expect(.submitJobBackground)
        while await client.health[0].condition != .slow { await Task.yield() }
        await peer.close()
        #expect(await lost.gearmanError?.code == .connectionLost)
        #expect(await client.health[0].lastError?.code == .connectionLost)
        await client.close()
    }

    @Test func `a job that never left goes to the next server`() async throws {
        let servers = [try await InProcessGearmanServer(), try await InProcessGearmanServer()]
        let client = self.client(servers[0], servers[1])
        let order = ServerChoice(servers: servers.map(\.address)).order(of: bytes("u"))
        async let decided: Void = client.decided()
        let peers = [try await servers[0].accept(), try await servers[1].accept()]
        for peer in peers { try await peer.greetClient() }
        await decided
        let (home, next) = (peers[order[0]], peers[order[1]])
        await home.stopReading()
        // More than sockets hold.
        let large = GearmanJobRequest(
            function: "f", unique: "u", workload: [UInt8](repeating: 1, count: 32 << 20))
        async let handle = client.submitBackground(large)
        while await client.health[order[0]].unsentSizeBytes == 0 { await Task.yield() }
        await home.reset()
        try await self.take(next, handle: "H:next:1")
        #expect(try await handle.server == servers[order[1]].address)
        await client.close()
    }

    @Test func `jobs without a unique go to the servers in turn`() async throws {
        let servers = [try await InProcessGearmanServer(), try await InProcessGearmanServer()]
        let client = self.client(servers[0], servers[1])
        async let decided: Void = client.decided()
        let peers = [try await servers[0].accept(), try await servers[1].accept()]
        for peer in peers { try await peer.greetClient() }
        await decided
        let updates = Signals<[GearmanJobUpdate]>()
        await client.onEvents { updates.send($0) }
        await client.start(
            (1...4).map { GearmanPipelinedJob(id: $0, request: GearmanJobRequest(function: "f"), isBackground: true) })
        for peer in peers {
            try await self.take(peer, handle: "H:1")
            try await self.take(peer, handle: "H:2")
        }
        await client.close()
    }

    @Test func `a job is lost with its connection, and the client connects again`() async throws {
        let server = try await InProcessGearmanServer()
        let client = self.client(server)
        async let lost = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        await peer.close()
        #expect(await lost.gearmanError?.code == .connectionLost)

        let again = try await server.accept()
        try await again.greetClient()
        await client.connected()
        async let second = client.submitBackground(GearmanJobRequest(function: "f"))
        try await self.take(again, handle: "H:2")
        #expect(try await second.description == "H:2")
        await client.close()
    }

    @Test(arguments: [
        bytes("HTTP/1.1 400 Bad Request\r\n\r\n"),
        [0, 0x52, 0x45, 0x53, 0, 0, 0, 99, 0, 0, 0, 0],  // no such type
        [0, 0x52, 0x45, 0x53, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff],  // JOB_CREATED of 4 GiB
        [0, 0x52, 0x45, 0x53, 0, 0, 0, 6, 0, 0, 0, 0],  // NOOP means nothing to a client
        [0, 0x52, 0x45, 0x51, 0, 0, 0, 8, 0, 0, 0, 1, 0x48],  // a request from a server
    ])
    func `nonsense from a server closes that connection and nothing else`(nonsense: [UInt8]) async throws {
        let server = try await InProcessGearmanServer()
        let client = self.client(server)
        async let failed = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        await peer.sendRaw(nonsense)
        let error = try #require(await failed.gearmanError)
        #expect(error.code == .protocolViolation || error.code == .connectionLost)
        try await peer.closed()

        let again = try await server.accept()
        try await again.greetClient()
        await client.connected()
        async let second = client.submitBackground(GearmanJobRequest(function: "f"))
        try await self.take(again, handle: "H:2")
        _ = try await second
        await client.close()
    }

    @Test func `a packet that is cut off by the end of the connection is not taken for an answer`() async throws {
        let server = try await InProcessGearmanServer()
        let client = self.client(server)
        async let failed = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        await peer.sendRaw([0, 0x52, 0x45, 0x53, 0, 0, 0, 8, 0, 0, 0, 9, 0x48, 0x3a])
        await peer.halfClose()
        #expect(await failed.gearmanError?.code == .connectionLost)
        await client.close()
    }

    @Test func `a reset connection loses its job`() async throws {
        let server = try await InProcessGearmanServer()
        let client = self.client(server)
        async let failed = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        await peer.reset()
        #expect(await failed.gearmanError?.code == .connectionLost)
        await client.close()
    }

    @Test func `a frozen server is found by its silence`() async throws {
        let server = try await InProcessGearmanServer(greetsClients: true)
        var configuration = GearmanClientConfiguration.eager
        // Long enough for this test to be scheduled, whatever else the machine does.
        configuration.heartbeatInterval = .milliseconds(500)
        configuration.heartbeatTimeout = .milliseconds(500)
        let client = self.client(server, configuration: configuration)
        async let lost = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await server.accept()
        try await peer.expect(.submitJob)
        try await peer.expect(.echoRequest)  // and no answer
        #expect(await lost.gearmanError?.code == .timedOut)
        try await peer.closed()
        await client.close()
    }

    @Test func `a server that answers heartbeats is left alone`() async throws {
        let server = try await InProcessGearmanServer()
        var configuration = GearmanClientConfiguration.eager
        configuration.heartbeatInterval = .milliseconds(5)
        let client = self.client(server, configuration: configuration)
        async let result = client.perform(GearmanJobRequest(function: "f"))
        let peer = try await server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        for _ in 0..<5 {
            let packet = try await peer.expect(.echoRequest)
            try await peer.send(.echoResponse, data: packet.dataBytes)
        }
        try await peer.send(.workComplete, bytes("H:1"), data: bytes("r"))
        #expect(try await text(result) == "r")
        await client.close()
    }

    @Test func `a request that is never answered gives the connection up`() async throws {
        let server = try await InProcessGearmanServer(greetsClients: true)
        var configuration = GearmanClientConfiguration.eager
        configuration.requestTimeout = .milliseconds(500)
        let client = self.client(server, configuration: configuration)
        async let lost = outcome { try await client.submitBackground(GearmanJobRequest(function: "f")) }
        let peer = try await server.accept()
        try await peer.expect(.submitJobBackground)
        #expect(await lost.gearmanError?.code == .timedOut)
        try await peer.closed()
        await client.close()
    }

    @Test func `closing settles what is under way and refuses what comes later`() async throws {
        let server = try await InProcessGearmanServer()
        let client = self.client(server)
        async let lost = outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        await client.close()
        #expect(await lost.gearmanError == GearmanError(.connectionLost, "The client was closed"))
        try await peer.closed()
        let late = await outcome { try await client.perform(GearmanJobRequest(function: "f")) }
        #expect(late.gearmanError?.code == .closed)
        let lateQuestions = [
            await outcome { _ = try await client.echo([]) },
            await outcome { _ = try await client.status(ofUnique: bytes("u")) },
            await outcome { _ = try await client.status(of: GearmanJobHandle(bytes: [1], server: server.address)!) },
        ]
        #expect(lateQuestions.map { $0.gearmanError?.code } == [.closed, .closed, .closed])
    }
}
