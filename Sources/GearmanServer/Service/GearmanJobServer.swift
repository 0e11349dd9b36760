public import CoreMetrics
internal import DispatchExecutor
internal import Foundation
public import Gearman
public import Logging

/// A Gearman job server in this process, which clients and workers cannot tell from gearmand 1.1.20.
///
/// All its input and output happens on one event loop. What it answers is decided by `JobServerStateMachine`.
///
/// ```swift
/// let server = GearmanJobServer(logger: logger)
/// let address = try await server.start(host: "127.0.0.1", port: 0)
/// …
/// await server.stop()
/// ```
///
/// Call ``stop()`` at the end: until then it listens, and keeps itself alive.
///
/// Its jobs are in memory, unless it has a ``GearmanJobJournal``: then background jobs, those of SUBMIT_JOB_EPOCH among
/// them, are answered when the journal has them, and are there again when a server starts with the same journal. Run
/// ``keepJobs()`` beside it.
public actor GearmanJobServer {
    /// The stream of a connection.
    private struct Channel {
        let connection: ConnectionID
        let stream: any StreamChannel
        /// Its socket takes no more: what is written has to wait.
        var isBlocked = false
    }

    private enum State {
        /// Can transition to: `starting`, `stopped`.
        case idle
        /// Waits for its listeners. Can transition to: `running`, `idle` if it fails, `stopping`.
        case starting
        /// Can transition to: `stopping`.
        case running
        /// Waits for connections and listeners to close. Can transition to: `stopped`.
        case stopping
        case stopped
    }

    private nonisolated let executor: DispatchQueueExecutor
    /// The event loop's queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let eventLoop: GearmanEventLoop
    private let keepAlive: GearmanKeepAlive
    private let logger: Logger
    private let journal: (any GearmanJobJournal)?
    private let changes: AsyncStream<GearmanJournalChange>
    private let changesToMake: AsyncStream<GearmanJournalChange>.Continuation
    private var state = State.idle
    private var machine: JobServerStateMachine
    private var metrics: JobServerMetrics
    private var listeners: [SocketListener] = []
    /// By the places of their connections.
    private var channels: [Channel?] = []
    private var channelCount = 0
    private enum TimerID { case machine, end }
    private var timers: EventLoopTimers<TimerID>
    /// What is not written by now never will be.
    private var isJournalOver = false
    /// Who waits for the end, by number.
    private var whenStopped: [Int: CheckedContinuation<Void, Never>] = [:]
    private var nextWait = 0

    /// How long connections have, at the end, to read what they were sent, and the journal to be written.
    private static let farewell: Duration = .seconds(2)

    /// Makes a server; nothing happens before ``start(host:port:backlog:)``.
    ///
    /// - Parameters:
    ///   - configuration: how it behaves; as gearmand by default.
    ///   - journal: where it keeps background jobs; nil: nowhere.
    ///   - keepAlive: when the system looks whether silent peers are still there.
    ///   - eventLoop: where input and output happen. It is busy with every packet of this server. The product
    ///     `GearmanTLS` makes event loops whose servers speak TLS.
    ///   - metrics: where counters go. Default nil: to the factory that the program has given to `MetricsSystem`, if it
    ///     has.
    ///   - logger: gets debug messages.
    public init(
        configuration: GearmanJobServerConfiguration = GearmanJobServerConfiguration(),
        journal: (any GearmanJobJournal)? = nil,
        keepAlive: GearmanKeepAlive = GearmanKeepAlive(), eventLoop: GearmanEventLoop = .shared,
        metrics: (any MetricsFactory)? = nil, logger: Logger
    ) {
        var configuration = configuration
        configuration.handlePrefix = configuration.handlePrefix ?? "H:\(Self.machineName)"
        self.machine = JobServerStateMachine(
            configuration: configuration, processID: getpid(), keepsJobs: journal != nil)
        self.metrics = JobServerMetrics(factory: metrics ?? MetricsSystem.factory)
        self.journal = journal
        (self.changes, self.changesToMake) = AsyncStream.makeStream()
        self.keepAlive = keepAlive
        self.executor = eventLoop.queueExecutor
        self.eventLoop = eventLoop
        self.logger = logger
        self.timers = EventLoopTimers(executor: eventLoop.executor)
    }

    private var now: JobServerTime { JobServerTime(monotonic: self.executor.now) }

    private static var machineName: String {
        var name = [CChar](repeating: 0, count: 64)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    // MARK: Life

    /// Begins to listen, and reads what the journal has before it serves anybody.
    ///
    /// - Parameters:
    ///   - host: all addresses of this name, or this address: `0.0.0.0` for all of IPv4.
    ///   - port: 0 if the system is to choose a free one.
    ///   - backlog: how many connections may wait to be accepted.
    /// - Returns: where it listens.
    /// - Throws: `GearmanError`: `notConnected` if the address cannot be listened on, or the journal cannot be read;
    ///   `closed` if the server was started or stopped before.
    @discardableResult
    public func start(
        host: String = "127.0.0.1", port: Int = GearmanServerAddress.defaultPort, backlog: Int = 1_024
    ) async throws -> GearmanServerAddress {
        guard case .idle = self.state else { throw GearmanError(.closed, "A job server is started once") }
        self.state = .starting
        let listeners: [SocketListener]
        do throws(TransportError) {
            listeners = try await SocketListener.listeners(
                host: host, port: port, backlog: Int32(clamping: backlog), keepAlive: self.keepAlive.times,
                eventLoop: self.eventLoop
            ) { number, host in
                self.enter { $0.accepted(number, host) }
            }
        } catch {
            if case .starting = self.state { self.state = .idle }
            throw GearmanError(.notConnected, "Cannot listen on \(host), port \(port): \(error)")
        }
        do throws(GearmanJournalError) {
            try await self.restore()
        } catch {
            for listener in listeners { await listener.close() }
            if case .starting = self.state { self.state = .idle }
            throw GearmanError(.notConnected, "The kept jobs cannot be read: \(error.text)")
        }
        guard case .starting = self.state else {
            for listener in listeners { await listener.close() }
            throw GearmanError(.closed, "The job server was stopped before it had started")
        }
        self.state = .running
        self.listeners = listeners
        for listener in listeners { await listener.start() }
        let address = GearmanServerAddress(host: host, port: listeners[0].port)
        self.logger.debug("Listening", metadata: ["server": "\(address)"])
        return address
    }

    private func restore() async throws(GearmanJournalError) {
        guard let journal = self.journal else { return }
        let lastNumber = try await journal.open()
        var number: UInt64 = 0
        while true {
            let jobs = try await journal.jobs(after: number)
            self.perform(self.machine.restored(jobs, lastNumber: lastNumber, now: self.now))
            guard let last = jobs.last else { return }
            number = last.number
        }
    }

    /// Writes the journal for as long as the server runs; nothing is kept without it. Call it once.
    ///
    /// - Throws: `GearmanError` `closed` if another server has taken the jobs. This one has stopped then.
    public func keepJobs() async throws(GearmanError) {
        guard let journal = self.journal else { return }
        for await change in self.changes {
            do throws(GearmanJournalError) {
                let refused = try await journal.write(change)
                self.perform(self.machine.changeWritten(refused: refused, now: self.now))
            } catch {
                switch error {
                case .unavailable(let reason):
                    self.logger.debug("Jobs could not be kept; trying again", metadata: ["error": "\(reason)"])
                    self.perform(self.machine.changeFailed(now: self.now))
                case .superseded(let reason):
                    self.perform(self.machine.journalSuperseded(now: self.now))
                    await self.stopped(self.makeWaitNumber(), isCancellable: false)
                    throw GearmanError(.closed, reason)
                }
            }
            self.lookForTheEnd()
        }
    }

    /// Ends the server, and returns when all its connections are closed. Its jobs are lost, but for kept ones.
    public func stop() async {
        self.perform(self.machine.shutdownRequested(isGraceful: false, now: self.now))
        // Who is cancelled waits too: it is not for long.
        await self.stopped(self.makeWaitNumber(), isCancellable: false)
    }

    /// Accepts no more connections, and ends when the last job has: it still gives out what is queued. ``stop()`` ends
    /// it sooner. It returns at once.
    public func beginGracefulShutdown() {
        self.perform(self.machine.shutdownRequested(isGraceful: true, now: self.now))
    }

    /// Returns when the server has stopped, whoever wanted it, or when the calling task is cancelled. That does not
    /// stop the server.
    public func waitUntilStopped() async {
        let number = self.makeWaitNumber()
        await withTaskCancellationHandler {
            await self.stopped(number, isCancellable: true)
        } onCancel: {
            self.executor.execute { self.enter { $0.whenStopped.removeValue(forKey: number)?.resume() } }
        }
    }

    private func makeWaitNumber() -> Int {
        self.nextWait += 1
        return self.nextWait
    }

    private func stopped(_ number: Int, isCancellable: Bool) async {
        await withCheckedContinuation { continuation in
            switch self.state {
            case .idle, .starting, .running, .stopping:
                if isCancellable && Task.isCancelled { return continuation.resume() }
                self.whenStopped[number] = continuation
            case .stopped: continuation.resume()
            }
        }
    }

    private func finish() {
        switch self.state {
        case .idle, .starting, .running:
            self.state = .stopping
            self.timers.schedule(.end, at: self.executor.now.advanced(by: Self.farewell)) {
                self.enter { $0.giveUp() }
            }
            for channel in self.channels { channel?.stream.finish() }
            self.lookForTheEnd()
        case .stopping, .stopped: break
        }
    }

    private func giveUp() {
        self.changesToMake.finish()
        self.isJournalOver = true
        for channel in self.channels { channel?.stream.close() }
        self.lookForTheEnd()
    }

    private func lookForTheEnd() {
        guard case .stopping = self.state, self.channelCount == 0,
            self.machine.isJournalQuiet || self.isJournalOver
        else { return }
        self.state = .stopped
        self.changesToMake.finish()
        self.timers.cancelAll()
        for continuation in self.whenStopped.values { continuation.resume() }
        self.whenStopped = [:]
        self.logger.debug("Stopped")
    }

    private func closeListeners() {
        for listener in self.listeners { listener.enter { $0.close() } }
        self.listeners = []
    }

    // MARK: Connections

    private func accepted(_ number: Int32, _ host: String) {
        let connection = self.machine.connectionOpened(descriptor: number, host: host)
        let channel = self.eventLoop.acceptor.makeChannel(
            accepted: Descriptor(owning: number), eventLoop: self.eventLoop
        ) { event in
            self.enter(with: (event, connection)) { $0.happened($1.0, to: $1.1) }
        }
        if connection.slot == self.channels.count { self.channels.append(nil) }
        self.channels[connection.slot] = Channel(connection: connection, stream: channel)
        self.channelCount += 1
        self.metrics.connectionsChanged(to: self.channelCount)
        channel.open()
        if !self.machine.hasRoom { self.setAccepting(false) }
    }

    private func setAccepting(_ isAccepting: Bool) {
        for listener in self.listeners {
            listener.enter { isAccepting ? $0.resume() : $0.pause() }
        }
    }

    private func happened(_ event: StreamEvent, to connection: ConnectionID) {
        switch event {
        case .connected: break
        case .blocked:
            self.channels[connection.slot]?.isBlocked = true
            self.reportUnsent(connection)
        case .progressed: self.reportUnsent(connection)
        case .received(let bytes):
            self.perform(self.machine.bytesReceived(bytes, from: connection, now: self.now))
        case .drained:
            self.channels[connection.slot]?.isBlocked = false
            self.channels[connection.slot]?.stream.resumeReading()
            self.perform(self.machine.connectionCaughtUp(connection, now: self.now))
        case .closed(let error, _):
            self.channels[connection.slot] = nil
            self.channelCount -= 1
            self.metrics.connectionsChanged(to: self.channelCount)
            if let error {
                self.logger.debug("A connection ended", metadata: ["error": "\(error)"])
            }
            self.perform(self.machine.connectionClosed(connection, now: self.now))
            if self.machine.hasRoom { self.setAccepting(true) }
            self.lookForTheEnd()
        }
    }

    private func perform(_ actions: JobServerActions) {
        var behind: [ConnectionID] = []
        for write in actions.writes {
            guard let channel = self.channel(of: write.connection) else { continue }
            channel.stream.write(write.bytes)
            let isFull = channel.stream.pendingBytes >= StreamLimits.writeBufferHighBytes
            if isFull { channel.stream.pauseReading() }
            if isFull || channel.isBlocked { behind.append(write.connection) }
        }
        for close in actions.closes {
            guard let channel = self.channel(of: close.connection) else { continue }
            if close.isAfterFlush { channel.stream.finish() } else { channel.stream.close() }
        }
        if let wakeAt = actions.wakeAt {
            self.timers.schedule(.machine, at: wakeAt) { self.enter { $0.timerFired() } }
        }
        if let change = actions.change { self.changesToMake.yield(change) }
        if actions.stopsListening { self.closeListeners() }
        if actions.isFinished { self.finish() }
        let held = self.machine.held
        self.metrics.publish(self.machine.counters, jobs: held.jobs, bytes: held.bytes)
        // Only now: what follows from it must be written after what was to be written here.
        for connection in behind { self.reportUnsent(connection) }
    }

    /// Nil: it is closed. Somebody else may have its place.
    private func channel(of connection: ConnectionID) -> Channel? {
        guard let channel = self.channels[connection.slot], channel.connection == connection else { return nil }
        return channel
    }

    /// Tells the machine how much a connection has not read.
    private func reportUnsent(_ connection: ConnectionID) {
        guard let unsentBytes = self.channel(of: connection)?.stream.pendingBytes else { return }
        self.perform(self.machine.connectionFellBehind(connection, unsentBytes: unsentBytes, now: self.now))
    }

    private func timerFired() {
        self.perform(self.machine.timerFired(now: self.now))
    }
}

extension GearmanKeepAlive {
    fileprivate var times: KeepAliveTimes {
        KeepAliveTimes(
            idleSeconds: self.idle.map { Int32(clamping: $0.components.seconds) },
            intervalSeconds: self.interval.map { Int32(clamping: $0.components.seconds) },
            count: self.count.map { Int32(clamping: $0) })
    }
}
