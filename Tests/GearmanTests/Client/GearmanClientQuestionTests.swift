import Gearman
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GearmanClientQuestionTests {
    let server: InProcessGearmanServer
    let client: GearmanClient

    init() async throws {
        self.server = try await InProcessGearmanServer()
        self.client = GearmanClient(servers: [self.server.address], configuration: .eager, logger: silentLogger)
    }

    @Test func `the status of a job by its handle`() async throws {
        let handle = try #require(GearmanJobHandle(bytes: bytes("H:1"), server: self.server.address))
        async let status = self.client.status(of: handle)
        let peer = try await self.server.accept()
        try await peer.greetClient()
        #expect(text(try await peer.expect(.getStatus).argument(0)) == "H:1")
        try await peer.send(.statusResponse, bytes("H:1"), bytes("1"), bytes("1"), bytes("3"), bytes("4"))
        #expect(
            try await status == GearmanJobStatus(isKnown: true, isRunning: true, numerator: 3, denominator: 4))
        await self.client.close()
    }

    @Test func `the status of a job by its unique tells how many clients wait`() async throws {
        async let status = self.client.status(ofUnique: bytes("u"))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        #expect(text(try await peer.expect(.getStatusUnique).argument(0)) == "u")
        try await peer.send(
            .statusResponseUnique, bytes("u"), bytes("1"), bytes("0"), bytes("0"), bytes("0"), bytes("2"))
        #expect(
            try await status == GearmanJobStatus(isKnown: true, isRunning: false, waitingClients: 2))
        await self.client.close()
    }

    @Test func `a job that another server knows is known`() async throws {
        let other = try await InProcessGearmanServer()
        let client = GearmanClient(
            servers: [self.server.address, other.address], configuration: .eager, logger: silentLogger)
        async let locations = client.locations(ofUniques: [bytes("u")])
        let peers = [try await self.server.accept(), try await other.accept()]
        for peer in peers { try await peer.greetClient() }
        for (peer, known) in zip(peers, ["0", "1"]) {
            try await peer.expect(.getStatusUnique)
            try await peer.send(
                .statusResponseUnique, bytes("u"), bytes(known), bytes("0"), bytes("0"), bytes("0"), bytes("1"))
        }
        #expect(await locations.map { $0?.status.isKnown } == [true])
        #expect(await locations.map { $0?.server } == [other.address])
        await client.close()
    }

    @Test func `with a server away an unknown unique has no location`() async throws {
        let other = try await InProcessGearmanServer()
        let servers = [self.server, other]
        let order = ServerChoice(servers: servers.map(\.address)).order(of: bytes("u"))
        await servers[order[0]].stopListening()
        let client = GearmanClient(servers: servers.map(\.address), configuration: .eager, logger: silentLogger)
        async let locations = client.locations(ofUniques: [bytes("u")])
        let peer = try await servers[order[1]].accept()
        try await peer.greetClient()
        try await peer.expect(.getStatusUnique)
        try await peer.send(
            .statusResponseUnique, bytes("u"), bytes("0"), bytes("0"), bytes("0"), bytes("0"), bytes("0"))
        #expect(await locations == [nil])
        await client.close()
    }

    @Test func `started jobs are asked for by their handles, others have no status`() async throws {
        let updates = Signals<[GearmanJobUpdate]>()
        await self.client.onEvents { updates.send($0) }
        await self.client.start([GearmanPipelinedJob(id: 7, request: GearmanJobRequest(function: "f"))])
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:7"))
        #expect(await updates.next()?.map(\.id) == [7])
        async let statuses = self.client.statuses(ofJobs: [7, 8])
        #expect(text(try await peer.expect(.getStatus).argument(0)) == "H:7")
        try await peer.send(.statusResponse, bytes("H:7"), bytes("1"), bytes("0"), bytes("0"), bytes("0"))
        #expect(await statuses == [GearmanJobStatus(isKnown: true, isRunning: false), nil])
        await self.client.close()
    }

    @Test(arguments: [false, true])
    func `who is cancelled waits no longer for an answer, and others are not disturbed`(isAsked: Bool) async throws {
        let peer = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: CancellationError.self) {
                    _ = try await self.client.status(ofUnique: bytes("u"))
                }
            }
            let peer = try await self.server.accept()
            if isAsked {
                try await peer.greetClient()
                try await peer.expect(.getStatusUnique)
            }
            group.cancelAll()
            try await group.waitForAll()
            return peer
        }
        async let echo = self.client.echo([7])
        if isAsked {
            try await peer.send(
                .statusResponseUnique, bytes("u"), bytes("1"), bytes("0"), bytes("0"), bytes("0"), bytes("2"))
        } else {
            try await peer.greetClient()
        }
        try await peer.send(.echoResponse, data: peer.expect(.echoRequest).dataBytes)
        #expect(try await echo == [7])
        await self.client.close()
    }

    @Test func `an echo comes back as it was`() async throws {
        let payload: [UInt8] = [0, 1, 255, 0]
        async let echo = self.client.echo(payload)
        let peer = try await self.server.accept()
        try await peer.greetClient()
        let packet = try await peer.expect(.echoRequest)
        try await peer.send(.echoResponse, data: packet.dataBytes)
        #expect(try await echo == payload)
        await self.client.close()
    }

    @Test func `a question without a server fails`() async throws {
        await self.server.stopListening()
        let echo = await outcome { try await self.client.echo([1]) }
        #expect(echo.gearmanError?.code == .notConnected)
        let status = await outcome { try await self.client.status(ofUnique: bytes("u")) }
        #expect(status.gearmanError?.code == .notConnected)
        #expect(await self.client.locations(ofUniques: [bytes("u"), bytes("v")]) == [nil, nil])
        await self.client.close()
    }

    @Test func `a question that the connection does not survive fails`() async throws {
        async let echo = outcome { try await self.client.echo([1]) }
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.echoRequest)
        await peer.close()
        #expect(await echo.gearmanError?.code == .connectionLost)
        await self.client.close()
    }
}
