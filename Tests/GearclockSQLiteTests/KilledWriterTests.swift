import Foundation
import GRDB
import GearclockCore
import GearclockSQLite
import Testing

/// `kill -9` at any moment: what was acknowledged is there.
@Suite(.serialized) struct KilledWriterTests {
    @Test(arguments: [UInt64(1), 2])
    func `what a store acknowledged is there after its process was killed`(seed: UInt64) async throws {
        let directory = try TemporaryDirectory()
        var random = SeededGenerator(seed: seed)
        var acknowledged = Acknowledged()
        for round in 0..<9 {
            // The same file again and again: each round starts with what a killed process left.
            let writers = try (0..<2).map { _ in try RunningWriter(path: directory.file(), seed: random.next()) }
            // From before it has opened the file to hundreds of calls later.
            for writer in writers {
                let lines = Int.random(in: 0...10, using: &random) * Int.random(in: 0...20, using: &random)
                #expect(writer.read(lines: lines), "a writer ended by itself in round \(round) of seed \(seed)")
            }
            for writer in writers {
                writer.kill()
                acknowledged.formUnion(writer.acknowledged)
            }
            #expect(acknowledged.failures == [])
            try await self.check(directory.file(), acknowledged, "round \(round) of seed \(seed)")
        }
        #expect(acknowledged.stored.count > 100)
        #expect(acknowledged.completed.count > 10)
    }

    @Test func `a store that is killed while it makes its file can be opened`() async throws {
        for seed in UInt64(1)...8 {
            let directory = try TemporaryDirectory()
            let writers = try (0..<4).map { try RunningWriter(path: directory.file(), seed: seed * 4 + UInt64($0)) }
            writers[0].kill()
            // When one of them is through, the others are somewhere on their way through the opening.
            #expect(writers[1].read(lines: 1), "a writer opens the file, seed \(seed)")
            var acknowledged = Acknowledged()
            for writer in writers.reversed() {
                writer.kill()
                acknowledged.formUnion(writer.acknowledged)
            }
            try await self.check(directory.file(), acknowledged, "seed \(seed)")
        }
    }

    @Test func `ten processes open one new file at once`() async throws {
        for round in UInt64(0)..<3 {
            let directory = try TemporaryDirectory()
            let writers = try (0..<10).map { try RunningWriter(path: directory.file(), seed: round * 10 + UInt64($0)) }
            for writer in writers {
                #expect(writer.read(lines: 5), "a writer ended: \(writer.acknowledged.failures)")
            }
            var acknowledged = Acknowledged()
            for writer in writers {
                writer.kill()
                acknowledged.formUnion(writer.acknowledged)
            }
            try await self.check(directory.file(), acknowledged, "round \(round)")
        }
    }

    @Test func `a commit that the disk refuses is of unknown outcome, and what was before it is there`() async throws {
        for seed in UInt64(1)...3 {
            let directory = try TemporaryDirectory()
            let writer = try RunningWriter(path: directory.file(), seed: seed, fileLimitKibibytes: 500)
            writer.readToEnd()
            #expect(writer.acknowledged.failures.count == 1)
            #expect(writer.acknowledged.failures.first?.hasPrefix("failed outcomeUnknown") == true)
            #expect(writer.acknowledged.stored.count > 0)
            try await self.check(directory.file(), writer.acknowledged, "seed \(seed)")
        }
    }

    private func check(_ path: String, _ acknowledged: Acknowledged, _ place: String) async throws {
        #expect(acknowledged.strange == [], "\(place)")
        // The file is opened here as the next daemon would open it.
        let store = try SQLiteTaskStore(path: path)
        let surviving = acknowledged.stored.subtracting(acknowledged.completing).sorted()
        let records = try await store.records(of: surviving)
        let lost = zip(surviving, records).compactMap { $1 == nil ? $0 : nil }
        #expect(lost == [], "tasks that were acknowledged and are gone, \(place)")
        let payloads = records.compactMap { $0?.definition.payload }
        #expect(payloads.allSatisfy { Set($0).count <= 1 }, "each payload is the one that was written, \(place)")

        #expect(
            Set(acknowledged.completed).count == acknowledged.completed.count, "no task was completed twice, \(place)")
        let completed = try await store.records(of: acknowledged.completed)
        #expect(completed.allSatisfy { $0 == nil }, "completed tasks are gone, \(place)")

        let integrity = try await DatabaseQueue(path: path).read { database in
            try String.fetchAll(database, sql: "PRAGMA integrity_check")
        }
        #expect(integrity == ["ok"], "\(place)")
        try store.close()
    }
}
