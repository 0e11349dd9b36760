internal import GearclockCore

/// What goes wrong, and how all of it ends.
extension ServiceWorld {
    /// Each strike has dice of its own: it comes at the same moment whatever else happens or is left out.
    func planStrike(_ number: Int) {
        var dice = Dice(seed: self.seed, .strike, number)
        let mean = self.swarm.faultInterval
        let pause = self.swarm.isCalm ? Swarm.warmUp...3 * Swarm.warmUp : mean / 8...mean * 15 / 8
        self.schedule(after: dice.between(pause)) { $0.strike(number) }
    }

    private func strike(_ number: Int) {
        var dice = Dice(seed: self.seed, .strike, number, 1)
        guard self.phase == .faults, let kind = dice.weighted(self.swarm.faults).flatMap({ Fault(rawValue: $0) })
        else { return }
        if !self.swarm.isCalm { self.planStrike(number + 1) }
        let name = FaultName(.strike, number)
        guard self.strikes(name) else { return }
        self.note("\(kind)", name)
        self.strike(kind, &dice)
    }

    private func strike(_ kind: Fault, _ dice: inout Dice) {
        let node = dice.below(self.nodes.count)
        switch kind {
        case .killNode:
            // A process that dies is missed at once; a machine that loses its power is not.
            self.killNode(node, noticedWithin: self.swarm.isCalm || dice.chance(0.8) ? 1000 : 15_000_000)
            self.schedule(after: dice.between(1000, 5_000_000)) { $0.startNode(node) }
        case .freezeNode:
            let longest = 2 * self.swarm.controller.lease.lease.microseconds
            self.freeze(node, for: dice.between(1000, dice.chance(0.5) ? longest : 500_000))
        case .stopNode where self.nodes[node].frozenUntil > self.time:
            break
        case .stopNode:
            self.shutDown(node, deadline: dice.between(100_000, 5_000_000))
        case .cutConnection:
            let open = self.openStreams
            if !open.isEmpty { self.cut(dice.pick(open), noticedWithin: dice.pick([1000, 100_000, 5_000_000])) }
        case .partition:
            self.partition(&dice)
        case .killServer:
            let server = dice.below(self.servers.count)
            self.killServer(server)
            self.schedule(after: dice.between(1000, Swarm.serverOutage)) { $0.servers[server].isUp = true }
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
            guard let life = self.nodes[node].life else { return }
            let clock = self.nodes[node].clock
            self.scheduler.enter { $0.setClock(of: life.process.number, clock) }
        }
    }

    /// Nothing passes between a machine and a server for a while; it may outlast the connections or not.
    private func partition(_ dice: inout Dice) {
        let machine = dice.below(self.nodes.count + self.targets.count + self.clients.count)
        let server = dice.below(self.servers.count)
        let duration = dice.between(200_000, 10_000_000)
        self.note("machine \(machine) is apart from job server \(server) for \(duration) µs")
        self.blockedUntil[machine, default: self.servers.map { _ in 0 }][server] = self.time + duration
        guard dice.chance(0.7) else { return }
        for stream in self.openStreams
        where self.streams[stream].machine == machine && self.streams[stream].server == server {
            self.cut(stream, noticedWithin: duration)
        }
    }

    /// From here on nothing goes wrong: what died starts, what froze thaws, what was apart is joined.
    func heal() {
        self.phase = .healed
        self.ledger.healedAt = self.trueNow
        self.endBy = self.swarm.horizon + self.timeToEnd
        self.note("everything heals")
        self.store.awayUntil = self.time
        self.store.slowUntil = self.time
        for server in self.servers.indices where !self.servers[server].isUp {
            self.schedule(after: 100_000) { $0.servers[server].isUp = true }
        }
        // The last word of the operators, after all that is under way: functions go on, though not without limits.
        self.schedule(after: 15_000_000) { world in
            for settings in world.swarm.operations.flatMap(\.settings) { world.operatorWants(settings.resumed) }
        }
        self.blockedUntil = [:]
        for node in self.nodes.indices {
            self.nodes[node].frozenUntil = 0
            self.thaw(node)
            if self.nodes[node].status == .dead { self.schedule(after: 100_000) { $0.startNode(node) } }
        }
        for target in self.targets.indices {
            if self.targets[target].hangs { self.killTarget(target) }
            guard self.swarm.stalledFunction != nil else { continue }
            self.endTarget(target)
            self.startTarget(target)
        }
        for stream in self.streams.indices where self.streams[stream].isCut {
            self.noticeCut(stream, within: 1_000_000)
        }
    }

    /// Once healed, all tasks must have ended after this: the longest wait of a policy, a lost lease, some polls, and
    /// what real clients rest between two attempts to connect. It is longer where clocks differ too much, because tasks
    /// wait in the wrong places, and where a function may have one task in hand or a limit, because the others come
    /// back later.
    private var timeToEnd: Int64 {
        let isRoomy = self.swarm.controller.inHandPerFunction > 3 && self.swarm.operations.isEmpty
        return self.swarm.isClockBounded && isRoomy ? 90_000_000 : 300_000_000
    }

    // MARK: - A paused function

    func pause() {
        guard let function = self.swarm.pausedFunction else { return }
        self.heldBack = function
        _ = self.store.perform(
            .setFunctionSettings([FunctionSettings(function: function, isPaused: true)]), now: self.trueNow,
            trueNow: self.trueNow)
    }

    /// Once healed: resumes the function when nothing else is left to do.
    func resumeIfOthersEnded() {
        guard let function = self.heldBack, self.ledger.unfinished(except: function) == nil else { return }
        self.note("function \(function) is resumed")
        self.heldBack = nil
        self.endBy = self.time + self.timeToEnd
        _ = self.store.perform(
            .setFunctionSettings([FunctionSettings(function: function)]), now: self.trueNow,
            trueNow: self.trueNow)
    }
}
