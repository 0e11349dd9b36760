extension ClusterStateMachine {
    /// Which node gets the next piece of work.
    ///
    /// - Parameter avoided: nodes that just failed this caller: they come last. For a proof, nodes that are no help:
    ///   they do not come at all.
    package mutating func choose(
        for purpose: Purpose, avoiding avoided: Set<NodeIndex> = [], now: MonotonicInstant
    ) -> Choice {
        let conditions = self.conditions
        let fresh = self.nodes.indices.filter { !avoided.contains($0) }
        if let choice = self.choice(among: fresh, conditions, purpose, now: now) { return choice }
        switch purpose {
        case .proof:
            break
        case .insert, .claim, .read:
            let rest = self.nodes.indices.filter { avoided.contains($0) }
            if let choice = self.choice(among: rest, conditions, purpose, now: now) { return choice }
        }
        return .unavailable("no node can be used: " + self.complaint(conditions))
    }

    /// Whether rows can be proven to stand on so many nodes, before they are stored.
    package enum Readiness: Equatable, Sendable {
        case enough
        /// Too few are known to be well, but this one may be: probe it, report, and ask again.
        case probe(NodeIndex, deadline: MonotonicInstant)
        /// How many there are, and what is wrong with the others.
        case tooFew(Int, String)
    }

    package mutating func readiness(forCopies copies: Int, now: MonotonicInstant) -> Readiness {
        let conditions = self.conditions
        let count = conditions.count { $0 == .well }
        if count >= copies { return .enough }
        if conditions.count >= copies, let node = self.nodeToProbe(among: Array(self.nodes.indices), conditions, now) {
            return .probe(node, deadline: self.startProbe(node, now: now))
        }
        return .tooFew(count, self.complaint(conditions))
    }

    private mutating func choice(
        among places: [NodeIndex], _ conditions: [NodeCondition], _ purpose: Purpose, now: MonotonicInstant
    ) -> Choice? {
        let well = places.filter { conditions[$0] == .well }
        let steady = well.filter { self.nodes[$0].isSteady(self.policy, now: now) }
        if let node = self.preferred(among: steady.isEmpty ? well : steady, purpose) { return .node(node) }
        if let node = self.nodeToProbe(among: places, conditions, now) {
            return .probe(node, deadline: self.startProbe(node, now: now))
        }
        switch purpose {
        case .proof:
            return nil
        case .insert, .claim, .read:
            let reserve = places.first { conditions[$0].isSameKind(as: .reserve("")) }
            return reserve.map { .node($0) }
        }
    }

    private mutating func preferred(among places: [NodeIndex], _ purpose: Purpose) -> NodeIndex? {
        switch purpose {
        case .claim(by: nil):
            return places.first
        case .claim(by: let owner?):
            return places.max { self.score(owner, $0) < self.score(owner, $1) }
        case .read:
            return places.last
        case .proof:
            return places.min { self.distance($0) < self.distance($1) }
        case .insert:
            guard !places.isEmpty else { return nil }
            if !places.contains(self.insertNode) {
                // The next one in a circle, so that those who lose a node do not all go to the first one.
                self.insertNode = places.first { $0 > self.insertNode } ?? places[0]
            }
            return self.insertNode
        }
    }

    /// The owner's claims go to the node that scores highest (rendezvous hashing): all processes agree, and when a node
    /// goes, only the owners that it had move.
    private func score(_ owner: OwnerID, _ node: NodeIndex) -> UInt64 {
        var hash = SeededGenerator(seed: owner.value ^ UInt64(CRC32.checksum(self.names[node].utf8)) << 32)
        return hash.next()
    }

    private func nodeToProbe(
        among places: [NodeIndex], _ conditions: [NodeCondition], _ now: MonotonicInstant
    ) -> NodeIndex? {
        places.first { conditions[$0] != .well && self.nodes[$0].mayBeProbed(now: now) }
    }

    private func distance(_ node: NodeIndex) -> Duration {
        self.nodes[node].report?.roundTrip ?? .zero
    }

    private func complaint(_ conditions: [NodeCondition]) -> String {
        zip(self.names, conditions).map { "\($0) \($1.text)" }.joined(separator: "; ")
    }
}
