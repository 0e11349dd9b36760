import Foundation
import GearclockSimulation
import Testing

/// Simulation A: the three state machines in whole installations where everything fails. CI runs thousands of seeds in
/// release (`Scripts/simulate --seeds 2000`); these few run with every `swift test`.
@Suite struct SimulationTests {
    static let seedsPerShard: UInt64 = 30
    static let seedsPerCanary: UInt64 = 500

    @Test(arguments: 0..<6 as Range<UInt64>)
    func `no promise is broken`(shard: UInt64) {
        let first = 1_000_000 + shard * Self.seedsPerShard
        for seed in first..<first + Self.seedsPerShard {
            let report = Simulation.run(seed: seed)
            if report.failure != nil { Issue.record("\(Simulation.explain(seed: seed))") }
        }
    }

    @Test func `seeds that found something once find nothing any more`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fixtures/seeds.txt").standardizedFileURL
        let text = try String(contentsOf: file, encoding: .utf8)
        let seeds = text.split(separator: "\n").compactMap { UInt64($0.prefix { $0.isNumber }) }
        #expect(!seeds.isEmpty)
        for seed in seeds where Simulation.run(seed: seed).failure != nil {
            Issue.record("\(Simulation.explain(seed: seed))")
        }
    }

    @Test func `one seed is one run exactly`() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var traces: ([StoryLine], [StoryLine]) = ([], [])
            let first = Simulation.run(seed: seed) { traces.0.append($0) }
            let second = Simulation.run(seed: seed) { traces.1.append($0) }
            #expect(first == second)
            #expect(traces.0 == traces.1)
            #expect(first == Simulation.run(seed: seed), "tracing changes nothing")
        }
    }

    @Test func `other seeds are other runs`() {
        let digests = Set((1...20 as ClosedRange<UInt64>).map { Simulation.run(seed: $0).digest })
        #expect(digests.count == 20)
    }

    @Test func `faults do happen`() {
        var counts = Simulation.Counts()
        for seed in 1...100 as ClosedRange<UInt64> { counts += Simulation.run(seed: seed).counts }
        #expect(counts.acknowledged > 200)
        #expect(counts.rescues > 0)
        #expect(counts.adoptions > 0)
        #expect(counts.staleClaims > 0)
    }

    @Test(arguments: Canary.allCases.filter { $0 != .traps })
    func `a planted bug is found`(canary: Canary) {
        let found = (1...Self.seedsPerCanary).first {
            Simulation.run(seed: $0, canary: canary).failure?.promise == canary.promise
        }
        #expect(found != nil, "\(canary.rawValue) was not found in \(Self.seedsPerCanary) seeds")
    }

    @Test func `a planted trap ends the process`() async {
        await #expect(processExitsWith: .failure) {
            for seed in 1...50 as ClosedRange<UInt64> { _ = Simulation.run(seed: seed, canary: .traps) }
        }
    }

    @Test func `every promise has a planted bug that breaks it, and the documentation names both`() throws {
        #expect(Set(Canary.allCases.map(\.promise)) == Set(Promise.allCases))
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/GearclockCore/GearclockCore.docc/HowItIsTested.md").standardizedFileURL
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| ") }
        for canary in Canary.allCases {
            #expect(
                rows.contains { $0.hasPrefix("| \(canary.promise.rawValue) |") && $0.contains("`\(canary.rawValue)`") },
                "\(canary.rawValue)")
        }
    }
}
