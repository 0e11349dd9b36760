internal import CoreMetrics
internal import DispatchExecutor
public import Logging
internal import Synchronization

/// Submits jobs to Gearman job servers, and tells what becomes of them.
///
/// Connections are opened at first use, kept, and opened again when they are lost, for ever. A job with a unique ID
/// goes to the server that its unique hashes to, or to the next in that order while the server is away; other jobs go
/// to the servers in turn. Call ``close()`` at the end: until then the connections stay open and keep the client alive.
public actor GearmanClient {
    /// One server, and the connection to it.
    struct Connection {
        let link: ServerLink
        let metrics: ServerMetrics
        /// Nil while there is no connection.
        var machine: ClientConnectionStateMachine?
        var health: GearmanServerHealth
        /// The jobs of the async form whose events nobody reads: while there are any, nothing is read from this server.
        var unreadJobs: Set<UInt64> = []
        /// The machine wanted to be woken while reading paused; the silence of that time is not the server's.
        var hasMissedTimer = false
    }

    private struct ConnectionWaiter {
        /// Nil: any one will do.
        let server: GearmanServerAddress?
        let continuation: CheckedContinuation<Void, Never>
    }

    private enum State {
        /// In use. Can transition to: `closing`.
        case running
        /// Waits for its connections to close. Can transition to: `closed`.
        case closing
        case closed
    }

    nonisolated let executor: any EventLoopExecutor
    /// The event loop's queue: whoever is on it may call the client without waiting.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    nonisolated let servers: [GearmanServerAddress]
    nonisolated let configuration: GearmanClientConfiguration
    private let eventLoop: GearmanEventLoop
    private let logger: Logger
    /// For the jobs that no server can take.
    private let metrics: ServerMetrics

    private var state = State.running
    /// Which server each job goes to, and the jobs that wait until it is known which servers can be reached.
    private(set) var router: JobRouter
    /// One for each server, in the order of `servers`; empty until the first use.
    var connections: [Connection] = []
    private var sink: (@Sendable ([GearmanJobUpdate]) -> Void)?
    private var undelivered: [GearmanJobUpdate] = []
    private var openLinks = 0
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []
    private var decisionWaiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    private var connectionWaiters: [UInt64: ConnectionWaiter] = [:]

    private let nextID = Atomic(AsyncJobTable.firstID)
    /// The jobs of the async form that were not yet started.
    nonisolated let awaitedJobs = Mailbox(empty: AwaitedJobs())
    /// What the async form waits for.
    var jobs = AsyncJobTable()
    var questions = QuestionTable()

    /// Makes a client. It connects when it is used first.
    ///
    /// - Parameters:
    ///   - servers: the job servers; all clients of an installation should name the same ones, in any order and in the
    ///     same words, so that equal unique IDs meet.
    ///   - configuration: timeouts and limits.
    ///   - eventLoop: where input and output happen.
    ///   - logger: gets debug messages, and errors when a server breaks the protocol.
    public init(
        servers: [GearmanServerAddress], configuration: GearmanClientConfiguration = GearmanClientConfiguration(),
        eventLoop: GearmanEventLoop = .shared, logger: Logger
    ) {
        self.servers = servers.uniqued()
        self.configuration = configuration
        self.executor = eventLoop.executor
        self.eventLoop = eventLoop
        var logger = logger
        logger[metadataKey: "role"] = "client"
        self.logger = logger
        self.metrics = ServerMetrics(
            .client, server: "none", factory: configuration.metrics ?? MetricsSystem.factory)
        self.router = JobRouter(servers: self.servers, limits: configuration.limits)
    }

    /// A number for a job of the async form, or for something else that waits.
    nonisolated func makeID() -> UInt64 { self.nextID.wrappingAdd(1, ordering: .relaxed).oldValue }

    // MARK: The pipelined form

    /// Names who hears what becomes of the jobs that are started by ``start(_:)``.
    ///
    /// - Parameter sink: called on the event loop's queue, with everything that one read brought, never from inside a
    ///   call to the client.
    package func onEvents(_ sink: @escaping @Sendable ([GearmanJobUpdate]) -> Void) {
        self.sink = sink
    }

    /// Submits jobs. Each of them gets its events, the last of which is final, or `created` for a background job.
    ///
    /// - Parameter jobs: their numbers lie below ``AsyncJobTable/firstID``.
    package func start(_ jobs: [GearmanPipelinedJob]) {
        switch self.state {
        case .running:
            self.openConnections()
            let room = self.configuration.queuedSizeBytes - self.queuedBytes
            self.perform(self.router.jobsSubmitted(jobs, room: room, late: self.serversToAvoid()))
        case .closing, .closed:
            let error = GearmanError(.closed, "The client was closed")
            self.deliverLater(jobs.map { GearmanJobUpdate(id: $0.id, event: .refused(error)) })
        }
    }

    /// Nobody wants to hear of these jobs any more. They may run nevertheless.
    package func abandon(_ ids: [UInt64]) {
        self.router.jobsAbandoned(ids)
        for index in self.connections.indices {
            guard let actions = self.connections[index].machine?.jobsAbandoned(ids) else { continue }
            self.perform(actions, at: index, isCallback: false)
        }
    }

    /// At least one server answers.
    package var isConnected: Bool {
        self.router.conditions.contains(.healthy)
    }

    /// What is known about each server at this moment, in the order in which they were named.
    public var health: [GearmanServerHealth] {
        guard !self.connections.isEmpty else { return self.servers.map { GearmanServerHealth(server: $0) } }
        let late = self.lateServers()
        return self.connections.indices.map { index in
            var health = self.connections[index].health
            health.unsentSizeBytes = self.connections[index].link.pendingBytes
            if late.contains(index) { health.condition = .slow }
            return health
        }
    }

    /// The servers that are connected and owe an answer for too long.
    private func lateServers() -> Set<Int> {
        let now = self.executor.now
        var late: Set<Int> = []
        for index in self.connections.indices
        where self.connections[index].machine.mutate({ $0.isLate(now: now) }) == true { late.insert(index) }
        return late
    }

    /// The servers in whose place others are to be used.
    private func serversToAvoid() -> Set<Int> { self.servers.count > 1 ? self.lateServers() : [] }

    /// Opens the connections if need be, and returns when a server answers; at once if one does or the client has no
    /// such server, and when the client is closed or the task is cancelled.
    ///
    /// - Parameter server: the server to wait for; nil if any one will do.
    public func connected(to server: GearmanServerAddress? = nil) async {
        guard self.state == .running, server.map(self.servers.contains) ?? !self.servers.isEmpty else { return }
        self.openConnections()
        let id = self.makeID()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled, self.state == .running, !self.isConnected(to: server) else {
                    return continuation.resume()
                }
                self.connectionWaiters[id] = ConnectionWaiter(server: server, continuation: continuation)
            }
        } onCancel: {
            self.executor.execute {
                self.enter { $0.connectionWaiters.removeValue(forKey: id)?.continuation.resume() }
            }
        }
    }

    private func isConnected(to server: GearmanServerAddress?) -> Bool {
        zip(self.servers, self.router.conditions).contains { $1 == .healthy && (server == nil || $0 == server) }
    }

    // MARK: Sending

    private func perform(_ actions: JobRouter.Actions) {
        for (index, batch) in actions.batches.enumerated() where !batch.isEmpty {
            let room = self.room(at: index)
            self.connections[index].metrics.jobsStarted(batch.count)
            guard
                let actions = self.connections[index].machine?.jobsSubmitted(batch, room: room, now: self.executor.now)
            else {
                continue
            }
            self.perform(actions, at: index, isCallback: false)
        }
        guard !actions.refused.isEmpty else { return }
        let refused = self.explained(actions.refused)
        self.metrics.happened(refused)
        self.deliverLater(refused)
    }

    /// The same, with what is wrong with the servers.
    private func explained(_ refused: [GearmanJobUpdate]) -> [GearmanJobUpdate] {
        let unreachable = self.unreachable(self.connections.indices)
        return refused.map { update in
            guard case .refused(let error) = update.event, error.code == .notConnected else { return update }
            return GearmanJobUpdate(id: update.id, event: .refused(unreachable))
        }
    }

    /// None of these servers answers; with the reasons that are known.
    func unreachable(_ servers: some Collection<Int>) -> GearmanError {
        let errors = servers.compactMap { self.connections[$0].health.lastError }
        let reasons = errors.isEmpty ? "" : ": " + errors.map(\.message).joined(separator: "; ")
        return GearmanError(.notConnected, "No job server can be reached\(reasons)", underlying: errors.first)
    }

    /// How many bytes may still be written to a server.
    func room(at index: Int) -> Int {
        let pendingBytes = self.connections[index].link.pendingBytes
        let queuedBytes = self.servers.count == 1 ? pendingBytes + self.router.waitingBytes : self.queuedBytes
        return min(
            self.configuration.limits.unsentSizeBytes - pendingBytes, self.configuration.queuedSizeBytes - queuedBytes)
    }

    /// The bytes of all requests that wait, for a connection or to be sent.
    private var queuedBytes: Int {
        var bytes = self.router.waitingBytes
        for index in self.connections.indices { bytes += self.connections[index].link.pendingBytes }
        return bytes
    }

    // MARK: Connections

    func openConnections() {
        guard self.connections.isEmpty else { return }
        self.connections = self.servers.enumerated().map { index, server in
            let link = ServerLink(
                server: server, reconnect: self.configuration.reconnect, eventLoop: self.eventLoop, logger: self.logger
            ) { event in
                self.enter(with: (event, index)) { $0.happened($1.0, at: $1.1) }
            }
            let factory = self.configuration.metrics ?? MetricsSystem.factory
            return Connection(
                link: link, metrics: ServerMetrics(.client, server: "\(server)", factory: factory),
                health: GearmanServerHealth(server: server))
        }
        self.openLinks = self.connections.count
        for connection in self.connections { connection.link.start() }
    }

    private func happened(_ event: ServerLinkEvent, at index: Int) {
        switch event {
        case .connected:
            let server = self.connections[index].link.server
            self.connections[index].machine = ClientConnectionStateMachine(
                configuration: self.configuration.connection(to: server))
            self.transition(at: index) { $0.connected(now: self.executor.now) }
        case .received(let bytes):
            self.transition(at: index) { $0.bytesReceived(bytes, now: self.executor.now) }
        case .progressed:
            self.connections[index].machine?.writeProgressed(now: self.executor.now)
        case .drained:
            break
        case .timerFired:
            guard self.connections[index].unreadJobs.isEmpty else {
                return self.connections[index].hasMissedTimer = true
            }
            self.transition(at: index) { $0.timerFired(now: self.executor.now) }
        case .closed(let error, let unsentBytes):
            self.failed(error, at: index)
            self.connections[index].unreadJobs = []
            self.connections[index].hasMissedTimer = false
            let isOurs = error == nil && self.state != .running
            let reason = isOurs ? GearmanError(.connectionLost, "The client was closed") : error
            self.transition(at: index) { $0.connectionClosed(unsentBytes: unsentBytes, error: reason) }
            self.connections[index].machine = nil
        case .unreachable(let error):
            self.failed(error, at: index)
        case .stopped:
            self.linkStopped()
        }
    }

    private func transition(
        at index: Int, _ event: (inout ClientConnectionStateMachine) -> ClientActions
    ) {
        // In place: a copy of the machine would copy its tables.
        guard let actions = self.connections[index].machine.mutate(event) else { return }
        self.perform(actions, at: index, isCallback: true)
    }

    /// - Parameter isCallback: this is a turn of the event loop, not a call from outside.
    func perform(_ actions: ClientActions, at index: Int, isCallback: Bool) {
        let link = self.connections[index].link
        if !actions.write.isEmpty { link.write(actions.write) }
        if !actions.updates.isEmpty {
            self.connections[index].metrics.happened(actions.updates)
            if isCallback { self.deliver(actions.updates) } else { self.deliverLater(actions.updates) }
        }
        if let time = actions.responseTime {
            self.connections[index].health.responseTime = time
            self.connections[index].metrics.answered(after: time)
        }
        if !actions.answers.isEmpty { self.questions.answered(actions.answers) }
        if actions.becameReady {
            link.becameReady()
            self.connections[index].metrics.connectionBecameReady()
            self.changeHealth(at: index) { $0.answered() }
        }
        if let instant = actions.wakeAt { link.wake(at: instant) }
        switch actions.close {
        case nil: break
        case .afterFlush: link.stop(afterFlush: true)
        case .immediately(let error):
            self.changeHealth(at: index) { $0.condition = .away }
            link.close(because: error)
        }
    }

    private func failed(_ error: GearmanError?, at index: Int) {
        self.connections[index].metrics.connectionFailed(error)
        self.changeHealth(at: index) { $0.failed(error) }
    }

    private func changeHealth(at index: Int, _ change: (inout GearmanServerHealth) -> Void) {
        change(&self.connections[index].health)
        let condition = self.connections[index].health.condition
        guard self.router.conditions[index] != condition else { return }
        self.perform(self.router.serverChanged(index, to: condition, late: self.serversToAvoid()))
        for (id, waiter) in self.connectionWaiters where self.isConnected(to: waiter.server) {
            self.connectionWaiters[id] = nil
            waiter.continuation.resume()
        }
        guard self.router.isDecided, !self.decisionWaiters.isEmpty else { return }
        self.resumeDecisionWaiters()
    }

    /// Opens the connections if need be, and returns when each server has answered or failed once.
    package func decided() async {
        await self.decided(self.makeID(), isCancellable: false)
    }

    /// The same for a caller who may be cancelled.
    ///
    /// - Throws: ``GearmanError`` (`closed`), or `CancellationError`.
    func decidedUnlessCancelled() async throws {
        try Task.checkCancellation()
        let id = self.makeID()
        await withTaskCancellationHandler {
            await self.decided(id, isCancellable: true)
        } onCancel: {
            self.executor.execute { self.enter { $0.decisionWaiters.removeValue(forKey: id)?.resume() } }
        }
        try Task.checkCancellation()
        guard self.state == .running else { throw GearmanError(.closed, "The client was closed") }
    }

    private func decided(_ waiter: UInt64, isCancellable: Bool) async {
        guard self.state == .running else { return }
        self.openConnections()
        await withCheckedContinuation { continuation in
            guard self.state == .running, !self.router.isDecided, !(isCancellable && Task.isCancelled) else {
                return continuation.resume()
            }
            self.decisionWaiters[waiter] = continuation
        }
    }

    private func resumeDecisionWaiters() {
        let waiters = self.decisionWaiters
        self.decisionWaiters = [:]
        for waiter in waiters.values { waiter.resume() }
    }

    // MARK: Delivery

    private func deliver(_ updates: [GearmanJobUpdate]) {
        guard !self.jobs.isEmpty else { return self.sink?(updates) ?? () }
        var others: [GearmanJobUpdate] = []
        for update in updates {
            if update.id >= AsyncJobTable.firstID { self.deliver(update) } else { others.append(update) }
        }
        if !others.isEmpty { self.sink?(others) }
    }

    /// So that nobody is called back from inside a call of its own.
    private func deliverLater(_ updates: [GearmanJobUpdate]) {
        guard !updates.isEmpty else { return }
        let isScheduled = !self.undelivered.isEmpty
        self.undelivered += updates
        guard !isScheduled else { return }
        self.executor.execute {
            self.enter { client in
                let updates = client.undelivered
                client.undelivered = []
                client.deliver(updates)
            }
        }
    }

    private func deliver(_ update: GearmanJobUpdate) {
        let isUnread = self.jobs.happened(update, limits: self.configuration)
        guard isUnread, let server = self.jobs.server(of: update.id),
            let index = self.servers.firstIndex(of: server)
        else { return }
        self.connections[index].unreadJobs.insert(update.id)
        self.connections[index].link.pauseReading()
    }

    /// The events of a job were read, or nobody will read them.
    func jobWasRead(_ id: UInt64, on server: GearmanServerAddress) {
        guard let index = self.servers.firstIndex(of: server),
            self.connections[index].unreadJobs.remove(id) != nil, self.connections[index].unreadJobs.isEmpty
        else { return }
        self.connections[index].link.resumeReading()
        self.connections[index].machine?.readingResumed(now: self.executor.now)
        guard self.connections[index].hasMissedTimer else { return }
        self.connections[index].hasMissedTimer = false
        // What the server sent meanwhile is read first.
        self.connections[index].link.wake(at: self.executor.now.advanced(by: .seconds(1)))
    }

    // MARK: Closing

    /// Closes all connections at once and returns when they are closed. Jobs under way end with `lost` or `refused`.
    public func close() async {
        switch self.state {
        case .running:
            self.state = .closing
            self.deliverLater(self.router.closed(GearmanError(.closed, "The client was closed")))
            self.resumeDecisionWaiters()
            for waiter in self.connectionWaiters.values { waiter.continuation.resume() }
            self.connectionWaiters = [:]
            for connection in self.connections { connection.link.stop(afterFlush: false) }
            if self.openLinks == 0 { return self.state = .closed }
        case .closing:
            break
        case .closed:
            return
        }
        await withCheckedContinuation { self.state == .closed ? $0.resume() : self.closeWaiters.append($0) }
    }

    private func linkStopped() {
        self.openLinks -= 1
        guard self.openLinks == 0 else { return }
        self.state = .closed
        for waiter in self.closeWaiters { waiter.resume() }
        self.closeWaiters = []
    }
}

extension Optional {
    /// Changes the value where it stands; nil if there is none.
    mutating func mutate<Result>(_ body: (inout Wrapped) -> Result) -> Result? {
        // A `switch` would hold a second reference to what the value owns, and the change would copy it.
        guard self != nil else { return nil }
        return body(&self!)
    }
}

extension Array where Element: Hashable {
    /// The elements in their order, each once.
    func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return self.filter { seen.insert($0).inserted }
    }
}
