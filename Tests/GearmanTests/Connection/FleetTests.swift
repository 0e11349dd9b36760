import Gearman
import Testing

/// Several job servers, of which some are away, frozen, cut off or slow.
@Suite struct FleetTests {
    @Test(arguments: 0..<4)
    func `silent servers are noticed in time, others are left alone, and jobs end once`(shard: UInt64) throws {
        for seed in shard * 1_000..<shard * 1_000 + 50 {
            do {
                try FleetSimulation.run(seed: seed)
            } catch {
                Issue.record("seed \(seed): \(error)")
                throw error
            }
        }
    }

    @Test func `without heartbeats a silent server is not noticed in time`() {
        let timeouts = ConnectionTimeouts(heartbeatInterval: .seconds(1_000), requestTimeout: .seconds(1_000))
        #expect(throws: (any Error).self) {
            for seed: UInt64 in 0..<50 { try FleetSimulation.run(seed: seed, timeouts: timeouts) }
        }
    }

    @Test func `with too little patience a slow server is given up for no reason`() {
        #expect(throws: (any Error).self) {
            for seed: UInt64 in 0..<50 {
                try FleetSimulation.run(seed: seed, timeouts: ConnectionTimeouts(heartbeatTimeout: .seconds(2)))
            }
        }
    }
}
