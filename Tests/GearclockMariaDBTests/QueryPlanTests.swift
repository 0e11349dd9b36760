import GearclockCore
import GearclockEnvironment
import GearclockMariaDB
import Testing

/// Every statement finds its rows as its header says: without an index it would be right in tests and slow in use.
@Suite struct QueryPlanTests {
    struct Plan: Sendable, CustomTestStringConvertible {
        let name: String
        let sql: String
        /// How tables are read, `table key access`; each line of the plan has to be one of them.
        let reads: Set<String>
        /// What may stand beside it, like sorting.
        var extras: Set<String> = []
        var testDescription: String { self.name }

        init(_ name: String, _ sql: String, _ reads: Set<String>, extras: Set<String> = []) {
            self.name = name
            self.sql = sql
            self.reads = reads
            self.extras = extras
        }
    }

    private static let ids = IDList([1, 2, 3].map { StoredTask.id($0) }[...])
    private static let byID: Set<String> = ["task PRIMARY range"]
    private static let historyByID: Set<String> = ["attempt PRIMARY range"]
    private static let byTime: Set<String> = ["task task_wake range"]

    static let plans = [
        Plan("standing", SQL.standing(ids), byID),
        Plan("lock", SQL.lock(ids), byID),
        Plan("lockFree", SQL.lockFree(ids), byID),
        Plan("due", SQL.due(lanes: 1), byTime),
        Plan("due in many lanes", SQL.due(lanes: 8), byTime),
        Plan("due tasks in many lanes", SQL.dueTasks(lanes: 8), byTime),
        Plan("dueLocked", SQL.dueLocked, byTime),
        Plan("claim", SQL.claim(ids), byID),
        Plan("claim of one", SQL.claim(IDList([StoredTask.id(1)])), byID),
        Plan("tasks", SQL.tasks(ids), byID),
        Plan("weighed", SQL.weighed(ids), byID),
        Plan("complete", SQL.complete(ids), byID),
        Plan("extend", SQL.extend(ids), byID),
        Plan("reschedule", SQL.reschedule, byID),
        Plan("finish", SQL.finish, byID),
        Plan("cancel", SQL.cancel(ids), byID),
        Plan("setAside", SQL.setAside(ids), byID),
        Plan("expiredLeases", SQL.expiredLeases, byTime),
        Plan("unknownStates", SQL.unknownStates, byTime),
        Plan("rescue", SQL.rescue(ids), byID),
        Plan("old", SQL.old, ["task task_wake range", "<union1,2,3,4> NULL ALL"], extras: ["Using filesort"]),
        Plan("prune", SQL.prune(ids), byID),
        Plan("eject", SQL.eject(ids), byID),
        Plan("removeHistory", SQL.removeHistory(ids), historyByID),
        Plan("history", SQL.history(ids), historyByID),
        Plan("nextLane", SQL.nextLane, byTime),
        Plan("list", SQL.list, byID),
        Plan("listScheduled", SQL.listScheduled, byID),
        Plan("listRare", SQL.listRare, ["task task_wake ref", "task task_wake range"], extras: ["Using filesort"]),
        Plan("count", SQL.count, ["task task_wake index"]),
        Plan("members", SQL.members, ["member PRIMARY index", "member NULL ALL"]),
        Plan("forget", SQL.forget, ["member PRIMARY range"]),
        Plan("leave", SQL.leave, ["member PRIMARY range"]),
        Plan("functionSettings", SQL.functionSettings, ["function_setting PRIMARY index"]),
        Plan("functionSettingsLocked", SQL.functionSettingsLocked, ["function_setting PRIMARY index"]),
        Plan("updateFunction", SQL.updateFunction, ["function_setting PRIMARY range"]),
        Plan("removeFunction", SQL.removeFunction, ["function_setting PRIMARY range"]),
        Plan("forgetJob", SQL.forgetJob, ["job PRIMARY range"]),
        Plan("jobs", SQL.jobs, ["job PRIMARY range"]),
    ]

