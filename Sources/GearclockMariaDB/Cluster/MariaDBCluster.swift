internal import GearclockCore
internal import GearclockEnvironment
internal import Logging

/// The nodes of one cluster: performs what `ClusterStateMachine` (GearclockCore) decides.
///
/// It asks nodes how they are, hands out their connections, and cuts what hangs on a node that is frozen.
actor MariaDBCluster {
    nonisolated let configuration: MariaDBConfiguration
    private nonisolated let clock: any GearclockClock
    private let logger: Logger
    private let schemaProblem: SchemaCheck
    private var random: SeededGenerator
    private var machine: ClusterStateMachine
    private var pools: [NodePool]
    /// Probes that are under way, and who waits for them.
    private var probing: [NodeIndex: [CheckedContinuation<Void, Never>]] = [:]
    /// What ``run()`` does; `nil` while nobody watches.
    private var work: StructuredWork?
    private var wakeUp = WakeUp()
    private var isClosed = false
    /// Nodes that were cut because they do not answer, and have not answered since.
    private var frozen: Set<NodeIndex> = []
    /// What is in flight, and until when.
    private var deadlines: [ObjectIdentifier: (moment: MonotonicInstant, cutter: SocketCutter)] = [:]

    /// Why a program cannot work with the tables of a connection; `nil`: it can.
    typealias SchemaCheck = @Sendable (MariaDBConnection) throws(MariaDBFailure) -> String?

    init(
        configuration: MariaDBConfiguration, clock: any GearclockClock, logger: Logger, seed: UInt64,
        policy: NodePolicy, schemaProblem: @escaping SchemaCheck
    ) {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.schemaProblem = schemaProblem
        var random = SeededGenerator(seed: seed)
        self.machine = ClusterStateMachine(
            names: configuration.nodes.map(\.description), policy: policy, using: &random)
        self.random = random
        self.pools = configuration.nodes.map { NodePool(of: $0, configuration) }
    }

    private nonisolated var now: MonotonicInstant { self.clock.now.monotonic }

    // MARK: - Watching

    /// Watches the nodes until the calling task is cancelled.
    func run() async {
        guard self.work == nil, !self.isClosed else { return }
        let work = StructuredWork()
        self.work = work
        self.perform(self.machine.watchStarted(now: self.now))
        await work.run()
        self.machine.watchEnded()
        self.work = nil
        self.wakeUp = WakeUp()
        // Nobody will fire their deadlines now.
        for node in self.pools.indices { self.endProbe(node) }
    }

    /// Closes all connections. Calls after this find no node.
    func close() async {
        self.isClosed = true
        self.work?.finish()
        for node in self.pools.indices { self.pools[node].dismissWaiting() }
        for connection in self.pools.flatMap(\.all) {
            connection.cutter.cut()
            await connection.close()
        }
    }

    private func perform(_ actions: [ClusterStateMachine.Action]) {
        for action in actions {
            switch action {
            case .probe(let node, let deadline):
                self.work?.add { await self.probe(node, deadline: deadline) }
            case .setTimer(let moment):
                guard let work = self.work, self.wakeUp.schedule(moment) else { continue }
                work.add { [clock = self.clock] in
                    guard (try? await clock.sleep(until: moment)) != nil else { return }
                    await self.timerFired(moment)
                }
            case .cut(let node):
                self.frozen.insert(node)
                self.logger.debug("A node is frozen; its calls are cut", metadata: self.metadata(node))
                for connection in self.pools[node].all { connection.cutter.cut() }
                self.pools[node].dismissWaiting()
            case .changed(let node, let condition):
                var metadata = self.metadata(node)
                metadata["condition"] = "\(condition.text)"
                self.logger.debug("The condition of a node changed", metadata: metadata)
                if condition.isOut { self.pools[node].dismissWaiting() }
            }
        }
    }

    private func metadata(_ node: NodeIndex) -> Logger.Metadata {
        ["node": "\(self.machine.names[node])"]
    }

    private func timerFired(_ moment: MonotonicInstant) {
        self.wakeUp.fired(moment)
        self.perform(self.machine.timerFired(now: self.now, using: &self.random))
        // Whoever waited for a probe that took too long chooses another node.
        for node in self.probing.keys { self.resumeWaiting(node) }
        // The timer fires at least as often as nodes are probed.
        let now = self.now
        for (moment, cutter) in self.deadlines.values where moment <= now { cutter.cut() }
    }

    // MARK: - Probes

    /// Returns when the node has answered, or was found not to.
    private func probe(_ node: NodeIndex, deadline: MonotonicInstant) async {
        guard self.probing[node] == nil else { return await self.waitForProbe(node) }
        self.probing[node] = []
        await self.performProbe(node, deadline: deadline)
    }

    private func waitForProbe(_ node: NodeIndex) async {
        await withCheckedContinuation { waiting in
            if self.probing[node] == nil { waiting.resume() } else { self.probing[node]?.append(waiting) }
        }
    }

    private func performProbe(_ node: NodeIndex, deadline: MonotonicInstant) async {
        let start = self.now
        let result = await self.ask(self.pools[node].watcher, deadline: deadline)
        let now = self.now
        switch result {
        case .success(var report):
            self.frozen.remove(node)
            report.roundTrip = start.duration(to: now)
            self.perform(self.machine.probeAnswered(node, report, now: now))
        case .failure(let failure):
            self.perform(self.machine.probeFailed(node, failure, now: now, using: &self.random))
        }
        self.endProbe(node)
    }

    private func endProbe(_ node: NodeIndex) {
        self.resumeWaiting(node)
        self.probing[node] = nil
    }

    private func resumeWaiting(_ node: NodeIndex) {
        for waiting in self.probing[node] ?? [] { waiting.resume() }
        if self.probing[node] != nil { self.probing[node] = [] }
    }

    /// Asks a node how it is, until the deadline. Cancelling the caller changes nothing: others wait for the answer,
    /// and a question that was not put to its end says nothing about the node.
    private nonisolated func ask(
        _ watcher: NodeConnection, deadline: MonotonicInstant
    ) async -> Result<NodeReport, NodeFailure> {
        await withTaskGroup(of: Result<NodeReport, NodeFailure>?.self) { group in
            group.addTask { [schemaProblem = self.schemaProblem] in
                await watcher.uncancellableResult { (connection) throws(MariaDBFailure) in
                    try NodeProbe.ask(connection, schemaProblem: schemaProblem)
                }.mapError { $0.ofNode ?? .refusing($0.description) }
            }
            group.addTask { [clock = self.clock] in
                guard (try? await clock.sleep(until: deadline)) != nil else { return nil }
                watcher.cutter.cut()
                return .failure(.timedOut("no answer to a probe in time"))
            }
            for await case let result? in group {
                group.cancelAll()
                return result
            }
            preconditionFailure("A question has an answer, or a failure")
        }
    }

    // MARK: - Choosing

    func choose(
        for purpose: ClusterStateMachine.Purpose, avoiding avoided: Set<NodeIndex>
    ) -> ClusterStateMachine.Choice {
        if self.isClosed { return .unavailable("the store is closed") }
        return self.machine.choose(for: purpose, avoiding: avoided, now: self.now)
    }

    func readiness(forCopies copies: Int) -> ClusterStateMachine.Readiness {
        if self.isClosed { return .tooFew(0, "the store is closed") }
        return self.machine.readiness(forCopies: copies, now: self.now)
    }

    /// Returns when the node was probed, or has not answered until the deadline.
    func probeForCaller(_ node: NodeIndex, deadline: MonotonicInstant) async {
        guard let work = self.work, self.probing[node] == nil else {
            return await self.probe(node, deadline: deadline)
        }
        // Those who watch do it, because this caller may be cancelled, and should not wait until a frozen node's
        // connection is given up: the machine's timer is faster.
        self.probing[node] = []
        work.add { await self.performProbe(node, deadline: deadline) }
        await self.waitForProbe(node)
    }

    // MARK: - Connections

    /// Runs `body` on a connection of the node, and tells the machine what that says about the node.
    ///
    /// - Parameter deadline: while somebody watches, a call that is under way then is cut.
    func perform<Value: Sendable>(
        on node: NodeIndex, for purpose: MariaDBConnection.Purpose, deadline: MonotonicInstant,
        _ body: @escaping @Sendable (MariaDBConnection, SocketCutter) -> TransactionAttempt<Value>
    ) async -> TransactionAttempt<Value> {
        guard let connection = await self.take(node, purpose) else {
            return TransactionAttempt(
                failure: MariaDBFailure(code: 2002, message: "The node was given up", step: .connect))
        }
        let cutter = connection.cutter
        self.deadlines[ObjectIdentifier(connection)] = (deadline, cutter)
        let attempt: TransactionAttempt<Value>
        switch await connection.result({ (handle) throws(MariaDBFailure) in body(handle, cutter) }) {
        case .success(let made): attempt = made
        case .failure(let failure): attempt = TransactionAttempt(failure: failure)
        }
        self.deadlines[ObjectIdentifier(connection)] = nil
        self.pools[node].giveBack(connection, purpose)
        if let failure = attempt.failure {
            self.note(failure, of: node)
        } else {
            self.machine.statementSucceeded(node)
        }
        return attempt
    }

    /// Returns when a connection that was cut has come to its end on the server too, with a commit or without; or when
    /// that cannot be known.
    func waitForEnd(of session: UInt, on node: NodeIndex) async {
        guard !self.frozen.contains(node) else { return }
        let deadline = self.now.advanced(by: self.configuration.connectTimeout)
        // Sleeps only while the session is there.
        let question = "SELECT SLEEP(0.002) FROM information_schema.PROCESSLIST WHERE ID = \(session)"
        _ = await self.pools[node].watcher.uncancellableResult {
            [clock = self.clock] (connection) throws(MariaDBFailure) in
            while clock.now.monotonic < deadline, try !connection.textRows(question).isEmpty {}
        }
    }

    private func note(_ failure: MariaDBFailure, of node: NodeIndex) {
        guard !failure.isCancellation else { return }
        guard let failure = failure.ofNode else { return self.machine.statementSucceeded(node) }
        self.perform(self.machine.statementFailed(node, failure, now: self.now, using: &self.random))
    }

    private func take(_ node: NodeIndex, _ purpose: MariaDBConnection.Purpose) async -> NodeConnection? {
        if self.isClosed { return nil }
        if let connection = self.pools[node].take(purpose) { return connection }
        return await withCheckedContinuation { self.pools[node].wait(purpose, $0) }
    }

    var reports: [NodeReport?] { self.machine.reports }
    var conditions: [NodeCondition] { self.machine.conditions }
}

extension NodeCondition {
    /// It gets no work.
    fileprivate var isOut: Bool {
        switch self {
        case .unknown, .well, .reserve: false
        case .unfit, .down: true
        }
    }
}
