internal import GearclockCore

/// What goes wrong, and how all of it ends.
extension World {
    /// Each strike has dice of its own: it comes at the same moment whatever else happens or is left out.
    mutating func planStrike(_ number: Int) {
        var dice = Dice(seed: self.seed, .strike, number)
        let mean = self.swarm.faultInterval
        let pause = self.swarm.isCalm ? Swarm.warmUp...3 * Swarm.warmUp : mean / 8...mean * 15 / 8
        self.schedule(.strike(number), after: dice.between(pause))
    }

    mutating func strike(_ number: Int) {
        var dice = Dice(seed: self.seed, .strike, number, 1)
        guard self.phase == .faults, let kind = dice.weighted(self.swarm.faults).flatMap({ Fault(rawValue: $0) })
        else { return }
        if !self.swarm.isCalm { self.planStrike(number + 1) }
        let name = FaultName(.strike, number)
        guard self.strikes(name) else { return }
        self.note("\(kind)", name)
        self.strike(kind, &dice)
    }

    private mutating func strike(_ kind: Fault, _ dice: inout Dice) {
        let node = dice.below(self.nodes.count)
        switch kind {
        case .killNode:
            // A process that dies is missed at once; a machine that loses its power is not.
            self.killNode(node, noticedWithin: self.swarm.isCalm || dice.chance(0.8) ? 1000 : 15_000_000)
            self.schedule(.startNode(node), after: dice.between(1000, 5_000_000))
        case .freezeNode:
            let longest = 2 * self.swarm.controller.lease.lease.microseconds
            let duration = dice.between(1000, dice.chance(0.5) ? longest : 500_000)
            self.note("freezes for \(duration) µs", by: .process(node))
            self.nodes[node].frozenUntil = max(self.nodes[node].frozenUntil, self.time + duration)
            self.schedule(.thaw(node), at: self.nodes[node].frozenUntil)
        case .stopNode where self.nodes[node].frozenUntil > self.time:
            break
        case .stopNode:
            self.shutDown(node, deadline: dice.between(100_000, 5_000_000))
        case .cutConnection:
            let open = self.endpoints.flatMap { $0.current.compactMap { $0 } }
            if !open.isEmpty {
                self.cut(dice.pick(open), noticedWithin: dice.pick([1000, 100_000, 5_000_000]))
            }
        case .partition:
            self.partition(&dice)
        case .killServer:
            let server = dice.below(self.servers.count)
            self.killServer(server)
            self.schedule(.startServer(server), after: dice.between(1000, Swarm.serverOutage))
        case .killTarget:
            self.killTarget(dice.below(self.targets.count))
        case .storeOutage:
            let isLong = !self.swarm.isCalm && dice.chance(0.2)
            let duration = dice.between(10_000, isLong ? 25_000_000 : Swarm.calmOutage)
            self.store.awayUntil = self.time + duration
            self.note("is away for \(duration) µs", by: .store)
        case .storeSlow:
            self.store.slowUntil = self.time + dice.between(100_000, 5_000_000)
            self.store.slowness = dice.pick([50_000, 1_000_000, 8_000_000])
        case .clockJump:
            self.nodes[node].clock.jump(at: self.time, &dice)
        }
    }

    /// Nothing passes between an endpoint and a server for a while; it may outlast the connection or not.
    private mutating func partition(_ dice: inout Dice) {
        let endpoint = dice.below(self.endpoints.count)
        let server = dice.below(self.servers.count)
        let duration = dice.between(200_000, 10_000_000)
        self.note("is apart from server \(server) for \(duration) µs", by: self.endpoints[endpoint].owner.actor)
        self.endpoints[endpoint].blockedUntil[server] = self.time + duration
        if let connection = self.endpoints[endpoint].current[server], dice.chance(0.7) {
            self.cut(connection, noticedWithin: duration)
        }
    }

    /// From here on nothing goes wrong: what died starts, what froze thaws, what was apart is joined.
    mutating func heal() {
        self.phase = .healed
        self.ledger.healedAt = self.trueNow
        self.endBy = self.swarm.horizon + self.timeToEnd
        self.note("everything heals")
        self.membersChanged()
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
        if let stalled = self.swarm.stalled {
            for server in self.servers.indices { self.giveOut(server, stalled) }
            if self.swarm.isWired { self.offerByWire(stalled) }
        }
        for target in self.targets.indices where self.targets[target].hangs { self.killTarget(target) }
        for connection in self.connections.indices where self.connections[connection].isCut {
            self.schedule(.serverNotices(connection), after: 1_000_000)
            self.schedule(.endpointNotices(connection), after: 1_000_000)
        }
    }
}
