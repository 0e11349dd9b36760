public import Gearman

extension GearmanEventLoop {
    /// Makes an event loop all of whose connections are secured by TLS: those of clients, workers and administrators
    /// that are given it.
    ///
    /// - Parameters:
    ///   - label: its name in a debugger.
    ///   - tls: which certificates are trusted and shown. Files are read now, and not again.
    /// - Throws: ``GearmanError`` (`invalidRequest`) if a file cannot be used.
    public convenience init(label: String, tls: GearmanTLSConfiguration) throws {
        self.init(label: label, transport: TLSTransport(context: try TLSContext(tls)))
    }
}
