import Foundation
import GearclockSimulation
import Testing

/// Simulation B: the real services, clients and workers on simulated executors, clocks and streams. CI runs hundreds of
/// seeds in release (`Scripts/simulate --tier b`); these few run with every `swift test`.
@Suite struct ServiceSimulationTests {
    static let seedsPerShard: UInt64 = 8
    static let seedsPerCanary: UInt64 = 200

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `no promise is broken`(shard: UInt64) async {
        let first = 2_000_000 + shard * Self.seedsPerShard
        for seed in first..<first + Self.seedsPerShard {
            let report = await ServiceSimulation.run(seed: seed)
            guard report.failure != nil else { continue }
            Issue.record("\(await ServiceSimulation.explain(seed: seed))")
        }
    }

    @Test func `one seed is one story, byte for byte`() async {
        for seed in 1...5 as ClosedRange<UInt64> {
            let first = await ServiceSimulation.story(seed: seed)
            let second = await ServiceSimulation.story(seed: seed)
            #expect(first.report == second.report)
            #expect(first.lines.map(\.description) == second.lines.map(\.description))
            #expect(await ServiceSimulation.run(seed: seed) == first.report, "telling changes nothing")
        }
    }

    @Test func `other seeds are other runs`() async {
        var digests: Set<UInt64> = []
        for seed in 1...10 as ClosedRange<UInt64> { digests.insert(await ServiceSimulation.run(seed: seed).digest) }
        #expect(digests.count == 10)
    }

    @Test func `faults do happen`() async {
        var counts = Simulation.Counts()
        for seed in 1...40 as ClosedRange<UInt64> { counts += await ServiceSimulation.run(seed: seed).counts }
        #expect(counts.acknowledged > 100)
        #expect(counts.expressClaims > 0)
        #expect(counts.rescues > 0)
        #expect(counts.staleClaims > 0)
        #expect(counts.adoptions > 0)
    }

    @Test(arguments: ServiceCanary.allCases)
    func `a bug planted in a service is found`(canary: ServiceCanary) async {
        for seed in 1...Self.seedsPerCanary {
            if await ServiceSimulation.run(seed: seed, canary: canary).failure?.promise == canary.promise { return }
        }
        Issue.record("\(canary.rawValue) was not found in \(Self.seedsPerCanary) seeds")
    }

    @Test func `the documentation names every bug that is planted in a service`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/GearclockCore/GearclockCore.docc/HowItIsTested.md").standardizedFileURL
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| ") }
        for canary in ServiceCanary.allCases {
            #expect(rows.contains { $0.hasPrefix("| `\(canary.rawValue)` |") }, "\(canary.rawValue)")
        }
    }
}
