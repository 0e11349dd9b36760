import Foundation
import GRDB
import GearclockCore
import GearclockSQLite
import Testing

/// A store in trouble says which of the three kinds it is, and goes on when the trouble is over.
@Suite struct TroubleTests {
    @Test func `a full disk is unavailable, changes nothing, and leaves room for what makes room`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file(), settings: .init(pageLimit: 64))
        _ = try await store.insert([StoredTask.scheduled], now: StoredTask.now)
        let large = [StoredTask.task(2), StoredTask.task(3, payload: [UInt8](repeating: 7, count: 1 << 20))]
        await expectUnavailable("full") { try await store.insert(large, now: StoredTask.now) }
        // Neither of the batch is there.
        let records = try await store.records(of: [StoredTask.scheduled.id] + large.map(\.id))
        #expect(records == [TaskRecord(StoredTask.scheduled), nil, nil])
        let claimed = try await store.claimDue(StoredTask.claim(), now: StoredTask.now)
        #expect(claimed.map(\.id) == [StoredTask.scheduled.id])
        let settled = try await store.settle(
            [Settlement(claimed[0].claim, .complete(keepUntil: nil))], now: StoredTask.now)
        #expect(settled == [.done])
        try store.close()
    }

    @Test func `a lock that somebody holds too long is unavailable, and then it goes on`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file(), settings: .init(busyTimeout: .milliseconds(5)))
        let other = try DatabaseQueue(path: directory.file(), configuration: Self.unchecked)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        await expectUnavailable("locked") { try await store.insert([StoredTask.scheduled], now: StoredTask.now) }
        // Who only looks is not stopped.
        #expect(try await store.nextDue() == nil)
        try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        #expect(try await store.insert([StoredTask.scheduled], now: StoredTask.now) == [.inserted])
        try store.close()
    }

    @Test func `a change waits for another process that is quick enough`() async throws {
        let directory = try TemporaryDirectory()
        let stores = try (0..<4).map { _ in try SQLiteTaskStore(path: directory.file()) }
        // Forty batches at once on four connections: each waits for up to thirty-nine others.
        let outcomes = try await withThrowingTaskGroup(of: [InsertOutcome].self) { group in
            for number in UInt64(0)..<40 {
                group.addTask {
                    try await stores[Int(number % 4)].insert([StoredTask.task(number)], now: StoredTask.now)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(outcomes == Array(repeating: .inserted, count: 40))
        #expect(try await stores[0].counts(now: StoredTask.now).scheduled == 40)
        // A change that looks before it writes waits as well: it has the lock before it looks.
        let cancelled = try await withThrowingTaskGroup(of: [CancelOutcome].self) { group in
            for number in UInt64(0)..<40 {
                group.addTask {
                    try await stores[Int(number % 4)].cancel(
                        [StoredTask.task(number).id], removeAt: StoredTask.now, now: StoredTask.now)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(cancelled == Array(repeating: .cancelled, count: 40))
        for store in stores { try store.close() }
    }

    @Test func `a damaged file is unavailable and traps nothing`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        _ = try await store.insert((0..<2000).map { StoredTask.task($0) }, now: StoredTask.now)
        try store.close()
        // Every page but the first few is overwritten; what is there is as long as before.
        let url = URL(fileURLWithPath: directory.file())
        var bytes = try Data(contentsOf: url)
        for offset in stride(from: 4096 * 16, to: bytes.count, by: 7) { bytes[offset] = 0x5a }
        try bytes.write(to: url)

        let damaged = try SQLiteTaskStore(path: directory.file())
        await expectUnavailable("malformed") { try await damaged.list(ListFilter(limit: 1000)) }
        // The schema is whole, so it can be opened; whatever else it answers, it answers.
        var answers = 0
        for number in UInt64(0)..<50 {
            do throws(TaskStoreError) {
                _ = try await damaged.records(of: [StoredTask.task(number * 40).id])
                _ = try await damaged.claimDue(StoredTask.claim(limit: 100), now: StoredTask.now)
            } catch {
                #expect(error != .conflict)
                answers += 1
            }
        }
        #expect(answers > 0)
        try damaged.close()
    }

    private static var unchecked: Configuration {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        return configuration
    }
}
