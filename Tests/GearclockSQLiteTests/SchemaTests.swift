import Foundation
import GRDB
import GearclockCore
import GearclockSQLite
import Testing

/// Files that older programs have written are brought to the current schema with all their tasks.
@Suite struct SchemaTests {
    /// Each released schema with rows; a new one is added here and stays for ever.
    static let released = ["sqlite-1.sql", "sqlite-2.sql", "sqlite-3.sql", "sqlite-4.sql"]

    @Test(arguments: released)
    func `a file of an older program keeps its tasks`(_ name: String) async throws {
        let directory = try TemporaryDirectory()
        try await Self.load(name, into: directory)
        let store = try SQLiteTaskStore(path: directory.file())

        let records = try await store.records(of: (1...7).map { StoredTask.task($0).id })
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

        let claim = Claim(id: StoredTask.task(3).id, owner: OwnerID(value: 42), attempt: 1)
        let settled = try await store.settle([Settlement(claim, .complete(keepUntil: nil))], now: StoredTask.now)
        #expect(settled == [.done])
        let claimed = try await store.claimDue(StoredTask.claim(), now: StoredTask.now)
        #expect(claimed.map(\.claim.attempt) == [1, 3])
        try await Self.expectAllOutcomes(store, claimed)
        #expect(try await store.prune(limit: 10, now: .distantFuture) == 6)
        try store.close()
    }

    @Test(arguments: released)
    func `tasks of an older program stand in the lanes of their functions`(_ name: String) async throws {
        let directory = try TemporaryDirectory()
        try await Self.load(name, into: directory)
        let store = try SQLiteTaskStore(path: directory.file())
        let lane = LaneDue(lane: Lane(of: StoredTask.scheduled.function), dueAt: StoredTask.now)
        #expect(try await store.dueLanes() == [lane])
        try store.close()
        let checks = try SQLiteAdministration(path: directory.file()).verify(now: StoredTask.now)
        #expect(checks.flatMap(\.defects) == [])
    }

    @Test func `members and settings of an older program are kept`() async throws {
        let directory = try TemporaryDirectory()
        try await Self.load("sqlite-2.sql", into: directory)
        let store = try SQLiteTaskStore(path: directory.file())
        let settings = FunctionSettings(
            function: StoredTask.scheduled.function, isPaused: true, inFlight: 10, perThousandSeconds: 500)
        #expect(try await store.functionSettings() == [settings])
        let members = try await store.beat(OwnerID(value: 42), role: .dispatcher, now: StoredTask.now)
        #expect(
            members == [
                Member(id: OwnerID(value: 42), role: .dispatcher, beats: 8),
                Member(id: OwnerID(value: .max), role: .controller, beats: 1),
            ])
        try store.close()
    }

    @Test func `kept jobs of an older program are kept`() async throws {
        let directory = try TemporaryDirectory()
        try await Self.load("sqlite-3.sql", into: directory)
        let store = try SQLiteTaskStore(path: directory.file())
        let name = try #require(JobServerName("lab:4730"))
        let hold = try await store.takeJobServer(name)
        #expect(hold == JobServerHold(name: name, generation: 3, lastNumber: 9))
        #expect(try await store.jobs(of: name, after: 0) == [StoredTask.keptJob])
        try store.close()
    }

    @Test func `a row that breaks a rule does not keep the others in an older file`() async throws {
        let directory = try TemporaryDirectory()
        try await Self.load("sqlite-1.sql", into: directory)
        let queue = try DatabaseQueue(path: directory.file())
        try await queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA ignore_check_constraints = ON")
            try database.execute(sql: "UPDATE task SET finished_at = 1 WHERE state = 0 AND attempt = 0")
        }
        try queue.close()
        let store = try SQLiteTaskStore(path: directory.file())
        let claimed = try await store.claimDue(StoredTask.claim(), now: StoredTask.now)
        #expect(claimed.map(\.id) == [StoredTask.task(2).id])
        #expect(try await store.records(of: [StoredTask.task(1).id])[0]?.state == .discarded)
        try store.close()
    }

    @Test func `who only looks at an older file is told to migrate it`() async throws {
        let directory = try TemporaryDirectory()
        try await Self.load("sqlite-1.sql", into: directory)
        let administration = SQLiteAdministration(path: directory.file())
        let refusal = "run 'gearclock store migrate'"
        await expectUnavailable(refusal) { try administration.status(now: StoredTask.now) }
        await expectUnavailable(refusal) { try administration.verify(now: StoredTask.now) }
        let migration = try administration.migrate()
        #expect(migration.before == 1 && migration.after == 4)
        #expect(try administration.status(now: StoredTask.now).counts.overdue == 2)
    }

    @Test(arguments: released)
    func `after its migration a file has the schema of a new one`(_ name: String) async throws {
        let directory = try TemporaryDirectory()
        try await Self.load(name, into: directory)
        try SQLiteTaskStore(path: directory.file()).close()
        let new = directory.file("new.sqlite")
        try SQLiteTaskStore(path: new).close()
        #expect(try await Self.schema(of: directory.file()) == Self.schema(of: new))
    }

    /// The second task of the released files: every field is set, and two attempts have failed.
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

    private static func load(_ name: String, into directory: TemporaryDirectory) async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let sql = try String(contentsOf: root.appending(path: "Fixtures/schemas/\(name)"), encoding: .utf8)
        let queue = try DatabaseQueue(path: directory.file())
        try await queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    private static func schema(of path: String) async throws -> [String] {
        try await DatabaseQueue(path: path).read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT line FROM (SELECT type || ' ' || name || ': ' || coalesce(sql, '') AS line FROM sqlite_schema
                    UNION ALL SELECT 'version ' || user_version FROM pragma_user_version
                    UNION ALL SELECT 'application ' || application_id FROM pragma_application_id) ORDER BY line
                    """)
        }
    }
}