    @Test func `a statement uses the index that its header names`() async throws {
        let fixture = try await StoreFixture()
        try await Self.fill(fixture)
        for plan in Self.plans {
            let rows = try fixture.connection.textRows("EXPLAIN " + Self.withValues(plan.sql))
            #expect(!rows.isEmpty, "\(plan.name)")
            for row in rows {
                // id, select_type, table, type, possible_keys, key, key_len, ref, rows, Extra
                let read = "\(row[2] ?? "NULL") \(row[5] ?? "NULL") \(row[3] ?? "NULL")"
                #expect(plan.reads.contains(read), "\(plan.name): \(read)")
                for extra in ["Using filesort", "Using temporary"] where (row[9] ?? "").contains(extra) {
                    #expect(plan.extras.contains(extra), "\(plan.name): \(extra)")
                }
            }
        }
        await fixture.end()
    }

    @Test func `looking for what is due, for leases and for counts reads the index alone`() async throws {
        let fixture = try await StoreFixture()
        try await Self.fill(fixture)
        for sql in [SQL.due(lanes: 2), SQL.expiredLeases, SQL.nextLane, SQL.count, SQL.unknownStates] {
            let rows = try fixture.connection.textRows("EXPLAIN " + Self.withValues(sql))
            let reads = rows.filter { $0[2]?.hasPrefix("<") == false }
            #expect(!reads.isEmpty && reads.allSatisfy { ($0[9] ?? "").contains("Using index") }, "\(sql)")
        }
        await fixture.end()
    }

    @Test func `looking for the earliest task of each lane jumps from lane to lane, whatever statistics say`()
        async throws
    {
        let fixture = try await StoreFixture()
        // This connection knows the table as an empty one.
        #expect(try fixture.connection.textRows("SELECT id FROM task").isEmpty)
        try await fixture.insert(1...500)
        try fixture.connection.execute("FLUSH STATUS")
        let lanes = try MariaDBReading(fixture.connection, clock: SystemClock()).dueLanes()
        #expect(lanes.count == 1)
        let reads = try fixture.connection.textRows("SHOW SESSION STATUS LIKE 'Handler_read%'")
        #expect(reads.compactMap { $0[1].flatMap { Int($0) } }.reduce(0, +) < 10, "\(reads)")
        await fixture.end()
    }

    /// Enough rows, in each state, for the optimizer to have a choice.
    private static func fill(_ fixture: StoreFixture) async throws {
        try await fixture.insert(1...500)
        let claims = try await fixture.store.claimDue(StoredTask.claim(limit: 60), now: StoredTask.now).map(\.claim)
        _ = try await fixture.store.settle(
            claims.prefix(30).map { Settlement($0, .complete(keepUntil: StoredTask.now)) }, now: StoredTask.now)
        let entry = AttemptRecord(attempt: 1, startedAt: StoredTask.now, endedAt: StoredTask.now, outcome: .failed)
        _ = try await fixture.store.settle(
            claims.suffix(20).map { Settlement($0, .discard(keepUntil: StoredTask.now, entry)) }, now: StoredTask.now)
        _ = try fixture.connection.textRows("ANALYZE TABLE task, attempt")
    }

    /// Where the scheduled tasks stand, as the index has it.
    private static let lane = "\(1 << 32 + Int64(Lane(of: StoredTask.task(1).function).value))"

    /// The statement with a value for each parameter, as `EXPLAIN` wants it.
    private static func withValues(_ sql: String) -> String {
        var text = ""
        for (index, part) in sql.split(separator: "?", omittingEmptySubsequences: false).enumerated() {
            if index > 0 {
                let before = text.split(whereSeparator: \.isWhitespace).suffix(2).joined(separator: " ")
                let isInList =
                    text.hasSuffix("(") && before.contains("IN") || text.hasSuffix("((") || text.hasSuffix(", (")
                    || text.hasSuffix("', ") && !text.contains("created_at) IN")
                let isID = ["id =", "id >", "task_id ="].contains { before.hasSuffix($0) } || isInList
                if text.contains(" job ") {
                    // Not twice the same: nothing is more than 7 and at most 7.
                    text += "'\(6 + index)'"
                } else if text.contains("member") {
                    text += "7"
                } else if text.contains("function_setting") {
                    text += "'resize'"
                } else if isID {
                    text += StoredTask.id(UInt64(250 + index)).literal
                } else if before.hasSuffix("BETWEEN") || before.hasSuffix("wake_at >=") {
                    text += "-9223372036854775808"
                } else {
                    text +=
                        before.hasSuffix("LIMIT") ? "10" : before.hasSuffix("lane =") ? Self.lane : "1800000000000000"
                }
            }
            text += part
        }
        return text
    }
}
