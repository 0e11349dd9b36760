import GearclockCore
import GearclockMariaDB
import Testing

/// Rows that nobody of us wrote are set aside: they trap nothing, and the tasks behind them are claimed.
@Suite struct QuarantineTests {
    /// What a foreign program does to the row of a scheduled task, and what its history says then.
    static let scheduled: [(sql: String, reason: String)] = [
        ("retry = 'soon'", "retry policy"),
        ("retry = ''", "retry policy"),
        ("retry = x'ff00fe'", "retry policy"),
        ("state = 9", "rule"),
        ("priority = 77", "rule"),
        ("function = ''", "rule"),
        ("function = x'6100'", "rule"),
        ("controller = ''", "rule"),
        ("controller = x'61', document = NULL", "rule"),
        ("controller = x'6100', document = 'a'", "rule"),
        ("owner = 1", "rule"),
        ("finished_at = 1", "rule"),
        ("due_at = wake_at + 1", "rule"),
        ("wake_at = due_at - 1", "rule"),
        ("state = 1", "rule"),
        ("state = 1, owner = 5, priority = 77", "rule"),
    ]

    @Test(arguments: scheduled.indices)
    func `a foreign row is discarded with a reason, and the others are claimed`(_ index: Int) async throws {
        let (sql, reason) = Self.scheduled[index]
        let fixture = try await StoreFixture()
        let store = fixture.store
        try await fixture.insert(1...3)
        try fixture.write("UPDATE task SET \(sql) WHERE id = \(StoredTask.id(2).literal)")

        // Before anything is done about it, it is shown like any other.
        #expect(try await store.list(ListFilter()).count == 3, "\(sql)")
        #expect(try await store.records(of: [StoredTask.id(2)]).count == 1, "\(sql)")
        _ = try await store.counts(now: StoredTask.now)

        _ = try await store.rescueExpired(endedBefore: .distantFuture, limit: 10, now: StoredTask.now)
        let claimed = try await store.claimDue(StoredTask.claim(), now: StoredTask.now)
        #expect(claimed.map(\.id) == [StoredTask.id(1), StoredTask.id(3)], "\(sql)")
        let record = try await store.records(of: [StoredTask.id(2)])[0]
        #expect(record?.state == .discarded, "\(sql)")
        #expect(record?.finishedAt == StoredTask.now, "\(sql)")
        #expect(record?.removeAt == StoredTask.now.advanced(by: RetentionPolicy().failed), "\(sql)")
        let messages = record?.history.map { String(decoding: $0.message, as: UTF8.self) } ?? []
        #expect(messages.count == 1 && messages[0].contains(reason), "\(sql): \(messages)")
        #expect(try await store.prune(limit: 10, now: .distantFuture) == 1, "\(sql)")
        await fixture.end()
    }

    @Test func `tasks behind foreign ones fill a claim up to its limit`() async throws {
        let fixture = try await StoreFixture()
        try await fixture.insert(1...6)
        try fixture.write("UPDATE task SET priority = 9 WHERE id <= \(StoredTask.id(3).literal)")
        let claimed = try await fixture.store.claimDue(StoredTask.claim(limit: 2), now: StoredTask.now)
        #expect(claimed.map(\.id) == [StoredTask.id(4), StoredTask.id(5)])
        #expect(try await fixture.store.counts(now: StoredTask.now).discarded == 3)
        await fixture.end()
    }

    @Test func `a running row that was changed by a stranger does not stop the settlement of the others`() async throws
    {
        let fixture = try await StoreFixture()
        try await fixture.insert(1...3)
        let claims = try await fixture.store.claimDue(StoredTask.claim(), now: StoredTask.now).map(\.claim)
        try fixture.write("UPDATE task SET function = '' WHERE id = \(StoredTask.id(2).literal)")
        let extended = try await fixture.store.extend(claims, leaseUntil: .distantFuture, now: StoredTask.now)
        #expect(extended == [.done, .stale, .done])
        let entry = AttemptRecord(
            attempt: 1, startedAt: StoredTask.now, endedAt: StoredTask.now, outcome: .failed)
        let settled = try await fixture.store.settle(
            claims.map { Settlement($0, .retry(at: StoredTask.now, entry)) }, now: StoredTask.now)
        #expect(settled == [.done, .stale, .done])
        let records = try await fixture.store.records(of: claims.map(\.id))
        #expect(records.map { $0?.state } == [.scheduled, .discarded, .scheduled])
        let cancelled = try await fixture.store.cancel(
            [StoredTask.id(2), StoredTask.id(3)], removeAt: .distantFuture, now: StoredTask.now)
        #expect(cancelled == [.alreadyFinal(.discarded), .cancelled])
        await fixture.end()
    }

    @Test func `a history that nobody of us wrote is shown as well as it can be`() async throws {
        let fixture = try await StoreFixture()
        try await fixture.insert(1...1)
        _ = try await fixture.store.claimDue(StoredTask.claim(), now: StoredTask.now)
        try fixture.write("INSERT INTO attempt SELECT id, -3, 4294967295, 1, 2, 99, repeat('a', 1024) FROM task")
        let history = try await fixture.store.records(of: [StoredTask.id(1)])[0]?.history
        let expected = AttemptRecord(
            attempt: .max, startedAt: Timestamp(microseconds: 1), endedAt: Timestamp(microseconds: 2), outcome: .failed,
            message: [UInt8](repeating: UInt8(ascii: "a"), count: 1024))
        #expect(history == [expected])
        await fixture.end()
    }

    @Test func `the schema refuses what breaks a rule`() async throws {
        let fixture = try await StoreFixture()
        try await fixture.insert(1...1)
        for (sql, reason) in Self.scheduled where reason == "rule" {
            #expect(throws: MariaDBFailure.self, "\(sql)") {
                try fixture.connection.execute("UPDATE task SET \(sql)")
            }
        }
        #expect(try await fixture.store.records(of: [StoredTask.id(1)]) == [TaskRecord(StoredTask.task(1))])
        await fixture.end()
    }
}
