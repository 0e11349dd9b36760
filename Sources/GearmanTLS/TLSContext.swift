internal import COpenSSL
internal import Gearman

/// What all connections of an event loop have in common: certificates, and how those of the other side are verified.
final class TLSContext: Sendable {
    /// Of the `SSL_CTX`, which counts its references and may be used by any thread.
    private let address: UInt

    /// For connections to servers.
    convenience init(_ configuration: GearmanTLSConfiguration) throws(GearmanError) {
        try self.init(verifies: configuration.isVerifying ? SSL_VERIFY_PEER : SSL_VERIFY_NONE)
        try self.trust(configuration.authorityFile)
        switch (configuration.certificateFile, configuration.keyFile) {
        case (let certificate?, let key): try self.show(certificate, key: key ?? certificate)
        case (nil, let key?): throw GearmanError(.invalidRequest, "TLS cannot use \(key) without a certificate")
        case (nil, nil): break
        }
    }

    /// For connections of clients and workers.
    convenience init(_ configuration: GearmanTLSServerConfiguration) throws(GearmanError) {
        let authorities = configuration.clientAuthorityFile
        let isRequired = configuration.requiresClientCertificate
        guard authorities != nil || !isRequired else {
            throw GearmanError(.invalidRequest, "TLS cannot require certificates of clients without an authority")
        }
        try self.init(
            verifies: authorities == nil
                ? SSL_VERIFY_NONE : SSL_VERIFY_PEER | (isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0))
        if let authorities {
            try self.trust(authorities)
            // The client is told whose certificates are of use.
            guard let names = SSL_load_client_CA_file(authorities) else { throw Self.error(authorities) }
            SSL_CTX_set_client_CA_list(self.context, names)
        }
        try self.show(
            configuration.certificateFile, key: configuration.keyFile ?? configuration.certificateFile)
    }

    private init(verifies mode: Int32) throws(GearmanError) {
        guard let context = SSL_CTX_new(TLS_method()) else { throw Self.error("OpenSSL") }
        self.address = UInt(bitPattern: context)
        gearman_tls_configure(context)
        SSL_CTX_set_verify(context, mode, nil)
        // Otherwise a key that is encrypted is asked for at the terminal.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
    }

    deinit {
        SSL_CTX_free(self.context)
    }

    private var context: OpaquePointer? { OpaquePointer(bitPattern: self.address) }

    private func trust(_ authorities: String?) throws(GearmanError) {
        if let authorities {
            guard SSL_CTX_load_verify_locations(self.context, authorities, nil) == 1 else {
                throw Self.error(authorities)
            }
        } else {
            guard SSL_CTX_set_default_verify_paths(self.context) == 1 else {
                throw Self.error("the system's authorities")
            }
        }
    }

    private func show(_ certificate: String, key: String) throws(GearmanError) {
        guard SSL_CTX_use_certificate_chain_file(self.context, certificate) == 1 else { throw Self.error(certificate) }
        guard SSL_CTX_use_PrivateKey_file(self.context, key, SSL_FILETYPE_PEM) == 1,
            SSL_CTX_check_private_key(self.context) == 1
        else { throw Self.error(key) }
    }

    /// A session with a server, whose certificate must carry this name or address.
    func makeSession(toServerNamed name: String) throws(TransportError) -> TLSSession {
        guard let ssl = SSL_new(self.context) else { throw TLSSession.error() }
        let session = TLSSession(owning: ssl, as: .client)
        SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        // An address is not a name: it stands elsewhere in a certificate, and is not told in the handshake.
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
        guard isAddress || SSL_set1_host(ssl, name) == 1 && gearman_tls_set_server_name(ssl, name) == 1 else {
            throw TLSSession.error()
        }
        return session
    }

    /// A session with whoever has connected.
    func makeSessionWithClient() throws(TransportError) -> TLSSession {
        guard let ssl = SSL_new(self.context) else { throw TLSSession.error() }
        return TLSSession(owning: ssl, as: .server)
    }

    private static func error(_ subject: String) -> GearmanError {
        GearmanError(.invalidRequest, "TLS cannot use \(subject): \(TLSSession.error().reason)")
    }
}
