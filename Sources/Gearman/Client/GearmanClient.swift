internal import Dispatch
internal import DispatchExecutor
public import Logging

/// Submits jobs to Gearman job servers, and tells what becomes of them.
///
/// Connections are opened at first use, kept, and opened again when they are lost, for ever. A job with a unique ID
/// goes to the server that its unique hashes to, or to the next in that order while the server is away; other jobs go
/// to the servers in turn. Call ``close()`` at the end: until then the connections stay open and keep the client alive.
public actor GearmanClient {
    /// One server, and the connection to it.
    struct Connection {
        let link: ServerLink
        /// Nil while there is no connection.
        var machine: ClientConnectionStateMachine?
        var condition = ServerChoice.Condition.unknown
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

    private var state = State.running
    private(set) var choice: ServerChoice
    /// One for each server, in the order of `servers`; empty until the first use.
    var connections: [Connection] = []
    /// Jobs that wait until it is known which servers can be reached.
    private var waitingJobs: [GearmanPipelinedJob] = []
    private var sink: (@Sendable ([GearmanJobUpdate]) -> Void)?
    private var undelivered: [GearmanJobUpdate] = []
    private var openLinks = 0
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []
    private var decisionWaiters: [CheckedContinuation<Void, Never>] = []
    private var connectionWaiters: [UInt64: ConnectionWaiter] = [:]

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
        self.logger = logger
        self.choice = ServerChoice(servers: self.servers)
    }

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
            self.dispatch(jobs)
        case .closing, .closed:
            self.refuse(jobs, GearmanError(.closed, "The client was closed"))
        }
    }

    /// Nobody wants to hear of these jobs any more. They may run nevertheless.
    package func abandon(_ ids: [UInt64]) {
        if !self.waitingJobs.isEmpty {
            let abandoned = Set(ids)
            self.waitingJobs.removeAll { abandoned.contains($0.id) }
        }
        for index in self.connections.indices {
            guard let actions = self.connections[index].machine?.jobsAbandoned(ids) else { continue }
            self.perform(actions, at: index, isCallback: false)
        }
    }

    /// At least one server answers.
    package var isConnected: Bool {
        self.connections.contains { $0.condition == .usable }
    }

    /// Opens the connections if need be, and returns when a server answers; at once if one does, and when the client is
    /// closed or the task is cancelled.
    ///
    /// - Parameter server: the server to wait for; nil if any one will do.
    package func connected(to server: GearmanServerAddress? = nil) async {
        guard self.state == .running else { return }
        self.openConnections()
        guard !self.isConnected(to: server) else { return }
        let id = self.jobs.makeID()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { return continuation.resume() }
                self.connectionWaiters[id] = ConnectionWaiter(server: server, continuation: continuation)
            }
        } onCancel: {
            self.executor.execute {
                self.assumeIsolated { $0.connectionWaiters.removeValue(forKey: id)?.continuation.resume() }
            }
        }
    }

    private func isConnected(to server: GearmanServerAddress?) -> Bool {
        self.connections.contains { $0.condition == .usable && (server == nil || $0.link.server == server) }
    }

    // MARK: Sending

    private func dispatch(_ jobs: [GearmanPipelinedJob]) {
        let conditions = self.connections.map(\.condition)
        if conditions == [.usable] { return self.submit(jobs, to: 0) }
        var batches = [[GearmanPipelinedJob]](repeating: [], count: conditions.count)
        var refused: [GearmanPipelinedJob] = []
        for job in jobs {
            if let server = job.server, let index = self.servers.firstIndex(of: server), conditions[index] == .usable {
                batches[index].append(job)
                continue
            }
            switch self.choice.choose(unique: job.request.unique, among: conditions) {
            case .server(let index): batches[index].append(job)
            case .wait: self.waitingJobs.append(job)
            case .none: refused.append(job)
            }
        }
        for (index, batch) in batches.enumerated() where !batch.isEmpty { self.submit(batch, to: index) }
        self.refuse(refused, GearmanError(.notConnected, "No job server can be reached"))
        self.limitWaitingJobs()
    }

    private func submit(_ jobs: [GearmanPipelinedJob], to index: Int) {
        guard self.connections[index].link.pendingBytes < StreamLimits.writeBufferFullBytes else {
            return self.refuse(jobs, GearmanError(.tooManyRequests, "Too much waits to be sent to the job server"))
        }
        guard let actions = self.connections[index].machine?.jobsSubmitted(jobs, now: self.executor.now) else { return }
        self.perform(actions, at: index, isCallback: false)
    }

    private func refuse(_ jobs: [GearmanPipelinedJob], _ error: GearmanError) {
        guard !jobs.isEmpty else { return }
        self.deliverLater(jobs.map { GearmanJobUpdate(id: $0.id, event: .refused(error)) })
    }

    private func limitWaitingJobs() {
        let excess = self.waitingJobs.count - self.configuration.limits.pendingRequests
        guard excess > 0 else { return }
        let refused = Array(self.waitingJobs.suffix(excess))
        self.waitingJobs.removeLast(excess)
        self.refuse(refused, GearmanError(.tooManyRequests, "Too many jobs wait for a job server"))
    }

    // MARK: Connections

    func openConnections() {
        guard self.connections.isEmpty else { return }
        self.connections = self.servers.enumerated().map { index, server in
            let link = ServerLink(
                server: server, reconnect: self.configuration.reconnect, eventLoop: self.eventLoop,
                logger: self.logger
            ) { event in
                self.assumeIsolated { $0.happened(event, at: index) }
            }
            return Connection(link: link)
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
            self.setCondition(.away, at: index)
            self.connections[index].unreadJobs = []
            self.connections[index].hasMissedTimer = false
            self.transition(at: index) { $0.connectionClosed(unsentBytes: unsentBytes, error: error) }
            self.connections[index].machine = nil
        case .unreachable:
            self.setCondition(.away, at: index)
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
            if isCallback { self.deliver(actions.updates) } else { self.deliverLater(actions.updates) }
        }
        if !actions.answers.isEmpty { self.questions.answered(actions.answers) }
        if actions.becameReady {
            link.becameReady()
            self.setCondition(.usable, at: index)
        }
        if let instant = actions.wakeAt { link.wake(at: instant) }
        switch actions.close {
        case nil: break
        case .afterFlush: link.stop(afterFlush: true)
        case .immediately(let error):
            self.setCondition(.away, at: index)
            link.close(because: error)
        }
    }

    private func setCondition(_ condition: ServerChoice.Condition, at index: Int) {
        guard self.connections[index].condition != condition else { return }
        self.connections[index].condition = condition
        if !self.waitingJobs.isEmpty {
            let jobs = self.waitingJobs
            self.waitingJobs = []
            self.dispatch(jobs)
        }
        for (id, waiter) in self.connectionWaiters where self.isConnected(to: waiter.server) {
            self.connectionWaiters[id] = nil
            waiter.continuation.resume()
        }
        guard self.isDecided, !self.decisionWaiters.isEmpty else { return }
        let waiters = self.decisionWaiters
        self.decisionWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    private var isDecided: Bool { !self.connections.contains { $0.condition == .unknown } }

    /// Opens the connections if need be, and returns when each server has answered or failed once.
    package func decided() async {
        guard self.state == .running else { return }
        self.openConnections()
        guard !self.isDecided else { return }
        await withCheckedContinuation { self.decisionWaiters.append($0) }
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
        let isScheduled = !self.undelivered.isEmpty
        self.undelivered += updates
        guard !isScheduled else { return }
        self.executor.execute {
            self.assumeIsolated { client in
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
            let error = GearmanError(.closed, "The client was closed")
            self.refuse(self.waitingJobs, error)
            self.waitingJobs = []
            for waiter in self.decisionWaiters { waiter.resume() }
            self.decisionWaiters = []
            for waiter in self.connectionWaiters.values { waiter.continuation.resume() }
            self.connectionWaiters = [:]
            for connection in self.connections { connection.link.stop(afterFlush: false) }
            if self.openLinks == 0 { return self.state = .closed }
        case .closing:
            break
        case .closed:
            return
        }
        await withCheckedContinuation { self.closeWaiters.append($0) }
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
