internal import GearclockCore

/// What goes wrong with nodes, how the others notice, and how all heals.
extension ClusterWorld {
    mutating func strike() {
        guard self.phase == .faults else { return }
        self.schedule(.fault, after: self.dice.between(0, 2 * self.swarm.faultInterval))
        guard let kind = self.dice.weighted(self.swarm.faults), let fault = ClusterFault(rawValue: kind) else { return }
        let node = self.dice.below(self.swarm.nodes)
        guard self.galera.nodes[node].isRunning else { return }
        self.note("n\(node): \(fault)")
        let incarnation = self.galera.nodes[node].incarnation
        var length = self.dice.between(100_000, self.dice.pick([500_000, 3_000_000, 12_000_000]))
        switch fault {
        case .kill, .stop: self.end(node, gracefully: fault == .stop)
        case .freeze: self.galera.nodes[node].isFrozen = true
        case .isolate: self.galera.nodes[node].isIsolated = true
        case .lag:
            // Busy with something else: a donor.
            self.galera.nodes[node].isDonor = true
            length = 1_000_000
        }
        self.schedule(.recover(node: node, fault, incarnation: incarnation), after: length)
        self.topologyChanged()
    }

    private mutating func end(_ node: Int, gracefully: Bool) {
        self.galera.nodes[node].isRunning = false
        self.galera.nodes[node].isFrozen = false
        self.galera.nodes[node].deferred = []
        self.galera.nodes[node].lateCommits = []
        if gracefully, self.galera.isPrimary, self.galera.view.count > 1 {
            self.galera.view.remove(node)
            self.galera.nodes[node].membership = .outside
        }
        // A host that is gone closes nothing; a process that is gone has its connections closed.
        guard gracefully || self.dice.chance(0.7) else { return }
        for index in self.rpcs.indices where self.rpcs[index].isOpen && self.rpcs[index].node == node {
            self.loseConnection(index, .connectionLost("2013 lost connection"))
        }
    }

    mutating func recover(_ node: Int, _ fault: ClusterFault, _ incarnation: Int) {
        guard self.galera.nodes[node].incarnation == incarnation else { return }
        switch fault {
        case .kill, .stop:
            guard !self.galera.nodes[node].isRunning else { return }
            self.restart(node)
        case .freeze: self.thaw(node)
        case .isolate: self.galera.nodes[node].isIsolated = false
        case .lag: self.galera.nodes[node].isDonor = false
        }
        self.note("n\(node) is back from \(fault)")
        self.topologyChanged()
    }

    private mutating func restart(_ node: Int) {
        self.galera.nodes[node].isRunning = true
        self.galera.nodes[node].incarnation += 1
        self.galera.nodes[node].membership = .outside
        // A single server needs nobody's leave.
        self.galera.nodes[node].hasRestarted = self.galera.nodes.count > 1
    }

    private mutating func thaw(_ node: Int) {
        guard self.galera.nodes[node].isFrozen else { return }
        self.galera.nodes[node].isFrozen = false
        let deferred = self.galera.nodes[node].deferred
        self.galera.nodes[node].deferred = []
        for event in deferred { self.schedule(event, after: self.dice.between(0, 1000)) }
    }

    // MARK: - Membership

    private mutating func topologyChanged() {
        if !self.galera.isStalled { self.release() }
        self.schedule(.detect, after: self.dice.between(self.swarm.suspect))
        self.admit()
    }

    /// Those that are silent are voted out, if those that are not are more than half.
    mutating func vote() {
        let present = self.galera.view.filter { self.galera.nodes[$0].isResponsive }
        if 2 * present.count > self.galera.view.count {
            if self.galera.view != present || !self.galera.isPrimary {
                self.note("the primary component is \(present.sorted())")
            }
            for node in self.galera.view.subtracting(present) { self.galera.nodes[node].membership = .outside }
            self.galera.view = present
            self.galera.isPrimary = true
        } else if self.galera.isPrimary, self.galera.isStalled {
            self.note("there is no primary component")
            self.galera.isPrimary = false
        }
        self.release()
        self.admit()
    }

    /// Goes on with what waited; nodes that are out refuse it now.
    private mutating func release() {
        let events = self.stalled
        self.stalled = []
        for event in events { self.schedule(event, after: self.dice.between(0, 1000)) }
    }

    /// Lets those in that are back: one of the members helps.
    private mutating func admit() {
        guard self.galera.isPrimary, let donor = self.galera.view.sorted().last else { return }
        for node in self.galera.nodes.indices where !self.galera.view.contains(node) {
            let server = self.galera.nodes[node]
            guard server.isReachable, server.membership != .joining else { continue }
            self.galera.nodes[node].membership = .joining
            self.galera.nodes[donor].isDonor = true
            let incarnation = server.incarnation
            let donorIncarnation = self.galera.nodes[donor].incarnation
            self.schedule(.recover(node: donor, .lag, incarnation: donorIncarnation), after: 900_000)
            self.schedule(
                .joined(node: node, incarnation: incarnation), after: self.dice.between(300_000, 3_000_000))
        }
    }

    mutating func joined(_ node: Int, _ incarnation: Int) {
        let server = self.galera.nodes[node]
        guard server.incarnation == incarnation, !self.galera.view.contains(node) else { return }
        self.galera.nodes[node].membership = .outside
        guard server.isReachable, self.galera.isPrimary, !self.galera.isStalled else {
            return self.schedule(.detect, after: self.dice.between(self.swarm.suspect))
        }
        self.note("n\(node) has joined")
        self.galera.apply(node, upTo: self.galera.log.count)
        self.galera.nodes[node].membership = .member
        self.galera.nodes[node].hasRestarted = false
        self.galera.view.insert(node)
        let late = self.galera.nodes[node].lateCommits
        self.galera.nodes[node].lateCommits = []
        for rpc in late { self.schedule(.order(rpc: rpc), after: self.dice.between(0, 1_000_000)) }
    }

    // MARK: - Healing

    mutating func heal() {
        switch self.phase {
        case .faults:
            self.note("everything heals")
            self.phase = .healed
            for node in self.galera.nodes.indices {
                if !self.galera.nodes[node].isRunning { self.restart(node) }
                self.thaw(node)
                self.galera.nodes[node].isIsolated = false
                self.galera.nodes[node].isDonor = false
            }
            self.vote()
            if !self.galera.isPrimary { self.bootstrap() }
            // What was ordered is applied by those who missed the moment.
            self.spread()
            self.topologyChanged()
            self.schedule(.heal, after: Self.timeToHeal)
        case .healed:
            self.note("calm")
            self.phase = .calm
            self.spread()
        case .calm:
            break
        }
    }

    /// Somebody starts the cluster again from the node that has applied most; the others join it.
    private mutating func bootstrap() {
        let first = self.galera.nodes.indices.max { self.galera.nodes[$0].applied < self.galera.nodes[$1].applied }!
        precondition(self.galera.nodes[first].applied == self.galera.log.count, "An acknowledged commit is nowhere")
        for node in self.galera.nodes.indices { self.galera.nodes[node].membership = .outside }
        self.galera.nodes[first].hasRestarted = false
        self.galera.nodes[first].membership = .member
        self.galera.view = [first]
        self.galera.isPrimary = true
        self.note("n\(first) is bootstrapped")
    }
}
