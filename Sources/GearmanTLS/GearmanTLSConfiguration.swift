public import Gearman

/// How connections to job servers are secured.
public struct GearmanTLSConfiguration: Sendable {
    /// A file of PEM with the certificates of the authorities that are trusted. Default nil: those of the system.
    public var authorityFile: String?

    /// A file of PEM with a certificate of one's own and those between it and its authority, for servers that ask for
    /// one. Default nil: none.
    public var certificateFile: String?

    /// A file of PEM with the key of the certificate of one's own; it must not be encrypted. Default nil: it stands in
    /// the file of the certificate.
    public var keyFile: String?

    /// The name or address that the certificates of the servers must carry. Default nil: the host of the server's
    /// address.
    public var serverName: String?

    /// Whether certificates are verified. Without that anybody on the way may read and change everything. Default true.
    public var isVerifying = true

    /// The servers that are reached by TLS; all others in plain text. Default nil: all.
    public var securedServers: Set<GearmanServerAddress>?

    /// The defaults: certificates are verified with the system's authorities and the host of each server.
    public init() {}
}
