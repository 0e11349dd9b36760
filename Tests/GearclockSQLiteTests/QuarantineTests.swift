import Foundation
import GRDB
import GearclockCore
import GearclockSQLite
import Testing

/// Rows that nobody of us wrote are set aside: they trap nothing, and the tasks behind them are claimed.
@Suite struct QuarantineTests {
    /// What a foreign program does to the row of a scheduled task, and what its history says then.
    static let scheduled: [(sql: String, reason: String)] = [
        ("retry = 'soon'", "retry policy"),
        ("retry = ''", "retry policy"),
        ("retry = cast(x'ff00fe' AS TEXT)", "retry policy"),
        ("retry = '20 - 0.1 list'", "retry policy"),
        ("state = 9", "rule"),
        ("state = -1", "rule"),
        ("priority = 77", "rule"),
        ("attempt = -5", "rule"),
        ("attempt = 9223372036854775807", "rule"),
        ("failures = 4294967296", "rule"),
        ("function = x''", "rule"),
        ("function = x'6100'", "rule"),
        ("controller = x''", "rule"),
        ("controller = x'61', document = NULL", "rule"),
        ("owner = 1", "rule"),
        ("lease_until = 1", "rule"),
        ("finished_at = 1", "rule"),
        ("state = 1", "rule"),
        ("state = 3", "rule"),
        ("state = 1, owner = 5", "rule"),
        ("lane = -1", "rule"),
        ("lane = 4294967296", "rule"),
        ("bucket = 64", "rule"),
    ]

    @Test(arguments: scheduled.indices)
    func `a foreign row is discarded with a reason, and the others are claimed`(_ index: Int) async throws {
        let (sql, reason) = Self.scheduled[index]
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        _ = try await store.insert((1...3).map { StoredTask.task($0) }, now: StoredTask.now)
        try await Self.execute("UPDATE task SET \(sql) WHERE seq = 2", in: directory)

        // Before anything is done about it, it is shown like any other.
        #expect(try await store.list(ListFilter()).count == 3, "\(sql)")
        #expect(try await store.records(of: [StoredTask.task(2).id]).count == 1, "\(sql)")
        _ = try await store.counts(now: StoredTask.now)

        _ = try await store.rescueExpired(endedBefore: .distantPast, limit: 1, now: StoredTask.now)
        let claimed = try await store.claimDue(StoredTask.claim(), now: StoredTask.now)
        #expect(claimed.map(\.id) == [StoredTask.task(1).id, StoredTask.task(3).id], "\(sql)")
        let record = try await store.records(of: [StoredTask.task(2).id])[0]
        #expect(record?.state == .discarded, "\(sql)")
        #expect(record?.finishedAt == StoredTask.now, "\(sql)")
        #expect(record?.removeAt == StoredTask.now.advanced(by: RetentionPolicy().failed), "\(sql)")
        let messages = record?.history.map { String(decoding: $0.message, as: UTF8.self) } ?? []
        #expect(messages.count == 1 && messages[0].contains(reason), "\(sql): \(messages)")
        #expect(try await store.counts(now: StoredTask.now).discarded == 1, "\(sql)")
        #expect(try await store.prune(limit: 10, now: .distantFuture) == 1, "\(sql)")
        try store.close()
    }

    @Test func `a row that breaks a rule does not stop a claim, even before anybody looks for such rows`() async throws
    {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        _ = try await store.insert((1...3).map { StoredTask.task($0) }, now: StoredTask.now)
        try await Self.execute("UPDATE task SET finished_at = 1 WHERE seq = 1", in: directory)
        let claimed = try await store.claimDue(StoredTask.claim(limit: 2), now: StoredTask.now)
        #expect(claimed.map(\.id) == [StoredTask.task(2).id, StoredTask.task(3).id])
        #expect(try await store.records(of: [StoredTask.task(1).id])[0]?.state == .discarded)
        try store.close()
    }

    @Test func `a row whose id is none gets one`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        _ = try await store.insert((1...2).map { StoredTask.task($0) }, now: StoredTask.now)
        try await Self.execute("UPDATE task SET id = x'01' WHERE seq = 1", in: directory)
        #expect(try await store.claimDue(StoredTask.claim(), now: StoredTask.now).map(\.id) == [StoredTask.task(2).id])
        let discarded = try await store.list(ListFilter(state: .discarded))
        #expect(discarded.count == 1)
        #expect(try await store.records(of: discarded.map(\.id)).map { $0?.history.count } == [1])
        try store.close()
    }

    @Test func `a history that nobody of us wrote is shown as well as it can be`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        _ = try await store.insert([StoredTask.scheduled], now: StoredTask.now)
        _ = try await store.claimDue(StoredTask.claim(), now: StoredTask.now)
        try await Self.execute(
            "INSERT INTO attempt SELECT id, 1, -7, 1, 2, 99, zeroblob(5000) FROM task", in: directory)
        let history = try await store.records(of: [StoredTask.scheduled.id])[0]?.history
        let message = [UInt8](repeating: 0, count: Limits.attemptMessageBytes)
        let expected = AttemptRecord(
            attempt: 0, startedAt: Timestamp(microseconds: 1), endedAt: Timestamp(microseconds: 2), outcome: .failed,
            message: message)
        #expect(history == [expected])
        try store.close()
    }

    @Test func `the schema refuses what breaks a rule`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        _ = try await store.insert([StoredTask.scheduled], now: StoredTask.now)
        let database = try DatabaseQueue(path: directory.file())
        for (sql, reason) in Self.scheduled where reason == "rule" {
            await #expect(throws: DatabaseError.self, "\(sql)") {
                try await database.writeWithoutTransaction { try $0.execute(sql: "UPDATE task SET \(sql)") }
            }
        }
        #expect(try await store.records(of: [StoredTask.scheduled.id]) == [TaskRecord(StoredTask.scheduled)])
        try store.close()
    }

    /// Writes as a program does that does not know the rules.
    private static func execute(_ sql: String, in directory: TemporaryDirectory) async throws {
        let queue = try DatabaseQueue(path: directory.file())
        try await queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA ignore_check_constraints = ON")
            try database.execute(sql: sql)
        }
        try queue.close()
    }
}
