internal import CoreMetrics
internal import DispatchExecutor
public import Logging

/// Runs jobs for Gearman job servers: for several of them at once, many functions, several jobs at a time.
///
/// It keeps a connection to each server and opens it again when it is lost, for ever. The jobs of a lost connection are
/// forgotten: the server gives them to somebody, perhaps to this worker again.
public actor GearmanWorker {
    typealias Function = WorkerConnectionConfiguration.Function
    typealias Handler = @Sendable (GearmanAssignedJob) async throws -> [UInt8]

    struct RegisteredFunction: Sendable {
        let handler: Handler
        /// How long the handler takes.
        let time: CoreMetrics.Timer
    }

    /// One server, and the connection to it.
    private struct Connection {
        let link: ServerLink
        let metrics: ServerMetrics
        /// Nil while there is no connection.
        var machine: WorkerConnectionStateMachine?
        /// Counts the connections, and the times without one: the jobs of a lost connection have another number.
        var number: UInt64 = 0
        var health: GearmanServerHealth
        /// Replies wait for the server to take them; no further job is taken from it meanwhile.
        var isFull = false
        var spaceWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private enum State {
        /// Made. Can transition to: `running`, `closed`.
        case idle
        /// Takes jobs. Can transition to: `draining`, `closing`.
        case running
        /// Takes no more jobs; finishes those in hand. Can transition to: `closing`, `closed`.
        case draining
        /// Waits for its connections to close. Can transition to: `closed`.
        case closing
        case closed
    }

    nonisolated let executor: any EventLoopExecutor
    /// The event loop's queue: whoever is on it may call the worker without waiting.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private nonisolated let servers: [GearmanServerAddress]
    let configuration: GearmanWorkerConfiguration
    private let eventLoop: GearmanEventLoop
    let logger: Logger

    private nonisolated let metricsFactory: any MetricsFactory
    private let droppedReplies: Counter

    private var state = State.idle
    private(set) var functions: [Function]
    /// The functions of the handler form.
    private(set) var registered: [[UInt8]: RegisteredFunction] = [:]
    private let onJobs: (@Sendable (GearmanAssignedJobs) -> Void)?
    private var connections: [Connection] = []
    private var openLinks = 0
    private var closeWaiters: [CheckedContinuation<Void, Never>] = []
    private var timers: EventLoopTimers<Bool>

    /// ``run()`` was called.
    var hasRun = false
    /// What handlers have done, on its way to the event loop.
    nonisolated let endedJobs = Mailbox(empty: EndedJobs())
    /// What the handler form works on.
    var inbox: AssignedJobInbox

    /// Makes a worker. Register its functions, then call ``run()``.
    ///
    /// - Parameters:
    ///   - servers: the job servers to work for.
    ///   - configuration: how many jobs at once, timeouts and limits.
    ///   - eventLoop: where input and output happen; handlers run elsewhere.
    ///   - logger: gets debug messages, and errors when a server breaks the protocol.
    public init(
        servers: [GearmanServerAddress], configuration: GearmanWorkerConfiguration = GearmanWorkerConfiguration(),
        eventLoop: GearmanEventLoop = .shared, logger: Logger
    ) {
        self.init(
            servers: servers, functions: [], configuration: configuration, eventLoop: eventLoop, logger: logger,
            onJobs: nil)
    }

    /// A worker of the pipelined form: no task for each job. Begin with ``start()``.
    ///
    /// - Parameter onJobs: called on the event loop's queue with everything that one read brought, never from inside a
    ///   call to the worker. Each job is owed a final reply. Nil: the worker is of the handler form.
    package init(
        servers: [GearmanServerAddress], functions: [[UInt8]], configuration: GearmanWorkerConfiguration,
        eventLoop: GearmanEventLoop, logger: Logger, onJobs: (@Sendable (GearmanAssignedJobs) -> Void)?
    ) {
        self.servers = servers.uniqued()
        self.functions = functions.map { Function(name: $0) }
        self.configuration = configuration
        self.executor = eventLoop.executor
        self.eventLoop = eventLoop
        var logger = logger
        logger[metadataKey: "role"] = "worker"
        self.logger = logger
        self.metricsFactory = configuration.metrics ?? MetricsSystem.factory
        self.droppedReplies = Counter(label: "gearman_worker_dropped_replies", factory: self.metricsFactory)
        self.onJobs = onJobs
        self.timers = EventLoopTimers(executor: eventLoop.executor)
        self.inbox = AssignedJobInbox(servers: self.servers.count)
    }

    // MARK: Functions

    /// Offers a function. Call this before ``run()``; a second handler for the same function takes the place of the
    /// first.
    ///
    /// - Parameters:
    ///   - function: its name: not empty, without NUL.
    ///   - timeout: after this time a job server gives the job to another worker; at least a second. None by default.
    ///     With a timeout the worker takes one job at a time over each connection.
    ///   - handler: runs one job and returns its result, not on the event loop. A ``GearmanJobFailure`` that it throws
    ///     is reported as WORK_FAIL, any other error as WORK_EXCEPTION with the error's description.
    public func register(
        _ function: String, timeout: Duration? = nil,
        handler: @escaping @Sendable (GearmanAssignedJob) async throws -> [UInt8]
    ) {
        precondition(self.state == .idle, "Functions are registered before the worker runs")
        let name = Array(function.utf8)
        self.functions.removeAll { $0.name == name }
        self.functions.append(Function(name: name, timeout: timeout))
        let time = CoreMetrics.Timer(
            label: "gearman_worker_job_time", dimensions: [("function", function)], factory: self.metricsFactory)
        self.registered[name] = RegisteredFunction(handler: handler, time: time)
    }

    // MARK: The pipelined form

    /// Connects, and takes jobs from now on.
    package func start() {
        precondition(self.state == .idle, "A worker is started once")
        self.state = .running
        self.connections = self.servers.enumerated().map { index, server in
            let link = ServerLink(
                server: server, reconnect: self.configuration.reconnect, eventLoop: self.eventLoop, logger: self.logger
            ) { event in
                self.enter(with: (event, index)) { $0.happened($1.0, at: $1.1) }
            }
            return Connection(
                link: link, metrics: ServerMetrics(.worker, server: "\(server)", factory: self.metricsFactory),
                health: GearmanServerHealth(server: server))
        }
        self.openLinks = self.connections.count
        for connection in self.connections { connection.link.start() }
    }

    /// Sends replies, those of one call to one server as one write. Replies to jobs of a lost connection are dropped.
    package func reply(_ replies: [GearmanJobReply]) {
        var left = replies.count
        for index in self.connections.indices where left > 0 {
            let count = self.countReplies(in: replies, to: index)
            left -= count
            if count == replies.count {
                self.reply(replies, at: index)
            } else if count > 0 {
                let number = self.connections[index].number
                self.reply(replies.filter { $0.job.server == index && $0.job.connection == number }, at: index)
            }
        }
        self.log(droppedReplies: left)
    }

    /// How many of the replies are to jobs of that server's present connection; as a rule all.
    private func countReplies(in replies: [GearmanJobReply], to index: Int) -> Int {
        let number = self.connections[index].number
        var count = 0
        for place in replies.indices
        where replies[place].job.server == index && replies[place].job.connection == number { count += 1 }
        return count
    }

    private func reply(_ replies: [GearmanJobReply], at index: Int) {
        self.connections[index].metrics.replied(replies)
        self.transition(at: index) { $0.replied(replies, now: self.executor.now) }
        self.noteIfFull(index)
    }

    /// At least one server answers.
    package var isConnected: Bool {
        self.connections.contains { $0.health.condition == .healthy }
    }

    /// What is known about each server at this moment, in the order in which they were named.
    public var health: [GearmanServerHealth] {
        guard !self.connections.isEmpty else { return self.servers.map { GearmanServerHealth(server: $0) } }
        let now = self.executor.now
        return self.connections.map { connection in
            var health = connection.health
            health.unsentSizeBytes = connection.link.pendingBytes
            if connection.machine?.isLate(now: now) == true { health.condition = .slow }
            return health
        }
    }

    /// It takes jobs: it was started, and is neither draining nor closed.
    package var isRunning: Bool { self.state == .running }
    var isClosed: Bool { self.state == .closed }

    // MARK: Connections

    private func happened(_ event: ServerLinkEvent, at index: Int) {
        switch event {
        case .connected:
            self.connections[index].number += 1
            self.connections[index].machine = WorkerConnectionStateMachine(
                configuration: self.configuration.connection(functions: self.functions))
            self.transition(at: index) { $0.connected(now: self.executor.now) }
        case .received(let bytes):
            self.transition(at: index) { $0.bytesReceived(bytes, now: self.executor.now) }
        case .progressed:
            self.connections[index].machine?.writeProgressed(now: self.executor.now)
        case .drained:
            self.hasSpace(at: index)
        case .timerFired:
            self.transition(at: index) { $0.timerFired(now: self.executor.now) }
        case .closed(let error, _):
            self.failed(error, at: index)
            self.connectionClosed(at: index)
        case .unreachable(let error):
            self.failed(error, at: index)
        case .stopped:
            self.linkStopped()
        }
    }

    private func failed(_ error: GearmanError?, at index: Int) {
        self.connections[index].health.failed(error)
        self.connections[index].metrics.connectionFailed(error)
    }

    private func connectionClosed(at index: Int) {
        let forgotten = self.connections[index].machine.mutate { $0.connectionClosed() } ?? []
        if !forgotten.isEmpty {
            self.connections[index].metrics.jobsEnded(forgotten.count, .lost)
            self.logger.debug(
                "jobs of a lost connection are forgotten",
                metadata: ["server": "\(self.servers[index])", "jobs": "\(forgotten.count)"])
        }
        self.connections[index].machine = nil
        self.connections[index].number += 1
        self.hasSpace(at: index)
        if self.state == .draining { self.connections[index].link.stop(afterFlush: false) }
    }

    private func transition(at index: Int, _ event: (inout WorkerConnectionStateMachine) -> WorkerActions) {
        // In place: a copy of the machine would copy its tables.
        guard let actions = self.connections[index].machine.mutate(event) else { return }
        let link = self.connections[index].link
        if !actions.write.isEmpty { link.write(actions.write) }
        if !actions.jobs.isEmpty { self.deliver(actions.jobs, at: index) }
        self.log(actions, at: index)
        if actions.becameReady {
            self.connections[index].health.answered()
            self.connections[index].metrics.connectionBecameReady()
            link.becameReady()
        }
        if let instant = actions.wakeAt { link.wake(at: instant) }
        switch actions.close {
        case nil: break
        case .afterFlush: link.stop(afterFlush: true)
        case .immediately(let error): link.close(because: error)
        }
    }

    private func deliver(_ jobs: [WorkerJob], at index: Int) {
        self.connections[index].metrics.jobsStarted(jobs.count)
        let assigned = GearmanAssignedJobs(
            jobs: jobs, server: index, connection: self.connections[index].number, address: self.servers[index],
            worker: self)
        if let onJobs { onJobs(assigned) } else { self.inbox.append(assigned) }
    }

    private func log(_ actions: WorkerActions, at index: Int) {
        guard !actions.serverErrors.isEmpty || !actions.unsendableReplies.isEmpty || actions.droppedReplies > 0 else {
            return
        }
        for error in actions.serverErrors + actions.unsendableReplies {
            self.logger.debug(
                "a reply was not accepted", metadata: ["server": "\(self.servers[index])", "reason": "\(error)"])
        }
        self.log(droppedReplies: actions.droppedReplies)
    }

    private func log(droppedReplies count: Int) {
        guard count > 0 else { return }
        self.droppedReplies.increment(by: count)
        self.logger.debug("replies to forgotten jobs are dropped", metadata: ["replies": "\(count)"])
    }

    // MARK: Back-pressure

    private func noteIfFull(_ index: Int) {
        guard !self.connections[index].isFull,
            self.connections[index].link.pendingBytes >= StreamLimits.writeBufferHighBytes
        else { return }
        self.connections[index].isFull = true
        self.connections[index].machine?.writeBufferFilled()
    }

    private func hasSpace(at index: Int) {
        let waiters = self.connections[index].spaceWaiters
        self.connections[index].spaceWaiters = []
        for waiter in waiters { waiter.resume() }
        guard self.connections[index].isFull else { return }
        self.connections[index].isFull = false
        self.transition(at: index) { $0.writeBufferDrained(now: self.executor.now) }
    }

    /// Sends something on the way to a job's end, and returns when the server keeps up.
    func report(_ job: GearmanAssignedJobID, _ result: GearmanJobReply.Result) async {
        self.reply([GearmanJobReply(job: job, result: result)])
        await withCheckedContinuation { continuation in
            guard self.connections.indices.contains(job.server), self.connections[job.server].isFull else {
                return continuation.resume()
            }
            self.connections[job.server].spaceWaiters.append(continuation)
        }
    }

    // MARK: Stopping

    /// Takes no more jobs, waits until every job in hand has had its reply and the servers have it, and closes; at the
    /// latest after ``GearmanWorkerConfiguration/drainTimeout``. ``run()`` then returns.
    ///
    /// A server may have a job on its way to this worker. One that says nothing is given up by its heartbeat.
    public func drain() async {
        self.startDraining()
        await self.closed()
    }

    func startDraining() {
        switch self.state {
        case .idle:
            self.state = .closed
        case .running:
            self.state = .draining
            self.timers.schedule(true, at: self.executor.now.advanced(by: self.configuration.drainTimeout)) {
                self.enter { $0.startClosing() }
            }
            for index in self.connections.indices {
                if self.connections[index].machine == nil {
                    self.connections[index].link.stop(afterFlush: false)
                } else {
                    self.transition(at: index) { $0.drainRequested(now: self.executor.now) }
                }
            }
            if self.openLinks == 0 { self.allStopped() }
        case .draining, .closing, .closed:
            break
        }
    }

    /// Closes at once. The servers give the jobs in hand to other workers.
    package func close() async {
        self.startClosing()
        await self.closed()
    }

    private func startClosing() {
        switch self.state {
        case .idle:
            self.state = .closed
        case .running, .draining:
            self.state = .closing
            for connection in self.connections { connection.link.stop(afterFlush: false) }
            if self.openLinks == 0 { self.allStopped() }
        case .closing, .closed:
            break
        }
    }

    /// The handlers of a connection gave up because of the drain, so there is nothing to wait for.
    func abandonJobs(of server: Int) {
        guard self.state == .draining, self.connections.indices.contains(server) else { return }
        self.connections[server].link.stop(afterFlush: true)
    }

    private func closed() async {
        await withCheckedContinuation { self.state == .closed ? $0.resume() : self.closeWaiters.append($0) }
    }

    private func linkStopped() {
        self.openLinks -= 1
        if self.openLinks == 0 { self.allStopped() }
    }

    private func allStopped() {
        self.state = .closed
        self.timers.cancelAll()
        self.inbox.close()
        for waiter in self.closeWaiters { waiter.resume() }
        self.closeWaiters = []
    }
}
