import Gearman
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GearmanClientJobTests {
    let server: InProcessGearmanServer
    let client: GearmanClient

    init() async throws {
        self.server = try await InProcessGearmanServer()
        self.client = GearmanClient(servers: [self.server.address], configuration: .eager, logger: silentLogger)
    }

    @Test(arguments: [
        (GearmanPriority.high, false, GearmanPacketType.submitJobHigh), (.normal, false, .submitJob),
        (.low, false, .submitJobLow), (.high, true, .submitJobHighBackground), (.normal, true, .submitJobBackground),
        (.low, true, .submitJobLowBackground),
    ])
    func `each priority has its packet, in the foreground and in the background`(
        priority: GearmanPriority, isBackground: Bool, type: GearmanPacketType
    ) async throws {
        let request = GearmanJobRequest(function: "f", unique: "u", workload: "w", priority: priority)
        async let handle =
            isBackground ? self.client.submitBackground(request) : self.client.submit(request).handle
        let peer = try await self.server.accept()
        try await peer.greetClient()
        let packet = try await peer.expect(type)
        #expect(text(packet.argument(0)) == "f")
        #expect(text(packet.argument(1)) == "u")
        #expect(text(packet.data) == "w")
        try await peer.send(.jobCreated, bytes("H:1"))
        #expect(try await handle == GearmanJobHandle(bytes: bytes("H:1"), server: self.server.address))
        await self.client.close()
    }

    @Test func `a job's events come in order and end`() async throws {
        async let submitted = self.client.submit(GearmanJobRequest(function: "f"))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        let job = try await submitted
        try await peer.send(.workData, bytes("H:1"), data: bytes("part"))
        try await peer.send(.workWarning, bytes("H:1"), data: bytes("careful"))
        try await peer.send(.workStatus, bytes("H:1"), bytes("1"), bytes("2"))
        try await peer.send(.workComplete, bytes("H:1"), data: bytes("done"))
        var events: [GearmanJobEvent] = []
        for await event in job.events { events.append(event) }
        #expect(
            events == [
                .created(job.handle), .data(bytes("part")), .warning(bytes("careful")),
                .status(numerator: 1, denominator: 2), .complete(bytes("done")),
            ])
        await self.client.close()
    }

    @Test func `the result of a performed job is its data and its end`() async throws {
        async let result = self.client.perform(GearmanJobRequest(function: "f"))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        try await peer.send(.workData, bytes("H:1"), data: bytes("ab"))
        try await peer.send(.workComplete, bytes("H:1"), data: bytes("c"))
        #expect(try await text(result) == "abc")
        await self.client.close()
    }

    @Test func `a failed job throws with the warnings that it sent`() async throws {
        async let result = outcome { try await self.client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        try await peer.send(.workWarning, bytes("H:1"), data: bytes("why"))
        try await peer.send(.workFail, bytes("H:1"))
        let error = try #require(await result.gearmanError)
        #expect(error.code == .jobFailed)
        #expect(error.warnings == [bytes("why")])
        await self.client.close()
    }

    @Test func `an exception throws with its text`() async throws {
        async let result = outcome { try await self.client.perform(GearmanJobRequest(function: "f")) }
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        try await peer.send(.workException, bytes("H:1"), data: bytes("boom"))
        let error = try #require(await result.gearmanError)
        #expect(error.code == .jobException)
        #expect(error.payload == bytes("boom"))
        await self.client.close()
    }

    @Test func `two submissions that share a handle get every event each`() async throws {
        let request = GearmanJobRequest(function: "f", unique: "same")
        async let first = self.client.perform(request)
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        async let second = self.client.perform(request)
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        try await peer.send(.jobCreated, bytes("H:1"))
        try await peer.send(.workComplete, bytes("H:1"), data: bytes("r"))
        try await peer.send(.workComplete, bytes("H:1"), data: bytes("r"))
        #expect(try await text(first) == "r")
        #expect(try await text(second) == "r")
        await self.client.close()
    }

    @Test func `an ERROR answer refuses its job and leaves the connection as it is`() async throws {
        async let refused = outcome { try await self.client.submitBackground(GearmanJobRequest(function: "f")) }
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJobBackground)
        try await peer.send(.error, bytes("QUEUE_ERROR"), bytes("Job queue is full"))
        let error = try #require(await refused.gearmanError)
        #expect(error.code == .serverError)
        #expect(error.message.contains("QUEUE_ERROR"))
        async let accepted = self.client.submitBackground(GearmanJobRequest(function: "f"))
        try await peer.expect(.submitJobBackground)
        try await peer.send(.jobCreated, bytes("H:1"))
        #expect(try await accepted.description == "H:1")
        await self.client.close()
    }

    @Test func `a cancelled caller gets a cancellation, and others are not disturbed`() async throws {
        let peer = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: CancellationError.self) {
                    _ = try await self.client.perform(GearmanJobRequest(function: "slow"))
                }
            }
            let peer = try await self.server.accept()
            try await peer.greetClient()
            try await peer.expect(.submitJob)
            group.cancelAll()
            try await group.waitForAll()
            return peer
        }
        try await peer.send(.jobCreated, bytes("H:1"))
        try await peer.send(.workComplete, bytes("H:1"), data: bytes("late"))
        async let next = self.client.perform(GearmanJobRequest(function: "f"))
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:2"))
        try await peer.send(.workComplete, bytes("H:2"), data: bytes("ok"))
        #expect(try await text(next) == "ok")
        await self.client.close()
    }

    @Test func `an impossible request is refused and sent to nobody`() async throws {
        async let impossible = outcome { try await self.client.submitBackground(GearmanJobRequest(function: "")) }
        let peer = try await self.server.accept()
        try await peer.greetClient()
        let error = try #require(await impossible.gearmanError)
        #expect(error.code == .invalidRequest)
        await self.client.close()
        #expect(try await peer.next() == nil)
    }

    /// In a process of its own: what other tests hold does not count.
    @Test func `what was read of a job is not kept until the job ends`() async {
        await #expect(processExitsWith: .success) { try await GearmanClientJobTests().readLargeParts() }
    }

    private func readLargeParts() async throws {
        async let submitted = self.client.submit(GearmanJobRequest(function: "f"))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        var events = try await submitted.events.makeAsyncIterator()
        _ = await events.next()
        let part = [UInt8](repeating: 1, count: 8 << 20)
        let before = residentBytes()
        for _ in 0..<50 {
            try await peer.send(.workData, bytes("H:1"), data: part)
            // Its answer comes behind the part, which waits to be read then.
            async let echo = self.client.echo([1])
            try await peer.expect(.echoRequest)
            try await peer.send(.echoResponse, data: [1])
            _ = try await echo
            try #require(await events.next() == .data(part))
        }
        try #require(residentBytes() - before < 200 << 20, "of 400 MiB that were read")
        await self.client.close()
    }

    @Test(arguments: [(4, 64 << 20), (1_000, 50_000)])
    func `unread events stop the reading, not the job, by number and by bytes`(events: Int, bytes limit: Int)
        async throws
    {
        var configuration = GearmanClientConfiguration.eager
        configuration.bufferedEvents = events
        configuration.limits.payloadSizeBytes = limit
        let client = GearmanClient(
            servers: [self.server.address], configuration: configuration, logger: silentLogger)
        async let submitted = client.submit(GearmanJobRequest(function: "f"))
        let peer = try await self.server.accept()
        try await peer.greetClient()
        try await peer.expect(.submitJob)
        try await peer.send(.jobCreated, bytes("H:1"))
        let job = try await submitted
        for _ in 0..<100 { try await peer.send(.workData, bytes("H:1"), data: [UInt8](repeating: 1, count: 10_000)) }
        try await peer.send(.workComplete, bytes("H:1"))
        var size = 0
        var last: GearmanJobEvent?
        for await event in job.events {
            if case .data(let part) = event { size += part.count }
            last = event
        }
        #expect(size == 1_000_000)
        #expect(last == .complete([]))
        await client.close()
    }
}
