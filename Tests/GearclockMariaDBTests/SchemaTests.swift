import Foundation
import GearclockCore
import GearclockEnvironment
import GearclockMariaDB
import MariaDBServer
import Testing

/// Databases of older programs are brought to the current schema with all their tasks, whoever does it and how often.
@Suite struct SchemaTests {
    /// Each released schema with rows; a new one is added here and stays for ever.
    static let released = ["mariadb-1.sql", "mariadb-2.sql", "mariadb-3.sql"]

    @Test(arguments: released)
    func `a database of an older program keeps its tasks`(_ name: String) async throws {
        let configuration = try await Self.load(name)
        let store = OneNodeStore(configuration)
        _ = try await store.migrate()

        let records = try await store.records(of: (1...7).map { StoredTask.id($0) })
        #expect(
            records.map { $0?.state } == [
                .scheduled, .scheduled, .running, .completed, .discarded, .cancelled, .expired,
            ])
        #expect(records[0] == TaskRecord(StoredTask.task(1)))
        #expect(records[1] == Self.retriedTask())
        #expect(records[2]?.owner == OwnerID(value: 42))
        #expect(records[2]?.leaseUntil == StoredTask.now.advanced(by: .seconds(15)))
        #expect(records[4]?.history.map(\.outcome) == [.exception])
        if name == Self.released.last {
            #expect(records[5...6].map { $0?.history.map(\.outcome) } == [[.cancelled], [.expired]])
        }
        #expect(records[3...6].allSatisfy { $0?.removeAt == StoredTask.now.advanced(by: .seconds(600)) })

