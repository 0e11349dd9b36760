import Gearman
import GearmanServer
import GearmanTLS
import Testing

/// Peers that do not speak TLS, or do not finish their handshake.
@Suite(.timeLimit(.minutes(2)))
struct TLSHandshakeTests {
    typealias Probe = StreamConnectionTests.Probe

    private static var impatient: GearmanClientConfiguration {
        var configuration = GearmanClientConfiguration.eager
        configuration.connectTimeout = .milliseconds(300)
        return configuration
    }

    @Test func `a server that answers in plain text is not taken for one with TLS`() async throws {
        let server = try await InProcessGearmanServer()
        let client = try GearmanClient.secured(to: server.address) { $0.isVerifying = false }
        async let reason = client.greeting()
        let peer = try await server.accept()
        await peer.sendRaw(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"))
        try await peer.closed()
        #expect(await reason.contains("TLS handshake"))
    }

    @Test func `a server that waits for the end of a line is given up, and the reason says so`() async throws {
        let server = try await InProcessGearmanServer()
        let client = try GearmanClient.secured(to: server.address, configuration: Self.impatient) { _ in }
        #expect(await client.greeting().contains("does the other side speak TLS?"))
    }

    @Test func `the job server closes a plain port to a client with TLS at once`() async throws {
        let server = GearmanJobServer(eventLoop: GearmanEventLoop(label: "test.plain"), logger: silentLogger)
        let client = try GearmanClient.secured(to: try await server.start(port: 0)) { _ in }
        #expect(await client.greeting().contains("the other side closed the connection; does it speak TLS?"))
        await server.stop()
    }

    @Test func `a plain client is told that the server speaks TLS`() async throws {
        let server = try await SecuredServer()
        let client = GearmanClient(
            servers: [server.address], configuration: .eager, eventLoop: GearmanEventLoop(label: "test.plain"),
            logger: silentLogger)
        #expect(await client.greeting().contains("the other side speaks TLS"))
        #expect(try await server.client().greeting() == "hello")
        await server.server.stop()
    }

    @Test func `unfinished handshakes cost others nothing, and end in time`() async throws {
        let server = try await SecuredServer { tls, _ in tls.handshakeTimeout = .seconds(1) }
        // The start of a record that never ends, none at all, and a record of nonsense.
        let beginnings: [[UInt8]] = [[22, 3, 1, 2, 0, 1], [], [22, 3, 1, 0, 4, 9, 9, 9, 9]]
        var probes: [Probe] = []
        for index in 0..<150 {
            let probe = Probe(to: server.address)
            await probe.open()
            #expect(await probe.next() == .connected)
            await probe.write(beginnings[index % beginnings.count])
            probes.append(probe)
        }
        #expect(try await server.client().greeting() == "hello")
        // Perhaps by a reset: what they sent was not read.
        for probe in probes { _ = await probe.reasonForClosing() }
        await server.server.stop()
    }

    @Test func `a stop does not wait for handshakes`() async throws {
        let server = try await SecuredServer { tls, _ in tls.handshakeTimeout = .seconds(3600) }
        let probe = Probe(to: server.address)
        await probe.open()
        #expect(await probe.next() == .connected)
        #expect(try await server.client().greeting() == "hello")
        await server.server.stop()
        #expect(await probe.reasonForClosing() == nil)
    }
}
