import GearclockCore
import Testing

/// Which node gets the claims of which owner.
@Suite struct ClaimNodeTests {
    private static let now = MonotonicInstant(microseconds: 0)
    private static let owners = (1...300).map { OwnerID(value: $0 &* 0x9e37_79b9) }

    /// Three nodes, all of which answered a probe but those that are down.
    private func machine(down: Set<NodeIndex> = []) -> ClusterStateMachine {
        var random = SeededGenerator(seed: 1)
        var machine = ClusterStateMachine(names: ["a:3306", "b:3306", "c:3306"], using: &random)
        _ = machine.watchStarted(now: Self.now)
        for node in 0..<3 {
            if down.contains(node) {
                _ = machine.probeFailed(node, .unreachable("gone"), now: Self.now, using: &random)
            } else {
                let galera = NodeReport.Galera(
                    isReady: true, isPrimary: true, localState: 4, clusterUUID: "1", size: 3)
                _ = machine.probeAnswered(node, NodeReport(galera: galera, roundTrip: .zero), now: Self.now)
            }
        }
        return machine
    }

    private func nodes(_ machine: ClusterStateMachine) -> [NodeIndex?] {
        var machine = machine
        return Self.owners.map { owner in
            guard case .node(let node) = machine.choose(for: .claim(by: owner), now: Self.now) else { return nil }
            return node
        }
    }

    @Test func `owners spread over the nodes`() {
        let nodes = self.nodes(self.machine())
        for node in 0..<3 { #expect((70...130).contains(nodes.count { $0 == node })) }
    }

    @Test func `only the owners of a node that goes get another one`() {
        let before = self.nodes(self.machine())
        let after = self.nodes(self.machine(down: [1]))
        for (before, after) in zip(before, after) {
            #expect(before == 1 ? after != 1 && after != nil : after == before)
        }
    }

    @Test func `what nobody owns goes to the first node that is well`() {
        for (down, expected) in [([], 0), ([0], 1)] as [(Set<NodeIndex>, NodeIndex)] {
            var machine = self.machine(down: down)
            #expect(machine.choose(for: .claim(by: nil), now: Self.now) == .node(expected))
        }
    }
}
