internal import DispatchExecutor
internal import Logging

/// What a ``ServerLink`` reports, on the event loop's queue.
enum ServerLinkEvent: Sendable {
    /// A connection is open: a new machine for it begins.
    case connected
    case received([UInt8])
    case progressed
    case drained
    /// The time asked for by ``ServerLink/wake(at:)`` has come.
    case timerFired
    /// The connection is closed; another attempt follows unless the link was stopped.
    case closed(GearmanError?, unsentBytes: Int)
    /// The server could not be reached; another attempt follows.
    case unreachable(GearmanError)
    /// The link was stopped and nothing of it is left. The last event.
    case stopped
}

/// Keeps one connection to one server: opens it, closes it, and tries again for ever, as ``ReconnectStateMachine``
/// decides.
///
/// What is said over the connection is its owner's business, a client or a worker on the same event loop.
actor ServerLink {
    private enum TimerID { case reconnect, connection }

    private nonisolated let executor: any EventLoopExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    nonisolated let server: GearmanServerAddress
    private let eventLoop: GearmanEventLoop
    private let connectTimeout: Duration
    private let logger: Logger
    /// Nil when the last event was reported: it holds the owner, which holds the link.
    private var onEvent: (@Sendable (ServerLinkEvent) -> Void)?

    private var reconnect: ReconnectStateMachine
    private var random: any RandomNumberGenerator & Sendable
    private var timers: EventLoopTimers<TimerID>
    private var channel: (any StreamChannel)?
    /// Tells the events of the present channel from those of an abandoned one.
    private var generation: UInt64 = 0
    private var isOpen = false
    private var isStopping = false
    private var hasStopped = false
    /// Why we closed the connection ourselves.
    private var closeReason: GearmanError?

    init(
        server: GearmanServerAddress, reconnect: ReconnectStateMachine.Configuration, eventLoop: GearmanEventLoop,
        logger: Logger, onEvent: @escaping @Sendable (ServerLinkEvent) -> Void
    ) {
        self.server = server
        self.executor = eventLoop.executor
        self.eventLoop = eventLoop
        self.connectTimeout = reconnect.connectTimeout
        self.reconnect = ReconnectStateMachine(configuration: reconnect)
        self.random = eventLoop.makeGenerator()
        var logger = logger
        logger[metadataKey: "server"] = "\(server)"
        self.logger = logger
        self.onEvent = onEvent
        self.timers = EventLoopTimers(executor: eventLoop.executor)
    }

    // MARK: What the owner asks for, on the event loop's queue

    /// The server is needed from now on.
    nonisolated func start() { self.enter { $0.perform($0.reconnect.started(now: self.executor.now)) } }
    nonisolated func write(_ bytes: [UInt8]) { self.enter(with: bytes) { $0.channel?.write($1) } }
    nonisolated var pendingBytes: Int { self.enter { $0.channel?.pendingBytes ?? 0 } }
    nonisolated func pauseReading() { self.enter { $0.channel?.pauseReading() } }
    nonisolated func resumeReading() { self.enter { $0.channel?.resumeReading() } }
    /// The server answered: the connection counts as a success.
    nonisolated func becameReady() {
        self.enter { $0.perform($0.reconnect.becameReady(now: self.executor.now)) }
    }
    /// Report ``ServerLinkEvent/timerFired`` then, in place of an earlier wish.
    nonisolated func wake(at instant: GearmanInstant) { self.enter { $0.scheduleWake(at: instant) } }
    /// Close the connection because of this; it is opened again later.
    nonisolated func close(because error: GearmanError) { self.enter { $0.closeChannel(because: error) } }
    /// Open nothing any more, and close what is open: at once, or after what was written has left.
    nonisolated func stop(afterFlush: Bool) { self.enter { $0.stopLink(afterFlush: afterFlush) } }

    private func scheduleWake(at instant: GearmanInstant) {
        self.timers.schedule(.connection, at: instant) { self.enter { $0.connectionTimerFired() } }
    }

    private func closeChannel(because error: GearmanError) {
        self.closeReason = error
        self.channel?.close()
    }

    private func stopLink(afterFlush: Bool) {
        if !self.isStopping {
            self.isStopping = true
            self.timers.cancel(.reconnect)
            self.perform(self.reconnect.stopRequested())
        }
        guard let channel = self.channel else {
            // Not from inside the owner's call, which may still be going through its links.
            return self.executor.execute { self.enter { $0.reportStopped() } }
        }
        if self.isOpen && afterFlush { channel.finish() } else { channel.close() }
    }

    private func reportStopped() {
        guard !self.hasStopped else { return }
        self.hasStopped = true
        self.timers.cancelAll()
        let onEvent = self.onEvent
        self.onEvent = nil
        onEvent?(.stopped)
    }

    // MARK: What happens

    private func perform(_ action: ReconnectStateMachine.Action) {
        switch action {
        case .attempt(let deadline):
            self.scheduleReconnect(at: deadline)
            self.connect()
        case .wait(let instant):
            self.scheduleReconnect(at: instant)
        case .abandonAttempt(let instant):
            self.scheduleReconnect(at: instant)
            self.generation &+= 1
            self.channel?.close()
            self.channel = nil
            self.report(unreachable: "It did not accept the connection in time")
        case .none:
            break
        }
    }

    private func scheduleReconnect(at instant: GearmanInstant) {
        self.timers.schedule(.reconnect, at: instant) { self.enter { $0.reconnectTimerFired() } }
    }

    private func reconnectTimerFired() {
        self.perform(self.reconnect.timerFired(now: self.executor.now, using: &self.random))
    }

    private func connectionTimerFired() {
        guard self.isOpen else { return }
        self.onEvent?(.timerFired)
    }

    private func connect() {
        self.generation &+= 1
        let generation = self.generation
        self.closeReason = nil
        let channel = self.eventLoop.transport.makeChannel(
            to: self.server, timeout: self.connectTimeout, eventLoop: self.eventLoop
        ) { event in
            self.enter(with: (event, generation)) { $0.happened($1.0, generation: $1.1) }
        }
        self.channel = channel
        self.logger.trace("connecting to job server")
        channel.open()
    }

    private func happened(_ event: StreamEvent, generation: UInt64) {
        guard generation == self.generation else { return }
        switch event {
        case .connected:
            self.isOpen = true
            self.logger.debug("connected to job server")
            self.perform(self.reconnect.connected(now: self.executor.now))
            self.onEvent?(.connected)
        case .received(let bytes):
            self.onEvent?(.received(bytes))
        case .blocked: break
        case .progressed:
            self.onEvent?(.progressed)
        case .drained:
            self.onEvent?(.drained)
        case .closed(let error, let unsentBytes):
            self.channelClosed(error, unsentBytes: unsentBytes)
        }
    }

    private func channelClosed(_ error: TransportError?, unsentBytes: Int) {
        let wasOpen = self.isOpen
        self.channel = nil
        self.isOpen = false
        self.timers.cancel(.connection)
        if wasOpen {
            let reason =
                self.closeReason
                ?? (self.isStopping ? nil : GearmanError(.connectionLost, Self.text(of: error, at: self.server)))
            self.log(closedBecause: reason)
            self.onEvent?(.closed(reason, unsentBytes: unsentBytes))
        }
        if self.isStopping { return self.reportStopped() }
        let action =
            wasOpen
            ? self.reconnect.connectionClosed(now: self.executor.now, using: &self.random)
            : self.reconnect.connectFailed(now: self.executor.now, using: &self.random)
        self.perform(action)
        if !wasOpen { self.report(unreachable: error?.description ?? "It closed the connection") }
    }

    private func report(unreachable reason: String) {
        self.logger.debug("job server is unreachable", metadata: ["reason": "\(reason)"])
        self.onEvent?(.unreachable(GearmanError(.notConnected, "\(self.server) is unreachable: \(reason)")))
    }

    /// A peer that does not speak the protocol is something that an operator can act on.
    private func log(closedBecause reason: GearmanError?) {
        let metadata: Logger.Metadata = ["reason": "\(reason?.description ?? "as asked for")"]
        if reason?.code == .protocolViolation {
            self.logger.error("closing the connection: the job server broke the protocol", metadata: metadata)
        } else {
            self.logger.debug("connection to job server is closed", metadata: metadata)
        }
    }

    private static func text(of error: TransportError?, at server: GearmanServerAddress) -> String {
        "The connection to \(server) ended: \(error?.description ?? "the server closed it")"
    }
}
