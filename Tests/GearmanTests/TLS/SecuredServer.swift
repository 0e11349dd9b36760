import Gearman
import GearmanServer
import GearmanTLS
import TestCertificates

/// A job server that speaks TLS, in this process and on an event loop of its own.
struct SecuredServer: Sendable {
    let certificates: TestCertificates
    let eventLoop: GearmanEventLoop
    let server: GearmanJobServer
    let address: GearmanServerAddress

    init(
        _ change: (inout GearmanTLSServerConfiguration, TestCertificates) -> Void = { _, _ in }
    ) async throws {
        self.certificates = try TestCertificates()
        var tls = GearmanTLSServerConfiguration(
            certificateFile: self.certificates.file("server.pem"), keyFile: self.certificates.file("server.key"))
        change(&tls, self.certificates)
        self.eventLoop = try GearmanEventLoop(label: "test.tls.server", serving: tls)
        self.server = GearmanJobServer(eventLoop: self.eventLoop, logger: silentLogger)
        self.address = try await self.server.start(port: 0)
    }

    typealias Change = @Sendable (inout GearmanTLSConfiguration) -> Void

    /// A client that trusts the server's authority, unless it is changed.
    func client(host: String = "127.0.0.1", _ change: Change = { _ in }) throws -> GearmanClient {
        try GearmanClient.secured(to: GearmanServerAddress(host: host, port: self.address.port)) { tls in
            tls.authorityFile = self.certificates.file("ca.pem")
            change(&tls)
        }
    }
}

extension GearmanClient {
    static func secured(
        to server: GearmanServerAddress, configuration: GearmanClientConfiguration = .eager,
        _ change: SecuredServer.Change
    ) throws -> GearmanClient {
        var tls = GearmanTLSConfiguration()
        change(&tls)
        return GearmanClient(
            servers: [server], configuration: configuration,
            eventLoop: try GearmanEventLoop(label: "test.tls.client", tls: tls), logger: silentLogger)
    }

    /// The server's answer to a greeting, or why it cannot be reached; then the client is closed.
    func greeting() async -> String {
        let result = await outcome { text(try await self.echo(bytes("hello"))) }
        let reason = self.health[0].lastError?.message
        await self.close()
        switch result {
        case .success(let text): return text
        case .failure: return reason ?? "no reason"
        }
    }
}
