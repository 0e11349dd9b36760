import GearclockCore
import GearclockEnvironment
import GearclockMariaDB

/// The changes and the readings of one connection to one node, each in a transaction of its own: what the statements do
/// without anything above them.
struct SingleConnectionStore: TaskStore {
    let connection: NodeConnection
    private let clock = SystemClock()

    init(_ configuration: MariaDBConfiguration, node: Int = 0) async throws {
        self.connection = NodeConnection(to: configuration.nodes[node], configuration: configuration)
        let condition = try await self.connection.perform { connection throws(MariaDBFailure) in
            try MariaDBSchema.migrate(connection)
        }
        precondition(condition == .usable(version: MariaDBSchema.version))
    }

    func insert(
        _ tasks: [TaskDefinition], copies: CopiesDemand, now: Timestamp
    ) async throws(TaskStoreError) -> InsertReply {
        InsertReply(
            try await self.change { change throws(MariaDBFailure) in try change.insert(tasks) }, nodes: ["single"])
    }

    func claimDue(_ request: ClaimRequest, now: Timestamp) async throws(TaskStoreError) -> [ClaimedTask] {
        try await self.change { change throws(MariaDBFailure) in try change.claimDue(request, now: now) }
    }

    func extend(
        _ claims: [Claim], leaseUntil: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change { change throws(MariaDBFailure) in
            try change.extend(claims, leaseUntil: leaseUntil, now: now)
        }
    }

    func settle(_ settlements: [Settlement], now: Timestamp) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change { change throws(MariaDBFailure) in try change.settle(settlements, now: now) }
    }

    func rescueExpired(endedBefore: Timestamp, limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.change { change throws(MariaDBFailure) in
            try change.rescueExpired(endedBefore: endedBefore, limit: limit, now: now)
        }
    }

    func cancel(
        _ ids: [TaskID], removeAt: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [CancelOutcome] {
        try await self.change { change throws(MariaDBFailure) in
            try change.cancel(ids, removeAt: removeAt, now: now)
        }
    }

    func eject(_ ids: [TaskID], now: Timestamp) async throws(TaskStoreError) {
        try await self.change { change throws(MariaDBFailure) in try change.eject(ids) }
    }

    func prune(limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.change { change throws(MariaDBFailure) in try change.prune(limit: limit, now: now) }
    }

    func nextDue() async throws(TaskStoreError) -> Timestamp? {
        try await self.read { reading throws(MariaDBFailure) in try reading.nextDue() }
    }

    func records(of ids: [TaskID]) async throws(TaskStoreError) -> [TaskRecord?] {
        try await self.read { reading throws(MariaDBFailure) in try reading.records(of: ids) }
    }

    func list(_ filter: ListFilter) async throws(TaskStoreError) -> [TaskRecord] {
        try await self.read { reading throws(MariaDBFailure) in try reading.list(filter) }
    }

    func counts(now: Timestamp) async throws(TaskStoreError) -> TaskCounts {
        try await self.read { reading throws(MariaDBFailure) in try reading.counts(now: now) }
    }

    // MARK: - Transactions

    private func change<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBChange) throws(MariaDBFailure) -> Value
    ) async throws(TaskStoreError) -> Value {
        try await self.perform { connection throws(MariaDBFailure) in
            try body(MariaDBChange(connection, clock: self.clock))
        }
    }

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBReading) throws(MariaDBFailure) -> Value
    ) async throws(TaskStoreError) -> Value {
        try await self.perform { connection throws(MariaDBFailure) in
            try body(MariaDBReading(connection, clock: self.clock))
        }
    }

    private func perform<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) async throws(TaskStoreError) -> Value {
        do {
            return try await self.connection.perform { connection throws(MariaDBFailure) in
                try connection.transaction { connection throws(MariaDBFailure) in try body(connection) }
            }
        } catch {
            if error.outcomeIsUnknown { throw .outcomeUnknown(error.description) }
            if error.meaning == .conflict { throw .conflict }
            throw .unavailable(error.description)
        }
    }
}
