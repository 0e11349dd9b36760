import GRDB
import GearclockCore
import GearclockSQLite
import Testing

@Suite struct AdministrationTests {
    private static let now = Timestamp(microseconds: 1_800_000_000_000_000)

    private static func task(_ number: UInt64) -> TaskDefinition {
        TaskDefinition(
            id: TaskID(high: 1, low: number), function: FunctionName("f")!, payload: [], dueAt: self.now,
            createdAt: self.now)
    }

    @Test func `a migration makes the file, and then has nothing to do`() throws {
        let directory = try TemporaryDirectory()
        let administration = SQLiteAdministration(path: directory.file("tasks"))
        #expect(throws: TaskStoreError.self) { try administration.status(now: Self.now) }
        let first = try administration.migrate()
        #expect(first.before == 0 && first.after > 0)
        let second = try administration.migrate()
        #expect(second.before == first.after && second.after == first.after)
    }

    @Test func `a status counts beside an open store`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file("tasks"))
        _ = try await store.insert([Self.task(1), Self.task(2)], now: Self.now)
        let status = try SQLiteAdministration(path: directory.file("tasks")).status(now: Self.now)
        #expect(status.counts.scheduled == 2 && status.counts.overdue == 2)
        #expect(status.schemaVersion > 0 && status.sizeBytes > 4096)
        try store.close()
    }

    @Test func `a sound file passes every check, and its settings are as they should be`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file("tasks"))
        _ = try await store.insert([Self.task(1)], now: Self.now)
        try store.close()
        let administration = SQLiteAdministration(path: directory.file("tasks"))
        let checks = try administration.verify(now: Self.now)
        #expect(checks.count == 6 && checks.allSatisfy(\.defects.isEmpty), "\(checks)")
        #expect(try administration.settings().allSatisfy { $0.value == $0.wanted })
    }

    @Test(arguments: [
        ("UPDATE task SET priority = 9", "every task keeps the rules of the schema"),
        ("UPDATE task SET lane = lane - 1", "every scheduled task stands in the lane of its function"),
        ("UPDATE task SET bucket = 63 - bucket", "every scheduled task stands in the lane of its function"),
        ("INSERT INTO member VALUES (1, 9, 1, 1)", "every member, every setting"),
        ("INSERT INTO function_setting (function, is_paused) VALUES (x'61', 0)", "every member, every setting"),
        ("INSERT INTO job VALUES (1, x'61', 0, 1, 0, NULL, x'61', x'', x'', x'')", "every member, every setting"),
        ("INSERT INTO attempt VALUES (x'00', 1, 1, 1, 1, 1, x'')", "every history belongs to a task"),
        ("UPDATE task SET state = 1, owner = 1, lease_until = 1", "no task is still running"),
    ])
    func `what somebody broke is found`(sql: String, name: String) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("tasks")
        let store = try SQLiteTaskStore(path: path)
        _ = try await store.insert([Self.task(1)], now: Self.now)
        try store.close()
        let database = try DatabaseQueue(path: path)
        try await database.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA ignore_check_constraints = ON")
            try database.execute(sql: sql)
        }
        try database.close()
        let broken = try SQLiteAdministration(path: path).verify(now: Self.now).filter { !$0.defects.isEmpty }
        #expect(broken.contains { $0.name.hasPrefix(name) }, "\(broken)")
    }

    @Test func `another program's file is refused`() async throws {
        let directory = try TemporaryDirectory()
        let database = try DatabaseQueue(path: directory.file("other"))
        try await database.write { try $0.execute(sql: "CREATE TABLE task (x)") }
        try database.close()
        let administration = SQLiteAdministration(path: directory.file("other"))
        #expect(throws: TaskStoreError.self) { try administration.status(now: Self.now) }
        #expect(throws: TaskStoreError.self) { try administration.migrate() }
    }
}
