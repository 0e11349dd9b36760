import Dispatch
import DispatchExecutor
import Gearman
import GearmanServer
import GearmanTLS
import TestCertificates
import Testing

/// Clients and workers behind TLS, and the job server that speaks it.
@Suite(.timeLimit(.minutes(2)))
struct TLSTests {
    @Test func `jobs go there and back, small and large, and a drain waits for them`() async throws {
        let server = try await SecuredServer()
        let client = try server.client()
        var tls = GearmanTLSConfiguration()
        tls.authorityFile = server.certificates.file("ca.pem")
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
        await server.server.stop()
    }

    @Test func `the right authority and name pass, the wrong ones are refused`() async throws {
        let server = try await SecuredServer()
        #expect(try await server.client().greeting() == "hello")
        #expect(try await server.client(host: "localhost") { $0.serverName = "jobs.example" }.greeting() == "hello")
        #expect(try await server.client(host: "localhost") { $0.isVerifying = false }.greeting() == "hello")

        let refused: [(host: String, change: SecuredServer.Change)] = [
            ("localhost", { _ in }),  // it has another name
            ("127.0.0.1", { $0.serverName = "other.example" }),
            ("127.0.0.1", { $0.authorityFile = server.certificates.file("other.pem") }),
            ("127.0.0.1", { $0.authorityFile = nil }),  // the system's do not know it
        ]
        for (host, change) in refused {
            let reason = try await server.client(host: host, change).greeting()
            #expect(reason.contains("the certificate is refused"))
        }
        await server.server.stop()
    }

    @Test func `a certificate whose time is over is refused`() async throws {
        let server = try await SecuredServer { $0.certificateFile = $1.file("expired.pem") }
        #expect(try await server.client().greeting().contains("the certificate is refused: certificate has expired"))
        await server.server.stop()
    }

    @Test func `a server that requires a certificate gets a good one, or refuses`() async throws {
        let server = try await SecuredServer { tls, certificates in
            tls.clientAuthorityFile = certificates.file("ca.pem")
            tls.requiresClientCertificate = true
        }
        #expect(
            try await server.client { $0.certificateFile = server.certificates.file("client.pem") }.greeting()
                == "hello")
        #expect(try await server.client().greeting().contains("certificate required"))
        for (name, reason) in [("stranger.pem", "unknown ca"), ("late.pem", "certificate expired")] {
            let client = try server.client { $0.certificateFile = server.certificates.file(name) }
            #expect(await client.greeting().contains(reason))
        }
        await server.server.stop()
    }

    @Test func `a server that asks for certificates refuses bad ones, and serves those who have none`() async throws {
        let server = try await SecuredServer { $0.clientAuthorityFile = $1.file("ca.pem") }
        #expect(try await server.client().greeting() == "hello")
        let stranger = try server.client { $0.certificateFile = server.certificates.file("stranger.pem") }
        #expect(await stranger.greeting().contains("unknown ca"))
        await server.server.stop()
    }

    @Test func `files that cannot be used are an error at once`() async throws {
        let server = try await SecuredServer()
        let file = server.certificates.file
        let unusable: [SecuredServer.Change] = [
            { $0.authorityFile = "missing.pem" }, { $0.certificateFile = server.certificates.file("server.key") },
            { $0.keyFile = server.certificates.file("server.key") },
            { $0.certificateFile = server.certificates.file("server.pem") },  // without its key
            { tls in
                tls.certificateFile = server.certificates.file("server.pem")
                tls.keyFile = server.certificates.file("client.key")
            },
        ]
        for change in unusable {
            let result = await outcome { try server.client(change) }
            #expect(result.gearmanError?.code == .invalidRequest)
        }
        let missing = await outcome { try server.client { $0.certificateFile = "missing.pem" } }
        #expect(missing.gearmanError?.message == "TLS cannot use missing.pem: No such file or directory")
        var withoutAuthority = GearmanTLSServerConfiguration(
            certificateFile: file("server.pem"), keyFile: file("server.key"))
        withoutAuthority.requiresClientCertificate = true
        var unknownAuthority = withoutAuthority
        unknownAuthority.clientAuthorityFile = "missing.pem"
        for configuration in [
            GearmanTLSServerConfiguration(certificateFile: file("server.pem")),
            GearmanTLSServerConfiguration(certificateFile: file("server.pem"), keyFile: file("client.key")),
            withoutAuthority, unknownAuthority,
        ] {
            let result = await outcome { try GearmanEventLoop(label: "unusable", serving: configuration) }
            #expect(result.gearmanError?.code == .invalidRequest)
        }
        await server.server.stop()
    }

    @Test func `one client reaches some servers by TLS and others in plain text`() async throws {
        let secured = try await SecuredServer()
        let plain = GearmanJobServer(eventLoop: GearmanEventLoop(label: "test.plain"), logger: silentLogger)
        let servers = [secured.address, try await plain.start(port: 0)]
        var tls = GearmanTLSConfiguration()
        tls.authorityFile = secured.certificates.file("ca.pem")
        tls.securedServers = [secured.address]
        let client = GearmanClient(
            servers: servers, configuration: .eager, eventLoop: try GearmanEventLoop(label: "mixed", tls: tls),
            logger: silentLogger)
        for server in servers { await client.connected(to: server) }
        await client.close()
        await secured.server.stop()
        await plain.stop()
    }

    @Test func `a job is only called refused when nothing of it has left`() async throws {
        let server = try await SecuredServer()
        let client = try server.client()
        await client.connected()
        server.eventLoop.queueExecutor.queue.suspend()
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
        server.eventLoop.queueExecutor.queue.resume()
        #expect(ends == [1: "lost", 2: "lost", 3: "refused"])
        await server.server.stop()
    }
}
