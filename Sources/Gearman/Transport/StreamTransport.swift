/// What happens to a stream. Events come on the event loop's queue, in this order: `connected` at most once, any number
/// of `received`, `blocked`, `progressed` and `drained`, `closed` exactly once and last.
package enum StreamEvent: Equatable, Sendable {
    /// The peer accepted the connection.
    case connected
    /// Bytes came, as many as there were.
    case received([UInt8])
    /// The peer does not take all bytes that were written; the rest has to wait for it.
    case blocked
    /// The peer took a part of the bytes that had to wait for it.
    case progressed
    /// The write buffer had to wait for the peer, or had been above ``StreamLimits/writeBufferHighBytes``, and is empty
    /// again.
    case drained
    /// The stream is over and its descriptor closed. Without an error: it was closed as asked for, or the peer ended
    /// it. The last `unsentBytes` that were written never left.
    case closed(TransportError?, unsentBytes: Int)
}

/// A stream of bytes to a server, open or being opened. All methods are called on the event loop's queue.
package protocol StreamChannel: AnyObject, Sendable {
    /// Begins to connect. Nothing is reported before this is called.
    func open()
    /// Sends the bytes after those sent before; what is sent in one turn of the event loop leaves in one system call.
    /// Ignored unless the stream is open.
    func write(_ bytes: [UInt8])
    /// The bytes that wait for the peer to take them.
    var pendingBytes: Int { get }
    /// Stops reading from the socket, so that the peer has to wait. Already delivered bytes are not taken back.
    func pauseReading()
    func resumeReading()
    /// Sends what waits, then tells the peer that nothing more comes, and closes when the peer has closed too.
    func finish()
    /// Closes at once, without sending what waits.
    func close()
}

/// Opens streams. Behind a protocol, so that tests put their own in its place and another implementation can follow.
package protocol StreamTransport: Sendable {
    /// Makes a stream to a server that waits for ``StreamChannel/open()``.
    ///
    /// - Parameters:
    ///   - timeout: how long connecting may take, name lookup included.
    ///   - onEvent: called on the event loop's queue.
    func makeChannel(
        to server: GearmanServerAddress, timeout: Duration, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel
}

/// Makes streams of the connections that come to a listener.
package protocol StreamAcceptor: Sendable {
    /// Makes a stream over a socket that was accepted; it waits for ``StreamChannel/open()``.
    ///
    /// - Parameter onEvent: called on the event loop's queue.
    func makeChannel(
        accepted descriptor: consuming Descriptor, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel
}

/// TCP by non-blocking sockets.
package struct SocketTransport: StreamTransport, StreamAcceptor {
    package init() {}

    package func makeChannel(
        to server: GearmanServerAddress, timeout: Duration, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel {
        StreamConnection(server: server, timeout: timeout, eventLoop: eventLoop, onEvent: onEvent)
    }

    package func makeChannel(
        accepted descriptor: consuming Descriptor, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel {
        StreamConnection(accepted: descriptor, eventLoop: eventLoop, onEvent: onEvent)
    }
}
