public import Gearman

extension GearmanEventLoop {
    /// Makes an event loop whose connections to job servers are secured by TLS: those of clients, workers and
    /// administrators that are given it.
    ///
    /// - Parameters:
    ///   - label: its name in a debugger.
    ///   - tls: which certificates are trusted and shown. Files are read now, and not again.
    /// - Throws: ``GearmanError`` (`invalidRequest`) if a file cannot be used.
    public convenience init(label: String, tls: GearmanTLSConfiguration) throws {
        self.init(label: label, transport: try TLSTransport(tls))
    }

    /// Makes an event loop for a job server all of whose connections are secured by TLS: `GearmanJobServer` of the
    /// product `GearmanServer`.
    ///
    /// - Parameters:
    ///   - label: its name in a debugger.
    ///   - tls: the server's certificate, and whose certificates it accepts. Files are read now, and by
    ///     ``reloadCertificates()``.
    /// - Throws: ``GearmanError`` (`invalidRequest`) if a file cannot be used.
    public convenience init(label: String, serving tls: GearmanTLSServerConfiguration) throws {
        self.init(label: label, acceptor: try TLSAcceptor(tls))
    }

    /// Reads the files of a job server's certificates again, for the connections that come from now on. Those that are
    /// open keep what they have. On an event loop without such files this does nothing.
    ///
    /// - Throws: ``GearmanError`` (`invalidRequest`) if a file cannot be used; what was read before then stays in use.
    public func reloadCertificates() throws {
        try (self.acceptor as? TLSAcceptor)?.reload()
    }
}
