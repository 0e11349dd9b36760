import Foundation
import GearclockCore
import Testing

/// Compares the drawing in the documentation with what the reference store does.
@Suite struct LifeOfATaskTests {
    private static let claim = Claim(id: id, owner: OwnerID(value: 7), attempt: 1)
    private static let id = TaskID(high: 1, low: 2)
    private static let now = Timestamp(microseconds: 1_000_000)
    private static let later = Timestamp(microseconds: 2_000_000)
    private static let express = ExpressClaim(owner: claim.owner, dueBy: now, leaseUntil: later)
    private static let task = TaskDefinition(
        id: id, function: FunctionName("f")!, payload: [], dueAt: now, createdAt: now)

    /// Every change that a store can make to a task, by the name it has in the drawing.
    private static let changes: [(name: String, perform: @Sendable (inout TaskStoreModel) -> Void)] = [
        (
            "claimDue",
            { store in
                _ = store.claimDue(ClaimRequest(owner: claim.owner, dueBy: now, limit: 1, leaseUntil: later))
            }
        ),
        ("extend", { _ = $0.extend([claim], leaseUntil: later) }),
        ("retry", { _ = $0.settle([Settlement(claim, .retry(at: later, failure))], now: now) }),
        ("release", { _ = $0.settle([Settlement(claim, .release(at: later))], now: now) }),
        ("complete", { _ = $0.settle([Settlement(claim, .complete(keepUntil: nil))], now: now) }),
        ("complete, kept", { _ = $0.settle([Settlement(claim, .complete(keepUntil: later))], now: now) }),
        ("discard", { _ = $0.settle([Settlement(claim, .discard(keepUntil: later, failure))], now: now) }),
        ("expire", { _ = $0.settle([Settlement(claim, .expire(keepUntil: later, failure))], now: now) }),
        ("rescueExpired", { _ = $0.rescueExpired(endedBefore: .distantFuture, limit: 1, now: now) }),
        ("cancel", { _ = $0.cancel([id], removeAt: later, now: now) }),
        ("eject", { $0.eject([id]) }),
        ("prune", { _ = $0.prune(limit: 1, now: .distantFuture) }),
    ]

    private static let failure = AttemptRecord(attempt: 1, startedAt: now, endedAt: now, outcome: .failed)

    @Test func `the drawing shows every transition and no other`() throws {
        let drawing = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../Sources/GearclockCore/GearclockCore.docc/LifeOfATask.md")
        let drawn = Set(
            try String(contentsOf: drawing, encoding: .utf8).split(separator: "\n")
                .map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { $0.contains("-->") })
        var expected = Set(
            [("insert", nil), ("insert, express", Self.express)].map { name, express in
                var store = TaskStoreModel()
                _ = store.insert([Self.task], express: express)
                return "[*] --> \(store.records[Self.id]!.state): \(name)"
            })
        for store in Self.storesInEachState() {
            let before = try #require(store.records[Self.id])
            for change in Self.changes {
                var after = store
                change.perform(&after)
                if after.records[Self.id] == before, change.name != "extend" || before.state != .running { continue }
                let target = after.records[Self.id].map { "\($0.state)" } ?? "[*]"
                expected.insert("\(before.state) --> \(target): \(change.name)")
            }
        }
        #expect(drawn == expected)
    }

    /// One store for each state in which the task may be.
    private static func storesInEachState() -> [TaskStoreModel] {
        var scheduled = TaskStoreModel()
        _ = scheduled.insert([self.task])
        var stores = [scheduled]
        for change in self.changes {
            for store in stores {
                var after = store
                change.perform(&after)
                guard let state = after.records[self.id]?.state else { continue }
                if !stores.contains(where: { $0.records[self.id]?.state == state }) { stores.append(after) }
            }
        }
        return stores
    }
}
