import GearclockMariaDB
import MariaDBServer
import TestCertificates
import Testing

/// A server with a certificate for 127.0.0.1, signed by an authority that only the tests know.
@Suite(.serialized) struct ConnectionTLSTests {
    private static func makeServer(_ more: String...) async throws -> MariaDBServer {
        try await MariaDBServer.start(
            arguments: [
                "--ssl-ca=DIRECTORY/ca.pem", "--ssl-cert=DIRECTORY/server.pem", "--ssl-key=DIRECTORY/server.key",
            ]
                + more
        ) { try TestCertificates.make(in: $0) }
    }

    private func cipher(
        _ server: MariaDBServer, host: String = "127.0.0.1", _ tls: MariaDBConfiguration.TLS
    ) throws -> String? {
        var configuration = server.configuration(database: "")
        configuration.tls = tls
        configuration.nodes[0].host = host
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        defer { connection.close() }
        return try connection.textRows("SHOW STATUS LIKE 'Ssl_cipher'").first?[1]
    }

    @Test func `the right authority and name pass, the wrong ones are refused`() async throws {
        let server = try await Self.makeServer("--require-secure-transport=ON")
        let directory = try #require(server.directory)
        let authorities = MariaDBConfiguration.TLS.verified(certificateAuthorities: "\(directory)/ca.pem")
        #expect(try self.cipher(server, authorities)?.isEmpty == false)
        #expect(try self.cipher(server, .unverified)?.isEmpty == false)
        for (host, tls) in [
            ("localhost", authorities),
            ("127.0.0.1", .verified(certificateAuthorities: "\(directory)/other.pem")),
            ("127.0.0.1", .verified(certificateAuthorities: "\(directory)/missing.pem")),
            // The system's authorities do not know the tests' own.
            ("127.0.0.1", .verified(certificateAuthorities: nil)),
            // The server demands what is off.
            ("127.0.0.1", .off),
        ] {
            #expect("\(host) \(tls) is refused") {
                _ = try self.cipher(server, host: host, tls)
            } throws: { ($0 as? MariaDBFailure)?.meaning == .denied }
        }
    }

    @Test func `a connection that must be encrypted is not made to a server that cannot`() async throws {
        let server = try await MariaDBServer.start(arguments: ["--skip-ssl"])
        #expect(try self.cipher(server, .off)?.isEmpty == true)
        for tls in [MariaDBConfiguration.TLS.unverified, .verified(certificateAuthorities: nil)] {
            #expect(throws: MariaDBFailure.self) { try self.cipher(server, tls) }
        }
    }

    @Test func `an encrypted connection is cut as any other`() async throws {
        let server = try await Self.makeServer()
        var configuration = server.configuration(database: "")
        configuration.tls = .unverified
        let connection = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        let cutter = connection.cutter
        await #expect(throws: MariaDBFailure.self) {
            try await connection.perform { (connection) throws(MariaDBFailure) in
                cutter.cut()
                try connection.execute("SELECT SLEEP(60)")
            }
        }
        let rows = try await connection.perform { (connection) throws(MariaDBFailure) in
            try connection.textRows("SELECT 1")
        }
        #expect(rows == [["1"]])
        await connection.close()
    }
}
