import Foundation
import GearclockCore
import GearclockSQLite
import Testing

/// The log is copied beside the commits, and made to start again before it is long.
@Suite struct CheckpointTests {
    private let interval = CheckpointPolicy.intervalPages
    private let long = CheckpointPolicy.longPages

    @Test func `a log is copied in the background each time it has grown by an interval`() {
        var policy = CheckpointPolicy()
        #expect(policy.committed(logPages: self.interval - 1) == .none)
        #expect(policy.committed(logPages: self.interval) == .checkpointInBackground)
        policy.backgroundCheckpointEnded()
        #expect(policy.committed(logPages: self.interval * 2 - 1) == .none)
        #expect(policy.committed(logPages: self.interval * 2) == .checkpointInBackground)
    }

    @Test func `only one copy is under way at a time`() {
        var policy = CheckpointPolicy()
        #expect(policy.committed(logPages: self.interval) == .checkpointInBackground)
        #expect(policy.committed(logPages: self.long * 2) == .none)
        policy.backgroundCheckpointEnded()
        #expect(policy.committed(logPages: self.long * 2) == .checkpointNow)
    }

    @Test func `a long log is finished within a commit, but not by each commit`() {
        var policy = CheckpointPolicy()
        #expect(policy.committed(logPages: self.long) == .checkpointNow)
        // Somebody reads an old state: the log cannot start again yet.
        #expect(policy.committed(logPages: self.long + 1) == .none)
        #expect(policy.committed(logPages: self.long + self.interval) == .checkpointNow)
    }

    @Test func `a log that has started again is counted anew`() {
        var policy = CheckpointPolicy()
        #expect(policy.committed(logPages: self.long) == .checkpointNow)
        #expect(policy.committed(logPages: 3) == .none)
        #expect(policy.committed(logPages: self.interval) == .checkpointInBackground)
    }

    @Test func `a log stays short however much is written`() async throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteTaskStore(path: directory.file())
        let payload = [UInt8](repeating: 1, count: 4 << 20)
        var longest = 0
        for round in UInt64(0)..<48 {
            let task = StoredTask.task(round, payload: payload)
            _ = try await store.insert([task], now: StoredTask.now)
            try await store.eject([task.id], now: StoredTask.now)
            let attributes = try FileManager.default.attributesOfItem(atPath: directory.file() + "-wal")
            longest = max(longest, attributes[.size] as? Int ?? 0)
        }
        // 192 MiB went through it.
        #expect(longest < (self.long + 2 * self.interval) * 4200, "the longest log had \(longest) bytes")
        try store.close()
    }
}
