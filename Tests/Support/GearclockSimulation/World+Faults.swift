internal import GearclockCore

/// What goes wrong, and how all of it ends.
extension World {
    mutating func scheduleFault() {
        let mean = self.swarm.faultInterval
        self.schedule(.fault, after: self.dice.between(mean / 8, mean * 15 / 8))
    }

    mutating func strike() {
        guard self.phase == .faults, let kind = self.dice.weighted(self.swarm.faults) else { return }
        self.scheduleFault()
        let node = self.dice.below(self.nodes.count)
        switch Fault(rawValue: kind)! {
        case .killNode:
            // A process that dies is missed at once; a machine that loses its power is not.
            self.killNode(node, noticedWithin: self.dice.chance(0.8) ? 1000 : 15_000_000)
            self.schedule(.startNode(node), after: self.dice.between(1000, 5_000_000))
        case .freezeNode:
            let longest = 2 * self.swarm.controller.lease.lease.microseconds
            let duration = self.dice.between(1000, self.dice.chance(0.5) ? longest : 500_000)
            self.note("process \(node) freezes for \(duration) µs")
            self.nodes[node].frozenUntil = max(self.nodes[node].frozenUntil, self.time + duration)
            self.schedule(.thaw(node), at: self.nodes[node].frozenUntil)
        case .stopNode where self.nodes[node].frozenUntil > self.time:
            break
        case .stopNode:
            self.shutDown(node, deadline: self.dice.between(100_000, 5_000_000))
        case .cutConnection:
            let open = self.endpoints.flatMap { $0.current.compactMap { $0 } }
            if !open.isEmpty {
                self.cut(self.dice.pick(open), noticedWithin: self.dice.pick([1000, 100_000, 5_000_000]))
            }
        case .partition:
            self.partition()
        case .killServer:
            let server = self.dice.below(self.servers.count)
            self.killServer(server)
            self.schedule(.startServer(server), after: self.dice.between(1000, 5_000_000))
        case .killTarget:
            self.killTarget(self.dice.below(self.targets.count))
        case .storeOutage:
            self.store.awayUntil = self.time + self.dice.between(10_000, self.dice.chance(0.2) ? 25_000_000 : 3_000_000)
            self.note("the store is away until \(self.store.awayUntil)")
        case .storeSlow:
            self.store.slowUntil = self.time + self.dice.between(100_000, 5_000_000)
            self.store.slowness = self.dice.pick([50_000, 1_000_000, 8_000_000])
        case .clockJump:
            self.nodes[node].clock.jump(at: self.time, &self.dice)
        }
    }

    /// Nothing passes between an endpoint and a server for a while; it may outlast the connection or not.
    private mutating func partition() {
        let endpoint = self.dice.below(self.endpoints.count)
        let server = self.dice.below(self.servers.count)
        let duration = self.dice.between(200_000, 10_000_000)
        self.note("\(self.endpoints[endpoint].owner) and server \(server) are apart for \(duration) µs")
        self.endpoints[endpoint].blockedUntil[server] = self.time + duration
        if let connection = self.endpoints[endpoint].current[server], self.dice.chance(0.7) {
            self.cut(connection, noticedWithin: duration)
        }
    }

    /// From here on nothing goes wrong: what died starts, what froze thaws, what was apart is joined.
    mutating func heal() {
        self.phase = .healed
        self.note("everything heals")
        self.store.awayUntil = self.time
        self.store.slowUntil = self.time
        // The last word of the operators, after all that is under way: functions go on, though not without limits.
        let settings = self.swarm.operations.flatMap(\.settings).map(\.resumed)
        if !settings.isEmpty { self.schedule(.operatorSets(settings), after: 15_000_000) }
        for server in self.servers.indices where !self.servers[server].isUp {
            self.schedule(.startServer(server), after: 100_000)
        }
        for endpoint in self.endpoints.indices {
            for server in self.servers.indices { self.endpoints[endpoint].blockedUntil[server] = self.time }
        }
        for node in self.nodes.indices {
            self.nodes[node].frozenUntil = 0
            self.thaw(node)
            if self.nodes[node].status == .dead { self.schedule(.startNode(node), after: 100_000) }
        }
        for target in self.targets.indices where self.targets[target].hangs { self.killTarget(target) }
        for connection in self.connections.indices where self.connections[connection].isCut {
            self.schedule(.serverNotices(connection), after: 1_000_000)
            self.schedule(.endpointNotices(connection), after: 1_000_000)
        }
    }
}
