package import GearclockCore
package import GearclockEnvironment
package import Logging
internal import Synchronization

/// Tasks in one MariaDB, or in one Galera cluster of several nodes.
///
/// What becomes of a call is decided by `ClusterCallStateMachine`, which node gets it by `ClusterStateMachine`
/// (GearclockCore); ``MariaDBChange`` and ``MariaDBReading`` have the statements. Connections are made when they are
/// needed, and again for as long as it takes.
package final class MariaDBTaskStore: TaskStore {
    /// A point of a call on a node, for tests that cut its connection there.
    package struct FaultPoint: Equatable, Sendable {
        package var node: MariaDBConfiguration.Node
        package var boundary: MariaDBConnection.Boundary
    }

    /// Answers whether the connection is cut at this point.
    package typealias Faults = @Sendable (FaultPoint) -> Bool

    let cluster: MariaDBCluster
    let configuration: MariaDBConfiguration
    let clock: any GearclockClock
    let copiesPolicy: CopiesPolicy
    private let callPolicy: ClusterCallPolicy
    private let random: Mutex<SeededGenerator>
    private let faults: Faults?

    /// Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - seed: of the random waits between two tries.
    ///   - faults: for tests; `nil`: none.
    package init(
        configuration: MariaDBConfiguration, clock: any GearclockClock, logger: Logger, seed: UInt64,
        nodePolicy: NodePolicy = NodePolicy(), faults: Faults? = nil
    ) {
        self.configuration = configuration
        self.clock = clock
        self.copiesPolicy = CopiesPolicy(
            copies: configuration.copies, acceptsFewer: configuration.tooFewCopies == .accept)
        self.callPolicy = ClusterCallPolicy(statementLimit: configuration.statementTimeout)
        self.random = Mutex(SeededGenerator(seed: seed))
        self.faults = faults
        self.cluster = MariaDBCluster(
            configuration: configuration, clock: clock, logger: logger, seed: seed &+ 1, policy: nodePolicy
        ) { (connection) throws(MariaDBFailure) in
            guard try MariaDBSchema.find(on: connection).defect != nil else { return nil }
            // Somebody may have migrated on another node just now. Only then it is worth waiting for what others did:
            // a probe must be answered while a cluster stands still, too.
            try connection.setCausal(true)
            let defect = try MariaDBSchema.find(on: connection).defect
            try connection.setCausal(false)
            return defect?.description
        }
    }

    /// Watches the nodes until its task is cancelled. Calls work without it, but then a node that is frozen is found
    /// only by those who wait for it.
    package func run() async {
        await self.cluster.run()
    }

    /// Closes all connections. Calls after this are `unavailable`.
    package func close() async {
        await self.cluster.close()
    }

    // MARK: - Changes

    package func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand, now: Timestamp
    ) async throws(TaskStoreError) -> InsertReply {
        let plan = try await self.plan(copies)
        let (outcomes, node) = try await self.change(InsertOperation(tasks, express: express)) {
            (operation, change) throws(MariaDBFailure) in
            try change.insert(operation.openTasks, express: operation.express)
        }
        let stored = zip(tasks, outcomes).filter { $0.1.isStored }.map(\.0)
        return InsertReply(outcomes, nodes: try await self.prove(stored, plan, seenOn: node))
    }

    package func claimDue(_ request: ClaimRequest, now: Timestamp) async throws(TaskStoreError) -> [ClaimedTask] {
        try await self.change(ClaimOperation(request)) { (operation, change) throws(MariaDBFailure) in
            try change.claimDue(operation.request, now: now)
        }.0
    }

    package func extend(
        _ claims: [Claim], leaseUntil: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change(RepeatableOperation(.claim(by: claims.first?.owner))) {
            (_, change) throws(MariaDBFailure) in
            try change.extend(claims, leaseUntil: leaseUntil)
        }.0
    }

    package func settle(
        _ settlements: [Settlement], now: Timestamp
    ) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change(SettleOperation(settlements)) { (operation, change) throws(MariaDBFailure) in
            try change.settle(operation.openSettlements, now: now)
        }.0
    }

    package func rescueExpired(
        endedBefore: Timestamp, limit: Int, now: Timestamp
    ) async throws(TaskStoreError) -> Int {
        try await self.change(SweepOperation(.rescue)) { (_, change) throws(MariaDBFailure) in
            try change.rescueExpired(endedBefore: endedBefore, limit: limit, now: now)
        }.0.count
    }

    package func cancel(
        _ ids: [TaskID], removeAt: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [CancelOutcome] {
        try await self.change(CancelOperation(ids)) { (operation, change) throws(MariaDBFailure) in
            try change.cancel(operation.ids, removeAt: removeAt, now: now)
        }.0
    }

    package func eject(_ ids: [TaskID], now: Timestamp) async throws(TaskStoreError) {
        _ = try await self.change(RepeatableOperation<Bool>(.claim(by: nil))) { (_, change) throws(MariaDBFailure) in
            try change.eject(ids)
            return true
        }
    }

    package func prune(limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.change(SweepOperation(.prune)) { (_, change) throws(MariaDBFailure) in
            try change.prune(limit: limit, now: now)
        }.0.count
    }

    // MARK: - Reading

    package func dueLanes() async throws(TaskStoreError) -> [LaneDue] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.dueLanes() }
    }

    package func records(of ids: [TaskID]) async throws(TaskStoreError) -> [TaskRecord?] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.records(of: ids) }
    }

    package func list(_ filter: ListFilter) async throws(TaskStoreError) -> [TaskRecord] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.list(filter) }
    }

    package func counts(now: Timestamp) async throws(TaskStoreError) -> TaskCounts {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.counts(now: now) }
    }

    package func functionSettings() async throws(TaskStoreError) -> [FunctionSettings] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.functionSettings() }
    }

    // MARK: - Calls

    /// One change, in one transaction on one node, until it is done, or cannot be.
    ///
    /// - Parameter body: does what is open of the operation.
    /// - Returns: the answer, and the node on which all of it was seen, if there is one.
    func change<Operation: ClusterOperation>(
        _ operation: Operation,
        _ body: @escaping @Sendable (Operation, MariaDBChange) throws(MariaDBFailure) -> Operation.Answer
    ) async throws(TaskStoreError) -> (Operation.Answer, seenOn: NodeIndex?) {
        let faults = self.faults
        return try await self.call(operation) { operation, node, deadline in
            let name = self.configuration.nodes[node]
            return await self.cluster.perform(on: node, for: .changing, deadline: deadline) { connection, cutter in
                connection.attempt { boundary in
                    if let faults, faults(FaultPoint(node: name, boundary: boundary)) { cutter.cut() }
                } body: { (connection) throws(MariaDBFailure) in
                    try body(operation, MariaDBChange(connection, clock: self.clock))
                }
            }
        }
    }

    func read<Value: Equatable & Sendable>(
        _ body: @escaping @Sendable (MariaDBReading) throws(MariaDBFailure) -> Value
    ) async throws(TaskStoreError) -> Value {
        try await self.call(RepeatableOperation<Value>(.read)) { _, node, deadline in
            await self.cluster.perform(on: node, for: .reading, deadline: deadline) { connection, _ in
                connection.reading(self.clock, body)
            }
        }.0
    }

    /// Performs a call's machine. Cancelling the calling task ends it where it is.
    private func call<Operation: ClusterOperation>(
        _ operation: Operation,
        _ attempt: (Operation, NodeIndex, MonotonicInstant) async -> TransactionAttempt<Operation.Answer>
    ) async throws(TaskStoreError) -> (Operation.Answer, seenOn: NodeIndex?) {
        typealias Machine = ClusterCallStateMachine<Operation>
        // Of its own, so that calls do not wait for each other.
        var random = SeededGenerator(seed: self.random.withLock { $0.next() })
        var machine = Machine(operation, policy: self.callPolicy, now: self.now)
        var isDoubtful = false
        var action = machine.started(now: self.now)
        while true {
            switch action {
            case .choose(let purpose, let avoided):
                let choice = await self.cluster.choose(for: purpose, avoiding: avoided)
                action = machine.chosen(choice, now: self.now, using: &random)
            case .probe(let node, let deadline):
                await self.cluster.probeForCaller(node, deadline: deadline)
                action = machine.probed(now: self.now)
            case .perform(let node, let deadline):
                let made = await attempt(machine.operation, node, deadline)
                let reply = Machine.Reply(made)
                if case .unknown = reply { isDoubtful = true }
                // What is under way there still could be committed just after the look; and what is being taken back
                // holds locks, which a repetition would pass over.
                if let session = made.session, made.failure?.breaksConnection ?? false {
                    await self.cluster.waitForEnd(of: session, on: node)
                }
                action = machine.replied(reply, now: self.now, using: &random)
            case .look(let node, let ids, let deadline):
                let rows = await self.look(node, ids, deadline: deadline)
                action = machine.looked(rows, now: self.now, using: &random)
            case .wait(let moment):
                try? await self.clock.sleep(until: moment)
                action = machine.timerFired(now: self.now)
            case .finish(let result, let node):
                return (try result.get(), node)
            }
            if Task.isCancelled, !action.isFinish {
                throw isDoubtful ? .outcomeUnknown("the call was cancelled") : .unavailable("the call was cancelled")
            }
        }
    }

    /// What stands of these tasks on a node that shows all that was committed before.
    private func look(
        _ node: NodeIndex, _ ids: [TaskID], deadline: MonotonicInstant
    ) async -> Result<[StandingTask], NodeFailure> {
        await self.read(node, deadline: deadline) { (reading) throws(MariaDBFailure) in
            try reading.standing(ids).values.map { StandingTask($0) }
        }
    }

    /// Reads on a certain node.
    func read<Value: Sendable>(
        _ node: NodeIndex, deadline: MonotonicInstant,
        _ body: @escaping @Sendable (MariaDBReading) throws(MariaDBFailure) -> Value
    ) async -> Result<Value, NodeFailure> {
        let attempt = await self.cluster.perform(on: node, for: .reading, deadline: deadline) { connection, _ in
            connection.reading(self.clock, body)
        }
        if let failure = attempt.failure { return .failure(failure.ofNode ?? .refusing(failure.description)) }
        guard let value = attempt.value else { preconditionFailure("What was read without a failure has a value") }
        return .success(value)
    }

    var now: MonotonicInstant { self.clock.now.monotonic }
}

extension ClusterCallStateMachine.Action {
    fileprivate var isFinish: Bool {
        if case .finish = self { true } else { false }
    }
}

extension InsertOutcome {
    /// Whether a row with this id stands.
    fileprivate var isStored: Bool {
        switch self {
        case .inserted, .exists: true
        case .tooLarge: false
        }
    }
}

extension StandingTask {
    fileprivate init(_ row: StandingRow) {
        self.init(
            id: row.id, state: row.state, owner: row.owner, attempt: row.attempt, failures: row.failures,
            dueAt: row.dueAt, removeAt: row.state.isFinal ? row.wakeAt : nil)
    }
}
