import Gearman
import Testing

/// Streams against a listener in the same process.
@Suite(.timeLimit(.minutes(1)))
struct StreamConnectionTests {
    /// A stream, and what happens to it.
    actor Probe {
        nonisolated let eventLoop = GearmanEventLoop.shared
        nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }
        private let channel: any StreamChannel
        private nonisolated let events: Signals<StreamEvent>

        init(to server: GearmanServerAddress, timeout: Duration = .seconds(10)) {
            let events = Signals<StreamEvent>()
            self.events = events
            self.channel = SocketTransport().makeChannel(to: server, timeout: timeout, eventLoop: .shared) {
                events.send($0)
            }
        }

        func open() { self.channel.open() }
        func write(_ bytes: [UInt8]) { self.channel.write(bytes) }
        func pauseReading() { self.channel.pauseReading() }
        func resumeReading() { self.channel.resumeReading() }
        func finish() { self.channel.finish() }
        func close() { self.channel.close() }
        var pendingBytes: Int { self.channel.pendingBytes }

        nonisolated func next() async -> StreamEvent? { await self.events.next() }

        nonisolated func reasonForClosing() async -> TransportError? {
            while let event = await self.next() {
                if case .closed(let error, _) = event { return error }
            }
            return nil
        }
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `a stream opens to an address and to a name`(host: String) async throws {
        let server = try await InProcessGearmanServer()
        let probe = Probe(to: GearmanServerAddress(host: host, port: server.address.port))
        await probe.open()
        #expect(await probe.next() == .connected)
        let peer = try await server.accept()
        await probe.write(bytes("\0REQ"))
        await probe.close()
        #expect(await probe.next() == .closed(nil, unsentBytes: 4), "closing at once does not send what waits")
        try await peer.closed()
    }

    @Test func `a closed port refuses`() async throws {
        let refusing = try RefusingPort()
        let probe = Probe(to: refusing.address)
        await probe.open()
        #expect(await probe.reasonForClosing()?.operation == "connect")
    }

    @Test func `a name that does not exist cannot be resolved`() async throws {
        let probe = Probe(to: GearmanServerAddress(host: "no-such-host.invalid"))
        await probe.open()
        #expect(await probe.reasonForClosing()?.operation == "resolve")
    }

    @Test func `a stream that was closed before it was open reports that it is closed`() async throws {
        let server = try await InProcessGearmanServer()
        let probe = Probe(to: server.address)
        await probe.open()
        await probe.close()
        #expect(await probe.reasonForClosing() == nil)
    }

    @Test func `a server that does not accept in time is given up`() async throws {
        let listener = try FullListener()
        let probe = Probe(to: listener.address, timeout: .milliseconds(50))
        await probe.open()
        #expect(await probe.reasonForClosing() == TransportError(operation: "connect", reason: "timed out"))
        listener.close()
    }

    @Test func `finishing sends everything first, and waits for the peer's end`() async throws {
        let server = try await InProcessGearmanServer()
        let probe = Probe(to: server.address)
        await probe.open()
        let peer = try await server.accept()
        let payload = [UInt8](repeating: 5, count: 6_000_000)
        var encoder = GearmanPacketEncoder()
        try encoder.append(.request, .echoRequest, data: payload)
        #expect(await probe.next() == .connected)
        await probe.write(encoder.take())
        await probe.finish()
        #expect(try await peer.expect(.echoRequest).data.count == payload.count)
        #expect(try await peer.next() == nil)
        #expect(await probe.reasonForClosing() == nil)
    }

    /// A stream that answers what it reads, and tells what waits to be sent where the next work of its queue begins.
    private actor Answerer {
        private nonisolated let eventLoop = GearmanEventLoop.shared
        nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }
        private var channel: (any StreamChannel)?
        nonisolated let pendingBytes = Signals<Int>()

        func open(to server: GearmanServerAddress) {
            let channel = SocketTransport().makeChannel(
                to: server, timeout: .seconds(10), eventLoop: .shared
            ) { event in
                guard case .received(let bytes) = event else { return }
                self.assumeIsolated { $0.received(bytes) }
            }
            self.channel = channel
            channel.open()
        }

        private func received(_ bytes: [UInt8]) {
            self.eventLoop.executor.execute {
                self.assumeIsolated { $0.pendingBytes.send($0.channel?.pendingBytes ?? -1) }
            }
            self.channel?.write(bytes)
        }

        func close() { self.channel?.close() }
    }

    @Test func `an answer leaves with what it answers, before other work of the queue`() async throws {
        let server = try await InProcessGearmanServer()
        let answerer = Answerer()
        await answerer.open(to: server.address)
        let peer = try await server.accept()
        var encoder = GearmanPacketEncoder()
        try encoder.append(.request, .echoRequest, data: bytes("ours"))
        await peer.sendRaw(encoder.take())
        #expect(try await peer.expect(.echoRequest).data == bytes("ours")[...])
        #expect(await answerer.pendingBytes.next() == 0)
        await answerer.close()
    }

    @Test func `a full write buffer drains when the peer reads again`() async throws {
        let server = try await InProcessGearmanServer()
        let probe = Probe(to: server.address)
        await probe.open()
        let peer = try await server.accept()
        #expect(await probe.next() == .connected)
        await peer.stopReading()
        var encoder = GearmanPacketEncoder()
        try encoder.append(.request, .echoRequest, data: [UInt8](repeating: 5, count: 20_000_000))
        await probe.write(encoder.take())
        #expect(await probe.pendingBytes >= StreamLimits.writeBufferHighBytes)
        await peer.readAgain()
        #expect(try await peer.expect(.echoRequest).data.count == 20_000_000)
        var event = await probe.next()
        while event == .blocked || event == .progressed { event = await probe.next() }
        #expect(event == .drained)
        #expect(await probe.pendingBytes == 0)
        await probe.close()
    }

    @Test func `a paused stream delivers nothing until it is resumed`() async throws {
        let server = try await InProcessGearmanServer()
        let probe = Probe(to: server.address)
        await probe.open()
        let peer = try await server.accept()
        #expect(await probe.next() == .connected)
        await probe.pauseReading()
        await peer.sendRaw(bytes("late"))
        await probe.resumeReading()
        #expect(await probe.next() == .received(bytes("late")))
        await probe.pauseReading()
        await probe.close()
        #expect(await probe.next() == .closed(nil, unsentBytes: 0), "a suspended source can be closed")
    }

    /// In a release build the compiler counts references later than it is written.
    @Test func `an event loop may end with the last job of its queue, on whatever thread that is`() async throws {
        let away = try RefusingPort()
        for _ in 0..<300 {
            let client = GearmanClient(
                servers: [away.address], eventLoop: GearmanEventLoop(label: "test.short"), logger: silentLogger)
            await #expect(throws: GearmanError.self) { try await client.echo([1]) }
            await client.close()
        }
    }

    /// Whatever moment a hang-up hits, the stream must hear of it.
    @Test func `no end of a stream is missed, of two thousand that are reset or ended on both sides`() async throws {
        let server = try await InProcessGearmanServer()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 0..<2_000 {
                    let peer = try await server.accept()
                    if number.isMultiple(of: 2) { await peer.reset() } else { await peer.halfClose() }
                }
            }
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<250 {
                        let probe = Probe(to: server.address)
                        await probe.open()
                        guard await probe.next() == .connected else { continue }
                        await probe.finish()
                        _ = await probe.reasonForClosing()
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
