/// How a job server secures the connections of its clients and workers.
public struct GearmanTLSServerConfiguration: Sendable {
    /// A file of PEM with the server's certificate and those between it and its authority.
    public var certificateFile: String

    /// A file of PEM with the key of the certificate; it must not be encrypted. Nil: it stands in the file of the
    /// certificate.
    public var keyFile: String?

    /// A file of PEM with the certificates of the authorities that clients and workers are trusted by. They are asked
    /// for a certificate then, and one that is shown must be valid. Default nil: nobody is asked.
    public var clientAuthorityFile: String?

    /// Whether those who show no certificate are refused; then there must be authorities. Default false.
    public var requiresClientCertificate = false

    /// How long a client may take until both sides can speak; it is closed then. Default 10 seconds.
    public var handshakeTimeout: Duration = .seconds(10)

    /// - Parameters:
    ///   - certificateFile: the server's certificate.
    ///   - keyFile: its key, if it stands in another file.
    public init(certificateFile: String, keyFile: String? = nil) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}
