internal import GRDB
package import GearclockCore

/// Tasks in one SQLite file, the embedded default: durable commits, any number of processes on one file.
///
/// Each change is one transaction that takes the write lock at once (`BEGIN IMMEDIATE`) and is on the disk when the
/// call returns. Calls are short and are not interrupted: one whose caller was cancelled runs to its end and answers.
/// What is decided where: ``SQL`` has the statements, ``SQLiteSchema`` the rules of the rows, ``SQLiteFailure`` what
/// errors mean, ``SQLiteConnections`` how the file is opened.
package final class SQLiteTaskStore: TaskStore {
    package struct Settings: Sendable {
        /// How long a change waits for other processes before it is `unavailable`. Default 5 s: hundreds of commits.
        package var busyTimeout: Duration
        /// The largest size of the file in pages of 4 KiB; beyond it the store is `unavailable`. Default: the disk's.
        package var pageLimit: Int?

        package init(busyTimeout: Duration = .seconds(5), pageLimit: Int? = nil) {
            self.busyTimeout = busyTimeout
            self.pageLimit = pageLimit
        }
    }

    let connections: SQLiteConnections

    /// Opens a file, or creates it with permissions for its owner only. It blocks while another process creates it.
    ///
    /// - Parameter path: where the file is; its directory must be there.
    /// - Throws: `unavailable` if it cannot be opened, is not ours, or was written by a newer program.
    package init(path: String, settings: Settings = Settings()) throws(TaskStoreError) {
        self.connections = try SQLiteConnections(path: path, settings: settings)
    }

    /// Closes the file. Calls after this are `unavailable`.
    package func close() throws(TaskStoreError) {
        do {
            try self.connections.close()
        } catch {
            throw SQLiteFailure.storeError(error, in: .statement)
        }
    }

    // MARK: - Changes

    package func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand, now: Timestamp
    ) async throws(TaskStoreError) -> InsertReply {
        try copies.requireOneCopy()
        return InsertReply(try await self.change { try $0.insert(tasks, express: express) }, nodes: ["sqlite"])
    }

    package func claimDue(_ request: ClaimRequest, now: Timestamp) async throws(TaskStoreError) -> [ClaimedTask] {
        try await self.change { try $0.claimDue(request, now: now) }
    }

    package func extend(
        _ claims: [Claim], leaseUntil: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change { try $0.extend(claims, leaseUntil: leaseUntil) }
    }

    package func settle(
        _ settlements: [Settlement], now: Timestamp
    ) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.change { change in try settlements.map { try change.settle($0, now: now) } }
    }

    package func rescueExpired(
        endedBefore: Timestamp, limit: Int, now: Timestamp
    ) async throws(TaskStoreError) -> Int {
        try await self.change { try $0.rescueExpired(endedBefore: endedBefore, limit: limit, now: now) }
    }

    package func cancel(
        _ ids: [TaskID], removeAt: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [CancelOutcome] {
        try await self.change { change in try ids.map { try change.cancel($0, removeAt: removeAt, now: now) } }
    }

    package func eject(_ ids: [TaskID], now: Timestamp) async throws(TaskStoreError) {
        try await self.change { try $0.eject(ids) }
    }

    package func prune(limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.change { try $0.prune(limit: limit, now: now) }
    }

    // MARK: - Reading

    package func dueLanes() async throws(TaskStoreError) -> [LaneDue] {
        try await self.read(self.connections.reader) { try $0.dueLanes() }
    }

    package func records(of ids: [TaskID]) async throws(TaskStoreError) -> [TaskRecord?] {
        try await self.read(self.connections.reader) { reading in try ids.map { try reading.record($0) } }
    }

    package func list(_ filter: ListFilter) async throws(TaskStoreError) -> [TaskRecord] {
        try await self.read(self.connections.scanner) { try $0.list(filter) }
    }

    package func counts(now: Timestamp) async throws(TaskStoreError) -> TaskCounts {
        try await self.read(self.connections.scanner) { try $0.counts(now: now) }
    }

    // MARK: - What daemons tell each other

    package func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) async throws(TaskStoreError) -> [Member] {
        try await self.change { try $0.beat(id, role: role, now: now) }
    }

    package func leave(_ id: OwnerID) async throws(TaskStoreError) {
        try await self.change { try $0.leave(id) }
    }

    package func functionSettings() async throws(TaskStoreError) -> [FunctionSettings] {
        try await self.read(self.connections.reader) { try $0.functionSettings() }
    }

    package func changeFunctions(
        _ functions: [FunctionName], _ change: FunctionChange
    ) async throws(TaskStoreError) -> [FunctionSettings] {
        try await self.change { try $0.changeFunctions(functions, change) }
    }

    /// A file has the clock of its machine.
    package func nodeClocks() async throws(TaskStoreError) -> [NodeClock] { [] }

    /// A setting of the connection that writes, for tests: the number that `PRAGMA name` answers.
    package func setting(_ name: String) async throws(TaskStoreError) -> Int64? {
        try await self.change { change in
            try PreparedStatement("PRAGMA \(name)", in: change.database).firstRow { $0.integer(0) }
        }
    }

    // MARK: - Transactions

    func change<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteChange) throws -> Value
    ) async throws(TaskStoreError) -> Value {
        try await self.transaction(self.connections.writer, begin: SQL.begin) { try body(SQLiteChange(database: $0)) }
    }

    func read<Value: Sendable>(
        _ queue: DatabaseQueue, _ body: @escaping @Sendable (SQLiteReading) throws -> Value
    ) async throws(TaskStoreError) -> Value {
        try await self.transaction(queue, begin: SQL.beginReading) { try body(SQLiteReading(database: $0)) }
    }

    /// Runs on the queue of the connection, whatever becomes of the calling task meanwhile.
    private func transaction<Value: Sendable>(
        _ queue: DatabaseQueue, begin: String, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(TaskStoreError) -> Value {
        let result: Result<Value, TaskStoreError> = await withCheckedContinuation { continuation in
            // The store, and with it what watches the log, lives as long as a transaction is under way.
            queue.asyncWriteWithoutTransaction { [self] database in
                withExtendedLifetime(self) {
                    continuation.resume(returning: SQLiteTransaction.run(in: database, begin: begin, body))
                }
            }
        }
        return try result.get()
    }
}
