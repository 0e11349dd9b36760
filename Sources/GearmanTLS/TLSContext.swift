internal import COpenSSL
internal import Gearman

/// What all connections of an event loop have in common: certificates, and how the servers' ones are verified.
final class TLSContext: Sendable {
    /// Of the `SSL_CTX`, which counts its references and may be used by any thread.
    private let address: UInt
    private let serverName: String?

    init(_ configuration: GearmanTLSConfiguration) throws(GearmanError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw Self.error("OpenSSL") }
        self.address = UInt(bitPattern: context)
        self.serverName = configuration.serverName
        gearman_tls_require_modern(context)
        SSL_CTX_set_verify(context, configuration.isVerifying ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        if let file = configuration.authorityFile {
            guard SSL_CTX_load_verify_locations(context, file, nil) == 1 else { throw Self.error(file) }
        } else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else { throw Self.error("the system's authorities") }
        }
        if let file = configuration.certificateFile {
            guard SSL_CTX_use_certificate_chain_file(context, file) == 1 else { throw Self.error(file) }
        }
        if let file = configuration.keyFile {
            guard SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1,
                SSL_CTX_check_private_key(context) == 1
            else { throw Self.error(file) }
        }
    }

    deinit {
        SSL_CTX_free(OpaquePointer(bitPattern: self.address))
    }

    /// A session with a server, whose certificate must carry this name or address unless another one is configured.
    func makeSession(host: String) throws(TransportError) -> TLSSession {
        guard let ssl = SSL_new(OpaquePointer(bitPattern: self.address)) else { throw TLSSession.error() }
        let session = TLSSession(owning: ssl)
        let name = self.serverName ?? host
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        // An address is not a name: it stands elsewhere in a certificate, and is not told in the handshake.
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
        guard isAddress || SSL_set1_host(ssl, name) == 1 && gearman_tls_set_server_name(ssl, name) == 1 else {
            throw TLSSession.error()
        }
        return session
    }

    private static func error(_ subject: String) -> GearmanError {
        GearmanError(.invalidRequest, "TLS cannot use \(subject): \(TLSSession.error().reason)")
    }
}
