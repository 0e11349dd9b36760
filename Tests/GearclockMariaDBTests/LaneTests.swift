import GearclockCore
import GearclockMariaDB
import Testing

/// Where tasks stand in the index, and how claims read them.
@Suite struct LaneTests {
    @Test func `a task stands in the lane of its function while it is scheduled, then in that of its state`()
        async throws
    {
        let fixture = try await StoreFixture()
        let names = [[0xff, 0xfe], Array("ü".utf8), Array("resize".utf8), [UInt8](repeating: 9, count: 512)]
        let tasks = zip(UInt64(1)..., names).map { number, name in
            var task = StoredTask.task(number)
            task.function = FunctionName(name)!
            return task
        }
        _ = try await fixture.store.insert(tasks, now: StoredTask.now)
        let scheduled = tasks.map { String(1 << 32 + UInt64(Lane(of: $0.function).value)) }
        #expect(try Self.lanes(fixture) == scheduled)
        let claims = try await fixture.store.claimDue(StoredTask.claim(), now: StoredTask.now).map(\.claim)
        #expect(try Self.lanes(fixture) == ["1", "1", "1", "1"])
        let attempt = AttemptRecord(
            attempt: 1, startedAt: StoredTask.now, endedAt: StoredTask.now, outcome: .expired)
        _ = try await fixture.store.settle(
            [
                Settlement(claims[0], .release(at: StoredTask.now)),
                Settlement(claims[1], .complete(keepUntil: StoredTask.now)),
                Settlement(claims[2], .expire(keepUntil: StoredTask.now, attempt)),
            ], now: StoredTask.now)
        _ = try await fixture.store.cancel([tasks[3].id], removeAt: StoredTask.now, now: StoredTask.now)
        #expect(try Self.lanes(fixture) == [scheduled[0], "2", "5", "4"])
        await fixture.end()
    }

    @Test func `large tasks are claimed whole, and so many as a claim may weigh`() async throws {
        let fixture = try await StoreFixture()
        var tasks = (1...8).map { StoredTask.task($0, payload: [UInt8](repeating: UInt8($0), count: 100_000)) }
        tasks[1].payload = [1]
        tasks[2].gearsloth = GearslothPart(
            controller: FunctionName("c"), document: [UInt8](repeating: 7, count: SQL.largeBytes))
        _ = try await fixture.store.insert(tasks, now: StoredTask.now)
        var request = StoredTask.claim()
        var left = tasks
        for count in [3, 1, 4] {
            let weight = left.prefix(count).map(\.weightBytes).reduce(0, +)
            request.limitBytes = count == 4 ? .max : weight
            let claimed = try await fixture.store.claimDue(request, now: StoredTask.now)
            #expect(claimed.map(\.definition) == Array(left.prefix(count)))
            #expect(claimed.allSatisfy { $0.claim.attempt == 1 })
            left.removeFirst(count)
            #expect(try await fixture.store.counts(now: StoredTask.now).scheduled == left.count)
        }
        await fixture.end()
    }

    @Test func `a task is claimed only as it was read`() async throws {
        let fixture = try await StoreFixture()
        let task = StoredTask.task(1)
        _ = try await fixture.store.insert([task], now: StoredTask.now)
        let later = task.createdAt.advanced(by: .microseconds(1))
        for (createdAt, attempt, count) in [(later, Int64(0), 0), (task.createdAt, 1, 0), (task.createdAt, 0, 1)] {
            let list = IDList([task.id])
            let claim = try fixture.connection.statement(SQL.claim(list))
            claim.bind(1, StoredTask.now.advanced(by: .seconds(10)))
            claim.bind(2, OwnerID(value: 1))
            claim.bind(3, StoredTask.now)
            claim.bind(4, attempt)
            list.bindPairs(with: [createdAt], to: claim, from: 5)
            #expect(try claim.run() == count)
            try fixture.connection.rollback()
        }
        await fixture.end()
    }

    @Test func `tasks of different attempts are claimed together`() async throws {
        let fixture = try await StoreFixture()
        _ = try await fixture.store.insert((1...3).map { StoredTask.task($0) }, now: StoredTask.now)
        for count in [2, 1] {
            let claimed = try await fixture.store.claimDue(StoredTask.claim(limit: count), now: StoredTask.now)
            _ = try await fixture.store.settle(
                claimed.map { Settlement($0.claim, .release(at: $0.dueAt)) }, now: StoredTask.now)
        }
        let claimed = try await fixture.store.claimDue(StoredTask.claim(), now: StoredTask.now)
        #expect(claimed.map(\.claim.attempt) == [3, 2, 1])
        let outcomes = try await fixture.store.settle(
            claimed.map { Settlement($0.claim, .complete(keepUntil: nil)) }, now: StoredTask.now)
        #expect(outcomes == [.done, .done, .done])
        await fixture.end()
    }

    @Test func `lanes beyond those of one statement are claimed, earliest first over all`() async throws {
        let fixture = try await StoreFixture()
        let tasks = (1...150).map { number in
            var task = StoredTask.task(UInt64(number))
            task.function = FunctionName("f\(number % 100)")!
            return task
        }
        _ = try await fixture.store.insert(tasks, now: StoredTask.now)
        #expect(try await fixture.store.dueLanes().count == 100)
        for expected in [tasks.prefix(120), tasks.suffix(30)] {
            let claimed = try await fixture.store.claimDue(StoredTask.claim(limit: 120), now: StoredTask.now)
            #expect(claimed.map(\.id) == expected.map(\.id))
        }
        await fixture.end()
    }

    private static func lanes(_ fixture: StoreFixture) throws -> [String?] {
        let lanes = try fixture.connection.textRows("SELECT lane FROM task ORDER BY id").map { $0[0] }
        try fixture.connection.rollback()
        return lanes
    }
}
