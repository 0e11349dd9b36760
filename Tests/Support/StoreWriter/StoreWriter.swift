import Foundation
import GearclockCore
import GearclockSQLite

/// Changes a store until it is killed, and says on standard output what the store has acknowledged: the test that kills
/// it compares the file with what was said.
///
/// A line is written whole, and only after the call has returned:
/// - `stored ID`: the task was inserted.
/// - `completing ID`: the next call removes the task. It was or was not removed when nothing follows.
/// - `completed ID`: the task was removed, by this writer.
/// - `failed TEXT`: a call failed in this way, and the writer ends.
///
/// `gearclock-store-writer PATH SEED`
@main
struct StoreWriter {
    private static let now = Timestamp(microseconds: 1_800_000_000_000_000)

    static func main() async throws {
        guard CommandLine.arguments.count == 3, let seed = UInt64(CommandLine.arguments[2]) else {
            FileHandle.standardError.write(Data("usage: gearclock-store-writer PATH SEED\n".utf8))
            exit(2)
        }
        do {
            try await self.write(to: CommandLine.arguments[1], seed: seed)
        } catch {
            self.say(["failed \(error)"])
            exit(1)
        }
    }

    private static func write(to path: String, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let store = try SQLiteTaskStore(path: path)
        let owner = OwnerID(using: &random)
        while true {
            try await self.insert(into: store, using: &random)
            try await self.claimAndSettle(in: store, owner: owner, using: &random)
            if Int.random(in: 0..<20, using: &random) == 0 {
                // Takes tasks away from writers that live as well: their settlements must be stale.
                _ = try await store.rescueExpired(endedBefore: .distantFuture, limit: 3, now: self.now)
            }
        }
    }

    private static func insert(into store: SQLiteTaskStore, using random: inout SeededGenerator) async throws {
        let count = Int.random(in: 1...6, using: &random)
        let tasks = (0..<count).map { _ in self.task(using: &random) }
        let outcomes = try await store.insert(tasks, now: self.now)
        self.say(zip(tasks, outcomes).compactMap { $1 == .inserted ? "stored \($0.id)" : nil })
    }

    private static func claimAndSettle(
        in store: SQLiteTaskStore, owner: OwnerID, using random: inout SeededGenerator
    ) async throws {
        let request = ClaimRequest(
            owner: owner, dueBy: self.now, limit: Int.random(in: 1...5, using: &random), leaseUntil: self.now)
        let claimed = try await store.claimDue(request, now: self.now)
        let settlements = claimed.map { task in
            let change: Settlement.Change =
                Bool.random(using: &random)
                ? .complete(keepUntil: nil)
                : .retry(
                    at: self.now,
                    AttemptRecord(
                        attempt: task.claim.attempt, startedAt: self.now, endedAt: self.now, outcome: .failed,
                        message: [UInt8](repeating: 0x78, count: 100)))
            return Settlement(task.claim, change)
        }
        let completed = settlements.filter { $0.change == .complete(keepUntil: nil) }.map(\.claim.id)
        self.say(completed.map { "completing \($0)" })
        let outcomes = try await store.settle(settlements, now: self.now)
        self.say(
            zip(settlements, outcomes).compactMap { settlement, outcome in
                outcome == .done && completed.contains(settlement.claim.id)
                    ? "completed \(settlement.claim.id)" : nil
            })
    }

    private static func task(using random: inout SeededGenerator) -> TaskDefinition {
        guard let function = FunctionName("write") else { preconditionFailure("A valid name") }
        let size = Int.random(in: 0..<100, using: &random) == 0 ? 200_000 : Int.random(in: 0...600, using: &random)
        return TaskDefinition(
            id: TaskID(high: random.next(), low: random.next()), function: function,
            payload: [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: size),
            dueAt: self.now.advanced(by: .seconds(-Int64.random(in: 0...1000, using: &random))), createdAt: self.now)
    }

    /// One write for each line: a pipe takes so few bytes whole or not at all.
    private static func say(_ lines: [String]) {
        for line in lines { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
    }
}
