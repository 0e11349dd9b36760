internal import Gearman

/// A stream whose bytes are encrypted on their way through another one. It counts as connected after the handshake.
actor TLSChannel: StreamChannel {
    private nonisolated let executor: any EventLoopExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let handshakeTimeout: Duration
    private let makeSession: @Sendable () throws(TransportError) -> TLSSession
    private let onEvent: @Sendable (StreamEvent) -> Void

    /// Nil after the end.
    private var stream: (any StreamChannel)?
    /// Nil before the stream is there, and after the end.
    private var session: TLSSession?
    private var failure: TransportError?
    private enum TimerID { case handshake, end }
    private var timers: EventLoopTimers<TimerID>
    /// The writes whose encrypted bytes have not all left: where these begin, and how many bytes the caller gave.
    private var unsent: [(start: Int, count: Int)] = []
    private var encryptedBytes = 0

    /// How long a peer has to read why it was refused.
    private static let farewell: Duration = .seconds(1)

    /// Give it its stream by ``secure(_:)`` then.
    ///
    /// - Parameter handshakeTimeout: from when the stream is connected until both sides can speak.
    init(
        handshakeTimeout: Duration, eventLoop: GearmanEventLoop,
        makeSession: @escaping @Sendable () throws(TransportError) -> TLSSession,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) {
        self.handshakeTimeout = handshakeTimeout
        self.executor = eventLoop.executor
        self.makeSession = makeSession
        self.onEvent = onEvent
        self.timers = EventLoopTimers(executor: eventLoop.executor)
    }

    /// Names the stream that carries the encrypted bytes, and tells ``happened(_:)`` its events. Called once, at first.
    nonisolated func secure(_ stream: any StreamChannel) { self.assumeIsolated { $0.stream = stream } }

    // MARK: StreamChannel

    nonisolated func open() { self.assumeIsolated { $0.stream?.open() } }
    nonisolated func write(_ bytes: [UInt8]) { self.assumeIsolated { $0.encrypt(bytes) } }
    nonisolated var pendingBytes: Int { self.assumeIsolated { $0.stream?.pendingBytes ?? 0 } }
    nonisolated func pauseReading() { self.assumeIsolated { $0.stream?.pauseReading() } }
    nonisolated func resumeReading() { self.assumeIsolated { $0.stream?.resumeReading() } }
    nonisolated func finish() { self.assumeIsolated { $0.end() } }
    nonisolated func close() { self.assumeIsolated { $0.stream?.close() } }

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

    /// What happened to the stream below.
    nonisolated func happened(_ event: StreamEvent) { self.assumeIsolated { $0.receive(event) } }

    private func receive(_ event: StreamEvent) {
        switch event {
        case .connected:
            self.timers.schedule(.handshake, at: self.executor.now.advanced(by: self.handshakeTimeout)) {
                self.assumeIsolated { $0.handshakeTimedOut() }
            }
            do throws(TransportError) {
                self.session = try self.makeSession()
                self.received([])
            } catch {
                self.fail(error)
            }
        case .received(let bytes):
            self.received(bytes)
        case .blocked:
            if self.session?.isOpen == true { self.onEvent(.blocked) }
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
            self.report(plain, wasOpen: wasOpen)
        case .ended(let plain):
            self.report(plain, wasOpen: wasOpen)
            self.stream?.close()
        case .failed(let error):
            self.fail(error)
        }
    }

    private func report(_ plain: [UInt8], wasOpen: Bool) {
        if !wasOpen {
            self.timers.cancel(.handshake)
            self.onEvent(.connected)
        }
        if !plain.isEmpty { self.onEvent(.received(plain)) }
    }

    private func handshakeTimedOut() {
        guard self.failure == nil, self.session?.isOpen == false else { return }
        self.failure = TransportError(
            operation: "TLS handshake", reason: "it did not end in time; does the other side speak TLS?")
        self.stream?.close()
    }

    /// The session wrote the reason for the peer: it must have left before the stream is closed.
    private func fail(_ error: TransportError) {
        self.failure = error
        self.timers.cancel(.handshake)
        self.timers.schedule(.end, at: self.executor.now.advanced(by: Self.farewell)) {
            self.assumeIsolated { $0.stream?.close() }
        }
        self.stream?.finish()
    }

    private func closed(_ error: TransportError?, unsentBytes: Int) {
        var reason = self.failure ?? error
        if self.session?.isOpen == false, reason == nil {
            reason = TransportError(
                operation: "TLS handshake", reason: "the other side closed the connection; does it speak TLS?")
        }
        self.timers.cancelAll()
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
