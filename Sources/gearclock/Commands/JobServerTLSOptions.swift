internal import ArgumentParser
internal import Gearman
internal import GearmanTLS

/// Whether and how the job server speaks TLS. The names are gearmand's, but for the last one.
struct JobServerTLSOptions: ParsableArguments {
    @Flag(help: "Speak TLS, and nothing else, with all clients and workers.")
    var ssl = false

    @Option(
        help: ArgumentHelp("The server's certificate and those above it, PEM; --ssl needs it.", valueName: "file"),
        completion: .file())
    var sslCertificate: String?

    @Option(
        help: ArgumentHelp("The key of the certificate, if it stands in another file, PEM.", valueName: "file"),
        completion: .file())
    var sslKey: String?

    @Option(
        help: ArgumentHelp(
            "The authorities that sign for clients and workers, PEM: those who show a certificate need a valid one.",
            valueName: "file"),
        completion: .file())
    var sslCaFile: String?

    @Flag(help: "Refuse clients and workers without a certificate.")
    var sslVerifyClient = false

    func validate() throws {
        guard self.ssl else {
            guard [self.sslCertificate, self.sslKey, self.sslCaFile] == [nil, nil, nil], !self.sslVerifyClient else {
                throw ValidationError("Without --ssl the server speaks plain text; the other --ssl options need it.")
            }
            return
        }
        guard self.sslCertificate != nil else { throw ValidationError("--ssl needs --ssl-certificate.") }
        guard self.sslCaFile != nil || !self.sslVerifyClient else {
            throw ValidationError("--ssl-verify-client needs --ssl-ca-file.")
        }
    }

    /// - Throws: ``CommandFailure`` if a file cannot be used.
    func makeEventLoop() throws -> GearmanEventLoop {
        guard let sslCertificate else { return .shared }
        var tls = GearmanTLSServerConfiguration(certificateFile: sslCertificate, keyFile: self.sslKey)
        tls.clientAuthorityFile = self.sslCaFile
        tls.requiresClientCertificate = self.sslVerifyClient
        do {
            return try GearmanEventLoop(label: "gearman.io", serving: tls)
        } catch {
            throw CommandFailure(.usage, (error as? GearmanError)?.message ?? "\(error)")
        }
    }
}
