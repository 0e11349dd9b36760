import GearclockCore
import GearclockMariaDB
import MariaDBServer

/// Tasks for the tests of rows and statements.
enum StoredTask {
    static let now = Timestamp(microseconds: 1_800_000_000_000_000)

    static func id(_ number: UInt64) -> TaskID {
        TaskID(high: 0x8000, low: 0x8000_0000_0000_0000 | number)
    }

    static func task(_ number: UInt64, payload: [UInt8] = [1, 2, 3]) -> TaskDefinition {
        guard let function = FunctionName("resize") else { preconditionFailure("A valid name") }
        return TaskDefinition(id: self.id(number), function: function, payload: payload, dueAt: now, createdAt: now)
    }

    /// The kept job of the released schemas.
    static let keptJob = KeptJob(
        number: 5, priority: .low, retries: 1, dueAt: now, function: Array("resize".utf8), unique: Array("u".utf8),
        reducer: [], workload: [0, 255, 10])

    static func claim(limit: Int = 10) -> ClaimRequest {
        ClaimRequest(
            owner: OwnerID(value: 7), dueBy: self.now, limit: limit, leaseUntil: self.now.advanced(by: .seconds(60)))
    }
}

/// A new database with our tables, a store in it, and a connection for those who do not know the rules.
struct StoreFixture {
    let configuration: MariaDBConfiguration
    let store: OneNodeStore
    let connection: MariaDBConnection

    init() async throws {
        try await self.init(on: MariaDBServer.shared())
    }

    init(on server: MariaDBServer) async throws {
        self.configuration = try server.makeDatabase()
        self.store = OneNodeStore(self.configuration)
        _ = try await self.store.migrate()
        self.connection = try MariaDBConnection(to: self.configuration.nodes[0], configuration: self.configuration)
    }

    func insert(_ numbers: ClosedRange<UInt64>) async throws {
        _ = try await self.store.insert(numbers.map { StoredTask.task($0) }, now: StoredTask.now)
    }

    /// Writes as a program does that does not know the rules.
    func write(_ sql: String) throws {
        try self.connection.execute("SET SESSION check_constraint_checks = OFF")
        try self.connection.execute(sql)
        try self.connection.commit()
    }

    func end() async {
        await self.store.close()
        self.connection.close()
    }
}

extension TaskID {
    /// As it stands in a statement.
    var literal: String {
        "x'" + self.description.filter { $0 != "-" } + "'"
    }
}
