internal import Gearman

/// TLS over TCP.
struct TLSTransport: StreamTransport {
    let context: TLSContext

    func makeChannel(
        to server: GearmanServerAddress, timeout: Duration, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel {
        TLSChannel(to: server, timeout: timeout, context: self.context, eventLoop: eventLoop, onEvent: onEvent)
    }
}

/// A stream whose bytes are encrypted on their way through another one. It counts as connected after the handshake.
actor TLSChannel: StreamChannel {
    private nonisolated let executor: any EventLoopExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let server: GearmanServerAddress
    private let timeout: Duration
    private let context: TLSContext
    private let eventLoop: GearmanEventLoop
    private let onEvent: @Sendable (StreamEvent) -> Void

    private var stream: (any StreamChannel)?
    /// Nil before the stream is there, and after the end.
    private var session: TLSSession?
    private var failure: TransportError?
    /// The writes whose encrypted bytes have not all left: where these begin, and how many bytes the caller gave.
    private var unsent: [(start: Int, count: Int)] = []
    private var encryptedBytes = 0

    init(
        to server: GearmanServerAddress, timeout: Duration, context: TLSContext, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) {
        self.server = server
        self.timeout = timeout
        self.context = context
        self.eventLoop = eventLoop
        self.executor = eventLoop.executor
        self.onEvent = onEvent
    }

    // MARK: StreamChannel

    nonisolated func open() { self.assumeIsolated { $0.start() } }
    nonisolated func write(_ bytes: [UInt8]) { self.assumeIsolated { $0.encrypt(bytes) } }
    nonisolated var pendingBytes: Int { self.assumeIsolated { $0.stream?.pendingBytes ?? 0 } }
    nonisolated func pauseReading() { self.assumeIsolated { $0.stream?.pauseReading() } }
    nonisolated func resumeReading() { self.assumeIsolated { $0.stream?.resumeReading() } }
    nonisolated func finish() { self.assumeIsolated { $0.end() } }
    nonisolated func close() { self.assumeIsolated { $0.stream?.close() } }

    private func start() {
        precondition(self.stream == nil, "A stream is opened once")
        let stream = SocketTransport().makeChannel(to: self.server, timeout: self.timeout, eventLoop: self.eventLoop) {
            event in self.assumeIsolated { $0.happened(event) }
        }
        self.stream = stream
        stream.open()
    }

    private func encrypt(_ bytes: [UInt8]) {
        guard self.session?.isOpen == true, self.failure == nil else { return }
        self.forgetSent()
        self.unsent.append((self.encryptedBytes, bytes.count))
        self.session?.write(bytes)
        self.sendOutput()
    }

    private func end() {
        self.session?.end()
        self.sendOutput()
        self.stream?.finish()
    }

    private func sendOutput() {
        while let output = self.session?.takeOutput(), !output.isEmpty {
            self.encryptedBytes += output.count
            self.stream?.write(output)
        }
    }

    // MARK: What happens

    private func happened(_ event: StreamEvent) {
        switch event {
        case .connected:
            do throws(TransportError) {
                self.session = try self.context.makeSession(host: self.server.host)
                self.received([])
            } catch {
                self.fail(error)
            }
        case .received(let bytes):
            self.received(bytes)
        case .progressed:
            if self.session?.isOpen == true { self.onEvent(.progressed) }
        case .drained:
            if self.session?.isOpen == true { self.onEvent(.drained) }
        case .closed(let error, let unsentBytes):
            self.closed(error, unsentBytes: unsentBytes)
        }
    }

    private func received(_ bytes: [UInt8]) {
        guard self.failure == nil, let wasOpen = self.session?.isOpen, let progress = self.session?.received(bytes)
        else { return }
        self.sendOutput()
        switch progress {
        case .handshaking: break
        case .open(let plain):
            if !wasOpen { self.onEvent(.connected) }
            if !plain.isEmpty { self.onEvent(.received(plain)) }
        case .ended(let plain):
            if !wasOpen { self.onEvent(.connected) }
            if !plain.isEmpty { self.onEvent(.received(plain)) }
            self.stream?.close()
        case .failed(let error):
            self.fail(error)
        }
    }

    private func fail(_ error: TransportError) {
        self.failure = error
        self.stream?.close()
    }

    private func closed(_ error: TransportError?, unsentBytes: Int) {
        var reason = self.failure ?? error
        if self.session?.isOpen == false, reason == nil {
            reason = TransportError(operation: "TLS handshake", reason: "the server closed the connection")
        }
        self.session = nil
        self.stream = nil
        // Of a write of which something has left, all may have arrived.
        let sent = self.encryptedBytes - unsentBytes
        let unsent = self.unsent.reduce(0) { $0 + ($1.start >= sent ? $1.count : 0) }
        self.onEvent(.closed(reason, unsentBytes: unsent))
    }

    private func forgetSent() {
        let sent = self.encryptedBytes - self.pendingBytes
        guard let first = self.unsent.first, first.start < sent else { return }
        self.unsent.removeAll { $0.start < sent }
    }
}
