import Gearman
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GearmanPipelinedClientTests {
    let server: InProcessGearmanServer
    let client: GearmanClient
    let updates = Signals<[GearmanJobUpdate]>()

    init() async throws {
        self.server = try await InProcessGearmanServer()
        self.client = GearmanClient(servers: [self.server.address], configuration: .eager, logger: silentLogger)
        await self.client.onEvents { [updates] in updates.send($0) }
    }

    private func jobs(_ ids: ClosedRange<UInt64>, workload: [UInt8] = []) -> [GearmanPipelinedJob] {
        ids.map { GearmanPipelinedJob(id: $0, request: GearmanJobRequest(function: "f", workload: workload)) }
    }

    @Test func `what one write brings comes as one batch`() async throws {
        await self.client.start(self.jobs(1...100))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        var packets: [GearmanPacket] = []
        for number in 1...100 {
            try await peer.expect(.submitJob)
            packets.append(try GearmanPacket(.response, .jobCreated, arguments: [bytes("H:\(number)")]))
        }
        await peer.send(packets)
        #expect(await self.updates.next()?.map(\.id) == Array(1...100))
        await self.client.close()
    }

    @Test func `abandoned jobs are heard of no more`() async throws {
        await self.client.start(self.jobs(1...2))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.expect(.submitJob)
        await self.client.abandon([1])
        try await peer.send(.jobCreated, bytes("H:1"))
        try await peer.send(.jobCreated, bytes("H:2"))
        try await peer.send(.workComplete, bytes("H:1"), data: [])
        try await peer.send(.workComplete, bytes("H:2"), data: [])
        var heard: [UInt64] = []
        while heard.count < 2 { heard += await self.updates.next()?.map(\.id) ?? [] }
        #expect(heard == [2, 2])
        await self.client.close()
    }

    @Test func `a job abandoned while no server is known is never sent`() async throws {
        await self.client.start(self.jobs(1...2))
        await self.client.abandon([1])
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:2"))
        #expect(await self.updates.next()?.map(\.id) == [2])
        await self.client.close()
        #expect(try await peer.next() == nil)
    }

    @Test func `jobs that never left are refused, those that did are lost`() async throws {
        await self.client.start(self.jobs(1...1))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        await peer.stopReading()
        // More than the socket buffers hold.
        await self.client.start(self.jobs(2...21, workload: [UInt8](repeating: 1, count: 2_000_000)))
        // The first event may come in the turn that ends with the write; when the second one is handled, the write has
        // gone as far as it goes.
        try await peer.send(.jobCreated, bytes("H:1"))
        #expect(await self.updates.next()?.map(\.id) == [1])
        try await peer.send(.workData, bytes("H:1"), data: bytes("d"))
        #expect(await self.updates.next()?.map(\.id) == [1])
        await peer.reset()
        var events: [UInt64: GearmanJobEvent] = [:]
        while events.count < 21 {
            for update in await self.updates.next() ?? [] { events[update.id] = update.event }
        }
        guard case .lost = events[1] else { throw Unexpected(event: events[1]) }
        guard case .lost = events[2] else { throw Unexpected(event: events[2]) }
        guard case .refused = events[21] else { throw Unexpected(event: events[21]) }
        await self.client.close()
    }

    private struct Unexpected: Error { var event: GearmanJobEvent? }

    @Test func `numbers of the async form and of the caller do not meet`() async throws {
        await self.client.start(self.jobs(1...1))
        async let performed = self.client.perform(GearmanJobRequest(function: "f"))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        var packets: [GearmanPacket] = []
        for number in 1...2 {
            try await peer.expect(.submitJob)
            packets.append(try GearmanPacket(.response, .jobCreated, arguments: [bytes("H:\(number)")]))
        }
        for number in 1...2 {
            packets.append(
                try GearmanPacket(.response, .workComplete, arguments: [bytes("H:\(number)")], data: bytes("r")))
        }
        await peer.send(packets)
        #expect(try await text(performed) == "r")
        #expect(await self.updates.next()?.map(\.id) == [1, 1])
        await self.client.close()
    }
}
