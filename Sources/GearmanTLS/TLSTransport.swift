internal import Gearman

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
        // A little less than the time for all of it, so that the error says what took so long.
        let channel = TLSChannel(
            handshakeTimeout: timeout * 9 / 10, eventLoop: eventLoop,
            makeSession: { () throws(TransportError) in try self.context.makeSession(toServerNamed: name) },
            onEvent: onEvent)
        channel.secure(
            transport.makeChannel(to: server, timeout: timeout, eventLoop: eventLoop) { channel.happened($0) })
        return channel
    }
}

/// TLS over the sockets that a job server accepted.
struct TLSAcceptor: StreamAcceptor {
    private let context: TLSContext
    private let handshakeTimeout: Duration

    init(_ configuration: GearmanTLSServerConfiguration) throws(GearmanError) {
        self.context = try TLSContext(configuration)
        self.handshakeTimeout = configuration.handshakeTimeout
    }

    func makeChannel(
        accepted descriptor: consuming Descriptor, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel {
        let channel = TLSChannel(
            handshakeTimeout: self.handshakeTimeout, eventLoop: eventLoop,
            makeSession: { () throws(TransportError) in try self.context.makeSessionWithClient() }, onEvent: onEvent)
        channel.secure(
            SocketTransport().makeChannel(accepted: descriptor, eventLoop: eventLoop) { channel.happened($0) })
        return channel
    }
}
