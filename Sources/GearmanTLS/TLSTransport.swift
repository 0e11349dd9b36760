internal import Gearman
internal import Synchronization

/// TLS over TCP, to the servers that are reached by it.
struct TLSTransport: StreamTransport {
    private let context: TLSContext
    private let configuration: GearmanTLSConfiguration

    init(_ configuration: GearmanTLSConfiguration) throws(GearmanError) {
        self.context = try TLSContext(configuration)
        self.configuration = configuration
    }

    func makeChannel(
        to server: GearmanServerAddress, timeout: Duration, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel {
        let transport = SocketTransport()
        guard self.configuration.securedServers?.contains(server) != false else {
            return transport.makeChannel(to: server, timeout: timeout, eventLoop: eventLoop, onEvent: onEvent)
        }
        let name = self.configuration.serverName ?? server.host
        // Less than the time for all of it, so that the error says what took so long.
        let channel = TLSChannel(
            handshakeTimeout: timeout * 3 / 4, eventLoop: eventLoop,
            makeSession: { () throws(TransportError) in try self.context.makeSession(toServerNamed: name) },
            onEvent: onEvent)
        channel.secure(
            transport.makeChannel(to: server, timeout: timeout, eventLoop: eventLoop) { channel.happened($0) })
        return channel
    }
}

/// TLS over the sockets that a job server accepted.
final class TLSAcceptor: StreamAcceptor {
    private let configuration: GearmanTLSServerConfiguration
    /// What the connections of this moment begin with. Each keeps its own to the end.
    private let context: Mutex<TLSContext>

    init(_ configuration: GearmanTLSServerConfiguration) throws(GearmanError) {
        self.configuration = configuration
        self.context = Mutex(try TLSContext(configuration))
    }

    /// Reads the files again. What was read before stays in use if one of them is of no use.
    func reload() throws(GearmanError) {
        let context = try TLSContext(self.configuration)
        self.context.withLock { $0 = context }
    }

    func makeChannel(
        accepted descriptor: consuming Descriptor, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel {
        let channel = TLSChannel(
            handshakeTimeout: self.configuration.handshakeTimeout, eventLoop: eventLoop,
            makeSession: { () throws(TransportError) in
                try self.context.withLock { $0 }.makeSessionWithClient()
            }, onEvent: onEvent)
        channel.secure(
            SocketTransport().makeChannel(accepted: descriptor, eventLoop: eventLoop) { channel.happened($0) })
        return channel
    }
}
