import GearclockCore
import GearclockEnvironment
import GearclockMariaDB

/// The operations of the store on one connection, without anything that makes up for failures: what the statements do.
struct OneNodeStore: TaskStore {
    private let changing: NodeConnection
    private let reading: NodeConnection

    init(_ configuration: MariaDBConfiguration) {
        self.changing = NodeConnection(to: configuration.nodes[0], configuration: configuration)
        self.reading = NodeConnection(to: configuration.nodes[0], configuration: configuration, for: .reading)
    }

    func close() async {
        await self.changing.close()
        await self.reading.close()
    }

    func migrate() async throws -> [String] {
        try await self.changing.perform { (connection) throws(MariaDBFailure) in
            try MariaDBSchema.migrate(on: connection)
        }
    }

    func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand, now: Timestamp
    ) async throws(TaskStoreError) -> InsertReply {
        InsertReply(
            try await self.change { (change) throws(MariaDBFailure) in try change.insert(tasks, express: express) },
            nodes: [])
    }

    func claimDue(_ request: ClaimRequest, now: Timestamp) async throws(TaskStoreError) -> [ClaimedTask] {
        try await self.change { (change) throws(MariaDBFailure) in
            try change.claimDue(request, now: now)
        }
    }

    func extend(
        _ claims: [Claim], leaseUntil: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change { (change) throws(MariaDBFailure) in try change.extend(claims, leaseUntil: leaseUntil) }
    }

    func settle(_ settlements: [Settlement], now: Timestamp) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change { (change) throws(MariaDBFailure) in try change.settle(settlements, now: now) }
    }

    func rescueExpired(endedBefore: Timestamp, limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.change { (change) throws(MariaDBFailure) in
            try change.rescueExpired(endedBefore: endedBefore, limit: limit, now: now).count
        }
    }

    func dueLanes() async throws(TaskStoreError) -> [LaneDue] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.dueLanes() }
    }

    func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) async throws(TaskStoreError) -> [Member] {
        try await self.change { (change) throws(MariaDBFailure) in try change.beat(id, role: role, now: now) }
    }

    func leave(_ id: OwnerID) async throws(TaskStoreError) {
        try await self.change { (change) throws(MariaDBFailure) in try change.leave(id) }
    }

    func functionSettings() async throws(TaskStoreError) -> [FunctionSettings] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.functionSettings() }
    }

    func changeFunctions(
        _ functions: [FunctionName], _ change: FunctionChange
    ) async throws(TaskStoreError) -> [FunctionSettings] {
        try await self.change { (transaction) throws(MariaDBFailure) in
            try transaction.changeFunctions(functions, change)
        }
    }

    func nodeClocks() async throws(TaskStoreError) -> [NodeClock] {
        [try await self.read { (reading) throws(MariaDBFailure) in try reading.clock(of: "the only node") }]
    }

    func cancel(
        _ ids: [TaskID], removeAt: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [CancelOutcome] {
        try await self.change { (change) throws(MariaDBFailure) in
            try change.cancel(ids, removeAt: removeAt, now: now)
        }
    }

    func eject(_ ids: [TaskID], now: Timestamp) async throws(TaskStoreError) {
        try await self.change { (change) throws(MariaDBFailure) in try change.eject(ids) }
    }

    func records(of ids: [TaskID]) async throws(TaskStoreError) -> [TaskRecord?] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.records(of: ids) }
    }

    func list(_ filter: ListFilter) async throws(TaskStoreError) -> [TaskRecord] {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.list(filter) }
    }

    func counts(now: Timestamp) async throws(TaskStoreError) -> TaskCounts {
        try await self.read { (reading) throws(MariaDBFailure) in try reading.counts(now: now) }
    }

    func prune(limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.change { (change) throws(MariaDBFailure) in try change.prune(limit: limit, now: now).count }
    }

    private func change<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBChange) throws(MariaDBFailure) -> Value
    ) async throws(TaskStoreError) -> Value {
        while true {
            do {
                return try await self.changing.perform { (connection) throws(MariaDBFailure) in
                    try connection.transaction { (connection) throws(MariaDBFailure) in
                        try body(MariaDBChange(connection, clock: SystemClock()))
                    }
                }
            } catch {
                if error.meaning == .conflict, !error.outcomeIsUnknown { continue }
                throw .unavailable(error.description)
            }
        }
    }

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBReading) throws(MariaDBFailure) -> Value
    ) async throws(TaskStoreError) -> Value {
        do {
            return try await self.reading.perform { (connection) throws(MariaDBFailure) in
                try body(MariaDBReading(connection, clock: SystemClock()))
            }
        } catch {
            throw .unavailable(error.description)
        }
    }
}
