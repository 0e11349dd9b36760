import Gearman
import GearmanTLS
import Testing

/// Clients and workers behind TLS, in front of the gearmand that is installed.
@Suite(.enabled(if: TLSServer.shouldRun, "gearmand or socat is not installed"), .timeLimit(.minutes(2)))
struct TLSTests {
    let gearmand: GearmandProcess

    init() async throws {
        self.gearmand = try await GearmandProcess()
    }

    typealias Change = @Sendable (inout GearmanTLSConfiguration) -> Void

    private func client(to server: GearmanServerAddress, _ change: Change) throws -> GearmanClient {
        var tls = GearmanTLSConfiguration()
        change(&tls)
        return GearmanClient(
            servers: [server], configuration: .eager, eventLoop: try GearmanEventLoop(label: "tls", tls: tls),
            logger: silentLogger)
    }

    /// The server's answer, or why it cannot be reached.
    private func echo(_ client: GearmanClient) async -> String {
        let result = await outcome { text(try await client.echo(bytes("hello"))) }
        let reason = await client.health[0].lastError?.message
        await client.close()
        switch result {
        case .success(let text): return text
        case .failure: return reason ?? "no reason"
        }
    }

    @Test func `jobs go there and back, small and large, and a drain waits for them`() async throws {
        let server = try await TLSServer(before: self.gearmand.address)
        let client = try self.client(to: server.address) { $0.authorityFile = server.file("ca.pem") }
        var tls = GearmanTLSConfiguration()
        tls.authorityFile = server.file("ca.pem")
        let worker = GearmanWorker(
            servers: [server.address], configuration: .eager(concurrency: 8),
            eventLoop: try GearmanEventLoop(label: "tls.worker", tls: tls), logger: silentLogger)
        await worker.register("f") { job in job.workload }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            for size in [0, 1, 16_384, 16_385, 8_000_000] {
                let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                let result = try await client.perform(GearmanJobRequest(function: "f", workload: payload))
                #expect(result == payload)
            }
            await worker.drain()
            try await group.waitForAll()
        }
        await client.close()
    }

    @Test func `the right authority and name pass, the wrong ones are refused`() async throws {
        let server = try await TLSServer(before: self.gearmand.address)
        let localhost = GearmanServerAddress(host: "localhost", port: server.address.port)
        let authority = server.file("ca.pem")
        #expect(await self.echo(try self.client(to: server.address) { $0.authorityFile = authority }) == "hello")
        let renamed = try self.client(to: localhost) { tls in
            tls.authorityFile = authority
            tls.serverName = "jobs.example"
        }
        #expect(await self.echo(renamed) == "hello")
        #expect(await self.echo(try self.client(to: localhost) { $0.isVerifying = false }) == "hello")

        let refused: [(GearmanServerAddress, Change)] = [
            (localhost, { $0.authorityFile = authority }),  // it has another name
            (server.address, { $0.authorityFile = server.file("other.pem") }),  // nobody knows the authority
            (server.address, { _ in }),
        ]
        for (address, change) in refused {
            let reason = await self.echo(try self.client(to: address, change))
            #expect(reason.contains("the certificate is refused"))
        }
    }

    @Test func `a server that asks for a certificate gets one, or refuses`() async throws {
        let server = try await TLSServer(before: self.gearmand.address, asksForCertificate: true)
        let known = try self.client(to: server.address) { tls in
            tls.authorityFile = server.file("ca.pem")
            tls.certificateFile = server.file("server.pem")
            tls.keyFile = server.file("server.key")
        }
        #expect(await self.echo(known) == "hello")
        let unknown = try self.client(to: server.address) { $0.authorityFile = server.file("ca.pem") }
        #expect(await self.echo(unknown) != "hello")
    }

    @Test func `files that cannot be used are an error at once`() async throws {
        let server = try await TLSServer(before: self.gearmand.address)
        let unusable: [Change] = [
            { $0.authorityFile = "missing.pem" }, { $0.certificateFile = server.file("server.key") },
            { tls in
                tls.certificateFile = server.file("server.pem")
                tls.keyFile = server.file("other.key")
            },
        ]
        for change in unusable {
            let result = await outcome { try self.client(to: server.address, change) }
            #expect(result.gearmanError?.code == .invalidRequest)
        }
    }

    @Test func `a server without TLS is not taken for one with it`() async throws {
        let server = try await InProcessGearmanServer()
        let client = try self.client(to: server.address) { $0.isVerifying = false }
        async let reason = self.echo(client)
        let peer = try await server.accept()
        await peer.sendRaw(bytes("HTTP/1.1 400 Bad Request\r\n\r\n"))
        try await peer.closed()
        #expect(await reason.contains("TLS handshake"))
    }

    @Test func `a job is only called refused when nothing of it has left`() async throws {
        let server = try await TLSServer(before: self.gearmand.address)
        let client = try self.client(to: server.address) { $0.isVerifying = false }
        await client.connected()
        self.gearmand.freeze()
        let updates = Signals<[GearmanJobUpdate]>()
        await client.onEvents { updates.send($0) }
        // More than sockets hold.
        for id: UInt64 in 1...3 {
            let workload = [UInt8](repeating: 1, count: id == 2 ? 32 << 20 : 1)
            let request = GearmanJobRequest(function: "f", workload: workload)
            await client.start([GearmanPipelinedJob(id: id, request: request, isBackground: true)])
        }
        while await !(1..<32 << 20).contains(client.health[0].unsentSizeBytes) { await Task.yield() }
        await client.close()
        var ends: [UInt64: String] = [:]
        while ends.count < 3, let batch = await updates.next() {
            for update in batch {
                switch update.event {
                case .lost: ends[update.id] = "lost"
                case .refused: ends[update.id] = "refused"
                case .created, .data, .warning, .status, .complete, .fail, .exception: Issue.record("\(update)")
                }
            }
        }
        self.gearmand.thaw()
        #expect(ends == [1: "lost", 2: "lost", 3: "refused"])
    }
}
