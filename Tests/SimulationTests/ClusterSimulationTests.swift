import Foundation
import GearclockSimulation
import Testing

/// The machines of a cluster on a simulated Galera cluster whose nodes are killed, frozen and cut off.
@Suite struct ClusterSimulationTests {
    static let seedsPerShard: UInt64 = 150

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `no answer of a cluster is a lie`(shard: UInt64) {
        let first = 1 + shard * Self.seedsPerShard
        for seed in first..<first + Self.seedsPerShard {
            guard ClusterSimulation.run(seed: seed).failure != nil else { continue }
            Issue.record("\(ClusterSimulation.explain(seed: seed))")
            return
        }
    }

    @Test func `one seed is one run of a cluster exactly`() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var traces: ([String], [String]) = ([], [])
            let first = ClusterSimulation.run(seed: seed) { traces.0.append($0) }
            let second = ClusterSimulation.run(seed: seed) { traces.1.append($0) }
            #expect(first == second)
            #expect(traces.0 == traces.1)
        }
    }

    @Test func `everything that can happen to a call of a cluster does happen`() {
        var counts = ClusterSimulation.Counts()
        for seed in 1...200 as ClosedRange<UInt64> { counts += ClusterSimulation.run(seed: seed).counts }
        #expect(counts.done > 1000)
        #expect(counts.unavailable > 0)
        #expect(counts.unknown > 0)
        #expect(counts.resolved > 0)
        #expect(counts.late > 0)
        #expect(counts.conflicts > 0)
        #expect(counts.cuts > 0)
        #expect(counts.proofs > 0)
        #expect(counts.expressClaims > 0)
    }

    @Test(arguments: ClusterCanary.allCases)
    func `a bug planted in a cluster is found`(canary: ClusterCanary) {
        let found = (1...200 as ClosedRange<UInt64>).first {
            ClusterSimulation.run(seed: $0, canary: canary).failure != nil
        }
        #expect(found != nil, "\(canary.rawValue) was not found in 200 seeds")
    }

    @Test func `the documentation names every bug that is planted in a cluster`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/GearclockCore/GearclockCore.docc/HowItIsTested.md").standardizedFileURL
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| ") }
        for canary in ClusterCanary.allCases {
            #expect(rows.contains { $0.hasPrefix("| `\(canary.rawValue)` |") }, "\(canary.rawValue)")
        }
    }
}