        let claim = Claim(id: StoredTask.id(3), owner: OwnerID(value: 42), attempt: 1)
        let settled = try await store.settle([Settlement(claim, .complete(keepUntil: nil))], now: StoredTask.now)
        #expect(settled == [.done])
        let claimed = try await store.claimDue(StoredTask.claim(), now: StoredTask.now)
        #expect(claimed.map(\.claim.attempt) == [1, 3])
        try await Self.expectAllOutcomes(store, claimed)
        #expect(try await store.prune(limit: 10, now: .distantFuture) == 6)
        await store.close()
    }

    @Test(arguments: released)
    func `after its migration a database has the schema of a new one`(_ name: String) async throws {
        let old = try await Self.load(name)
        _ = try await Self.migrate(old)
        let new = try await MariaDBServer.shared().makeDatabase()
        #expect(try await Self.migrate(new) == ["tasks", "jobs", "outcomes"])
        #expect(try Self.definitions(old) == Self.definitions(new))
    }

    @Test func `kept jobs of an older program are kept`() async throws {
        let configuration = try await Self.load("mariadb-2.sql")
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        _ = try MariaDBSchema.migrate(on: connection)
        let name = try #require(JobServerName("lab:4730"))
        let hold = try MariaDBChange(connection, clock: SystemClock()).takeJobServer(name)
        #expect(hold == JobServerHold(name: name, generation: 3, lastNumber: 9))
        try connection.commit()
        #expect(
            try MariaDBReading(connection, clock: SystemClock()).jobs(of: name, after: 0) == [StoredTask.keptJob])
        connection.close()
    }

    @Test func `ten that migrate at once make each migration once, also on different nodes`() async throws {
        for _ in 0..<3 {
            let configuration = try await MariaDBServer.shared().makeDatabase()
            let made = try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<10 {
                    group.addTask {
                        try await Self.migrate(configuration, node: number % configuration.nodes.count)
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(made.sorted() == ["jobs", "outcomes", "tasks"])
            for node in configuration.nodes.indices {
                let again = try await Self.migrate(configuration, node: node)
                #expect(again.isEmpty)
            }
        }
    }

    @Test func `what is missing, older or newer is said`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        #expect(try MariaDBSchema.find(on: connection).defect == .missing)
        #expect(try MariaDBSchema.migrate(on: connection) == ["tasks", "jobs", "outcomes"])
        #expect(try MariaDBSchema.find(on: connection).defect == nil)
        // A newer program, which we can work beside, and one that we cannot.
        try connection.execute("INSERT INTO gearclock_schema (version, name, compatible_from) VALUES (90, 'later', 1)")
        #expect(try MariaDBSchema.find(on: connection).defect == nil)
        try connection.execute("INSERT INTO gearclock_schema (version, name, compatible_from) VALUES (91, 'last', 91)")
        #expect(try MariaDBSchema.find(on: connection).defect == .newer(91))
        #expect(try MariaDBSchema.migrate(on: connection).isEmpty)
        try connection.execute("DELETE FROM gearclock_schema")
        #expect(try MariaDBSchema.find(on: connection).defect == .missing)
        try connection.commit()
        connection.close()
    }

    @Test func `a table of some other program is left alone`() async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        try connection.execute("CREATE TABLE task (a INT PRIMARY KEY)")
        #expect(throws: MariaDBFailure.self) { try MariaDBSchema.find(on: connection) }
        #expect(throws: MariaDBFailure.self) { try MariaDBSchema.migrate(on: connection) }
        #expect(try connection.textRows("SHOW TABLES") == [["task"]])
        connection.close()
    }

    @Test func `a batch is split below the largest packet, and a task that is larger is refused`() async throws {
        let server = try await MariaDBServer.start(arguments: ["--max-allowed-packet=1M"])
        let fixture = try await StoreFixture(on: server)
        var tasks = (1...40).map { StoredTask.task($0, payload: [UInt8](repeating: 7, count: 100_000)) }
        tasks.insert(StoredTask.task(100, payload: [UInt8](repeating: 8, count: 1_100_000)), at: 20)
        let outcomes = try await fixture.store.insert(tasks, now: StoredTask.now)
        guard case .tooLarge(let limit) = outcomes[20] else {
            Issue.record("\(outcomes[20])")
            return
        }
        #expect(outcomes.filter { $0 == .inserted }.count == 40)
        #expect(
            try await fixture.store.records(of: [StoredTask.id(100), StoredTask.id(40)]).map { $0 != nil } == [
                false, true,
            ])
        // One that is just as large as it may be, with everything that a task can have.
        var largest = StoredTask.task(200, payload: [UInt8](repeating: 9, count: limit - 7))
        largest.function = FunctionName([UInt8](repeating: 65, count: 512))!
        largest.gearsloth = GearslothPart(controller: largest.function, document: [1, 2, 3, 4, 5, 6, 7])
        largest.retry = RetryPolicy(
            maxAttempts: 5, backoff: .list([Duration](repeating: .seconds(300_000_000), count: 100)))
        #expect(try await fixture.store.insert([largest], now: StoredTask.now) == [.inserted])
        #expect(try await fixture.store.records(of: [largest.id])[0]?.definition == largest)
        await fixture.end()
    }

    // MARK: - Databases

    /// The second task of the released databases: every field is set, and two attempts have failed.
    private static func retriedTask() -> TaskRecord {
        var task = StoredTask.task(2, payload: [0, 255, 10])
        task.priority = .low
        task.expiresAt = StoredTask.now.advanced(by: .seconds(3600))
        task.timeout = .milliseconds(1500)
        task.retain = .seconds(60)
        task.retry = RetryPolicy(
            maxAttempts: 7, maxAge: .seconds(86_400), backoff: .list([.seconds(1), .seconds(2)]), jitter: 0.25)
        task.gearsloth = GearslothPart(controller: FunctionName("ctrl"), document: Array(#"{"a":1}"#.utf8))
        var record = TaskRecord(task)
        record.attempt = 2
        record.failures = 1
        record.history = [
            AttemptRecord(
                attempt: 1, startedAt: StoredTask.now, endedAt: StoredTask.now.advanced(by: .seconds(1)),
                outcome: .failed, message: Array("broken".utf8)),
            AttemptRecord(
                attempt: 2, startedAt: StoredTask.now, endedAt: StoredTask.now.advanced(by: .seconds(2)),
                outcome: .leaseExpired),
        ]
        return record
    }

    /// What was added to the outcomes can be written into an older database, and is found in one that has it.
    private static func expectAllOutcomes(_ store: some TaskStore, _ claimed: [ClaimedTask]) async throws {
        let later = StoredTask.now.advanced(by: .seconds(1))
        let expired = AttemptRecord(attempt: 1, startedAt: StoredTask.now, endedAt: later, outcome: .expired)
        let settlement = Settlement(claimed[0].claim, .expire(keepUntil: later, expired))
        #expect(try await store.settle([settlement], now: later) == [.done])
        #expect(try await store.cancel([claimed[1].id], removeAt: later, now: later) == [.cancelledWhileRunning])
        let histories = try await store.records(of: claimed.map(\.id)).map { $0?.history.last }
        #expect(histories == [expired, .cancelled(attempt: 3, dueAt: StoredTask.now, now: later)])
    }

    private static func load(_ name: String) async throws -> MariaDBConfiguration {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Fixtures/schemas/\(name)")
        let text = try String(contentsOf: file, encoding: .utf8)
        for statement in text.components(separatedBy: ";\n") where statement.contains("(") {
            try connection.execute(statement)
        }
        try connection.commit()
        connection.close()
        return configuration
    }

    private static func migrate(_ configuration: MariaDBConfiguration, node: Int = 0) async throws -> [String] {
        let connection = NodeConnection(to: configuration.nodes[node], configuration: configuration)
        let made = try await connection.perform { (connection) throws(MariaDBFailure) in
            try MariaDBSchema.migrate(on: connection)
        }
        await connection.close()
        return made
    }

    private static func definitions(_ configuration: MariaDBConfiguration) throws -> [String] {
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        defer { connection.close() }
        return try MariaDBSchema.tables.flatMap { table in
            try connection.textRows("SHOW CREATE TABLE \(table)").flatMap { $0.compactMap { $0 } }
        }
    }
}
