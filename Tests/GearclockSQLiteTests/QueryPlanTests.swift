import GRDB
import GearclockSQLite
import Testing

/// Every statement finds its rows as its header says: without an index it would be right in tests and slow in use.
@Suite struct QueryPlanTests {
    struct Plan: Sendable, CustomTestStringConvertible {
        let name: String
        let sql: String
        /// What the plan's lines say, in any order; other lines are not allowed.
        let lines: [String]
        var testDescription: String { self.name }
    }

    private static let byID = "SEARCH task USING INDEX task_by_id (id=?)"
    private static let history = "SEARCH attempt USING PRIMARY KEY (task_id=?)"
    private static let chosen = ["SEARCH task USING INTEGER PRIMARY KEY (rowid=?)", "LIST SUBQUERY #"]
    private static let sorted = "USE TEMP B-TREE FOR ORDER BY"

    static let plans = [
        Plan(name: "state", sql: SQL.state, lines: [byID]),
        Plan(
            name: "nextLane", sql: SQL.nextLane,
            lines: ["SEARCH task USING COVERING INDEX task_scheduled (lane>?)"]),
        Plan(
            name: "dueInLane", sql: SQL.dueInLane,
            lines: ["SEARCH task USING COVERING INDEX task_scheduled (lane=? AND due_at<?)"]),
        Plan(name: "weight", sql: SQL.weight, lines: ["SEARCH task USING INTEGER PRIMARY KEY (rowid=?)"]),
        Plan(name: "claim", sql: SQL.claim, lines: chosen + ["SCAN json_each VIRTUAL TABLE INDEX 1:"]),
        Plan(name: "extend", sql: SQL.extend, lines: [byID]),
        Plan(name: "complete", sql: SQL.complete, lines: [byID]),
        Plan(name: "reschedule", sql: SQL.reschedule, lines: [byID]),
        Plan(name: "finish", sql: SQL.finish, lines: [byID]),
        Plan(name: "cancel", sql: SQL.cancel, lines: [byID]),
        Plan(name: "eject", sql: SQL.eject, lines: [byID]),
        Plan(
            name: "rescue", sql: SQL.rescue,
            lines: chosen + ["SEARCH task USING COVERING INDEX task_running (lease_until<?)"]),
        Plan(
            name: "expiredLeases", sql: SQL.expiredLeases,
            lines: ["SEARCH task USING INDEX task_running (lease_until<?)"]
        ),
        Plan(
            name: "prune", sql: SQL.prune,
            lines: chosen + ["SEARCH task USING COVERING INDEX task_final (remove_at<?)"]),
        Plan(
            name: "trimHistory", sql: SQL.trimHistory,
            lines: ["SEARCH attempt USING PRIMARY KEY (task_id=? AND number<?)"]),
        Plan(name: "removeHistory", sql: SQL.removeHistory, lines: [history]),
        Plan(name: "history", sql: SQL.history, lines: [history]),
        Plan(name: "record", sql: SQL.record, lines: [byID]),
        Plan(name: "list", sql: SQL.list, lines: ["SEARCH task USING INDEX task_by_id (id>?)"]),
        Plan(name: "listRunning", sql: SQL.listRunning, lines: ["SCAN task USING INDEX task_running", sorted]),
        Plan(name: "listFinal", sql: SQL.listFinal, lines: ["SCAN task USING INDEX task_final", sorted]),
        Plan(
            name: "countScheduled", sql: SQL.countScheduled, lines: ["SCAN task USING COVERING INDEX task_scheduled"]),
        Plan(
            name: "countOverdue", sql: SQL.countOverdue,
            lines: ["SEARCH task USING COVERING INDEX task_scheduled (lane=? AND due_at<?)"]),
        Plan(name: "countRunning", sql: SQL.countRunning, lines: ["SCAN task USING COVERING INDEX task_running"]),
        Plan(
            name: "countFinal", sql: SQL.countFinal,
            lines: ["SCAN task USING COVERING INDEX task_final", "USE TEMP B-TREE FOR GROUP BY"]),
        Plan(name: "quarantine", sql: SQL.quarantine, lines: [byID]),
        Plan(
            name: "quarantineForeign", sql: SQL.quarantineForeign,
            lines: chosen + ["SCAN task USING INDEX task_foreign"]),
        Plan(name: "leave", sql: SQL.leave, lines: ["SEARCH member USING INTEGER PRIMARY KEY (rowid=?)"]),
        Plan(name: "functionSettings", sql: SQL.functionSettings, lines: ["SCAN function_setting"]),
        Plan(
            name: "removeFunctionSettings", sql: SQL.removeFunctionSettings,
            lines: ["SEARCH function_setting USING PRIMARY KEY (function=?)"]),
        Plan(
            name: "countJobChange", sql: SQL.countJobChange, lines: ["SEARCH job_server USING PRIMARY KEY (name=?)"]),
        Plan(
            name: "forgetJob", sql: SQL.forgetJob,
            lines: ["SEARCH job USING INDEX job_by_number (server=? AND number=?)"]),
        Plan(
            name: "jobSizes", sql: SQL.jobSizes,
            lines: ["SEARCH job USING INDEX job_by_number (server=? AND number>?)"]),
        Plan(
            name: "jobs", sql: SQL.jobs,
            lines: ["SEARCH job USING INDEX job_by_number (server=? AND number>? AND number<?)"]),
    ]

    @Test(arguments: plans)
    func `a statement uses the index that its header names`(_ plan: Plan) async throws {
        let directory = try TemporaryDirectory()
        try SQLiteTaskStore(path: directory.file()).close()
        let lines = try await DatabaseQueue(path: directory.file()).read { database in
            try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + plan.sql, arguments: Self.nothing(for: plan.sql))
                .map { row -> String in row["detail"] }
        }
        // Subqueries are numbered.
        let known = lines.map { $0.hasPrefix("LIST SUBQUERY") ? "LIST SUBQUERY #" : $0 }
        #expect(known.sorted() == plan.lines.sorted())
    }

    /// NULL for each parameter.
    private static func nothing(for sql: String) -> StatementArguments {
        let count = (1...12).last { sql.contains("?\($0)") } ?? 0
        return StatementArguments([Int?](repeating: nil, count: count))
    }
}
