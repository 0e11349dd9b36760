internal import GearclockCore

/// The life of a process: start, death, frost, and an orderly end.
extension World {
    func now(_ node: Int) -> Now { self.nodes[node].clock.read(at: self.time) }

    /// What dispatchers and controllers are told.
    func dueNow(_ node: Int) -> Now {
        var now = self.now(node)
        if self.canary == .earlyStart { now.wall = now.wall.advanced(by: .seconds(1)) }
        return now
    }

    /// What dispatchers are given: what the auditor expects, but for a planted bug.
    private var dispatcherPolicy: DispatcherPolicy {
        var policy = self.swarm.dispatcher
        if self.canary == .lazyPoll { policy.pollInterval *= 20 }
        if self.canary == .noRescue { policy.rescueInterval = .seconds(86_400) }
        if self.canary == .lateRescue { policy.lease.rescueMargin += .seconds(30) }
        if self.canary == .hoards { policy.heldTasks = 1_000_000 }
        return policy
    }

    private var controllerPolicy: ControllerPolicy {
        var policy = self.swarm.controller
        if self.canary == .hoards { policy.inHandTasks = 1_000_000 }
        if self.canary == .unfair { policy.inHandTasks = 1 }
        return policy
    }

    mutating func startNode(_ node: Int) {
        guard self.nodes[node].status == .dead, self.phase != .stopping else { return }
        self.nodes[node].incarnation += 1
        self.nodes[node].status = .up
        let roles = self.nodes[node].roles
        self.note("starts", by: .process(node))
        self.membersChanged()
        if roles.contains(.intake) {
            self.nodes[node].intake = SubmissionStateMachine(
                directory: ClusterDirectory([.init(name: "main", number: 0)]), patience: self.swarm.patience,
                policy: self.swarm.intake)
        }
        if roles.contains(.controller) {
            let owner = OwnerID(using: &self.dice)
            self.nodes[node].controller = ControllerStateMachine(owner: owner, policy: self.controllerPolicy)
            self.limits.controllersChangedAt = self.time
            self.perform(self.nodes[node].controller!.started(now: self.dueNow(node)), node)
        }
        if roles.contains(.dispatcher) || roles.contains(.intake) {
            let owner = OwnerID(using: &self.dice)
            var policy = self.dispatcherPolicy
            policy.isExpressOnly = !roles.contains(.dispatcher)
            self.nodes[node].dispatcher = DispatcherStateMachine(owner: owner, policy: policy)
            let actions = self.nodes[node].dispatcher!.started(now: self.now(node))
            self.perform(actions, node)
        }
        self.startEndpoint(self.nodes[node].workerEndpoint)
        self.startEndpoint(self.nodes[node].clientEndpoint)
    }

    /// - Parameter noticedWithin: how long the servers may take to notice.
    mutating func killNode(_ node: Int, noticedWithin: Int64) {
        guard self.nodes[node].status != .dead else { return }
        self.note("dies", by: .process(node))
        self.membersChanged()
        self.limits.controllersChangedAt = self.time
        for endpoint in [self.nodes[node].workerEndpoint, self.nodes[node].clientEndpoint] {
            for connection in self.open(endpoint) { self.closeFromEndpoint(connection, noticedWithin: noticedWithin) }
        }
        self.nodes[node] = self.nodes[node].successor()
    }

    /// Asks a process to stop. It takes nothing new and finishes what it has.
    mutating func shutDown(_ node: Int, deadline: Int64?) {
        guard self.nodes[node].status == .up else { return }
        self.note("is asked to stop", by: .process(node))
        self.membersChanged()
        self.nodes[node].status = .draining
        let now = self.now(node)
        for connection in self.open(self.nodes[node].workerEndpoint) {
            self.send(.cannotDo(.submit), on: connection)
            self.send(.cannotDo(.handOver), on: connection)
        }
        if let deadline {
            let incarnation = self.nodes[node].incarnation
            self.schedule(.drainDeadline(node: node, incarnation: incarnation), after: deadline)
        }
        let offers = self.offers(node)
        if let actions = self.nodes[node].intake?.shutdownRequested(now: now, offers: offers) {
            self.perform(actions, node)
        }
        if self.nodes[node].intake == nil { self.shutDownDispatcher(node) }
        if self.canary == .deafToStop { return }
        if let actions = self.nodes[node].controller?.shutdownRequested(now: now) { self.perform(actions, node) }
    }

    /// Not before the worker daemon of its process has stored everything: it hands over what that stores for soon.
    private mutating func shutDownDispatcher(_ node: Int) {
        let now = self.now(node)
        if let actions = self.nodes[node].dispatcher?.shutdownRequested(now: now) { self.perform(actions, node) }
    }

    /// Patience is at an end: the controller gives back what still runs; a second later the process is ended.
    mutating func drainDeadlinePassed(_ node: Int, _ incarnation: Int) {
        guard self.nodes[node].incarnation == incarnation, self.nodes[node].status == .draining else { return }
        self.note("has had its time to stop", by: .process(node))
        let now = self.now(node)
        if let actions = self.nodes[node].controller?.drainTimeExpired(now: now) { self.perform(actions, node) }
        guard self.nodes[node].status == .draining else { return }
        if self.dice.chance(0.5) {
            self.killNode(node, noticedWithin: 1000)
            self.schedule(.startNode(node), after: self.dice.between(10_000, 3_000_000))
        } else {
            self.schedule(.drainDeadline(node: node, incarnation: incarnation), after: 1_000_000)
        }
    }

    /// One of a process's machines has nothing left to do; the last one ends the process.
    mutating func machineStopped(_ machine: Machine, _ node: Int) {
        self.nodes[node].stopped.insert(machine)
        var all = 0
        if self.nodes[node].intake != nil { all += 1 }
        if self.nodes[node].dispatcher != nil { all += 1 }
        if self.nodes[node].controller != nil { all += 1 }
        guard self.nodes[node].stopped.count == all else {
            if machine == .intake { self.shutDownDispatcher(node) }
            return
        }
        self.note("stops", by: .process(node))
        self.killNode(node, noticedWithin: 1000)
        if self.phase != .stopping { self.schedule(.startNode(node), after: self.dice.between(10_000, 3_000_000)) }
    }

    /// All that a frozen process missed reaches it at once.
    mutating func thaw(_ node: Int) {
        guard self.nodes[node].frozenUntil <= self.time else { return }
        for event in self.nodes[node].missed { self.schedule(event, after: 0) }
        self.nodes[node].missed = []
    }

    // MARK: - Timers

    mutating func setTimer(_ machine: Machine, _ instant: MonotonicInstant, _ node: Int) {
        let at = max(self.time, self.nodes[node].clock.time(of: instant))
        self.nodes[node].timers[machine.rawValue] = at
        // An event that comes too early looks again; so a timer that is moved back costs nothing.
        guard at < self.nodes[node].plannedTimers[machine.rawValue] else { return }
        self.nodes[node].plannedTimers[machine.rawValue] = at
        let incarnation = self.nodes[node].incarnation
        self.schedule(.timer(node: node, incarnation: incarnation, machine), at: at)
    }

    mutating func timerFired(_ node: Int, _ incarnation: Int, _ machine: Machine) {
        guard self.nodes[node].incarnation == incarnation, self.nodes[node].isRunning else { return }
        guard self.nodes[node].plannedTimers[machine.rawValue] <= self.time else { return }
        self.nodes[node].plannedTimers[machine.rawValue] = .max
        let at = self.nodes[node].timers[machine.rawValue]
        if at == .max { return }
        if at > self.time {
            self.nodes[node].plannedTimers[machine.rawValue] = at
            return self.schedule(.timer(node: node, incarnation: incarnation, machine), at: at)
        }
        self.nodes[node].timers[machine.rawValue] = .max
        let now = self.now(node)
        switch machine {
        case .intake:
            let offers = self.offers(node)
            self.perform(self.nodes[node].intake!.timerFired(now: now, offers: offers), node)
        case .dispatcher: self.perform(self.nodes[node].dispatcher!.timerFired(now: self.dueNow(node)), node)
        case .controller:
            self.perform(self.nodes[node].controller!.timerFired(now: self.dueNow(node), using: &self.dice), node)
        }
    }

    // MARK: - Connections of a process

    mutating func workerConnected(_ node: Int, _ connection: ConnectionID) {
        guard self.nodes[node].status == .up else { return }
        if self.nodes[node].roles.contains(.intake) { self.send(.grab(.submit, 8), on: connection) }
        guard self.nodes[node].roles.contains(.controller) else { return }
        self.send(.grab(.handOver, 2), on: connection)
        if self.swarm.isWired { self.serveByWire(node, on: connection) }
    }

    mutating func workerReceived(_ message: EndpointMessage, on connection: ConnectionID, _ node: Int) {
        guard case .assigned(let handle, _, let workload) = message else { return }
        switch workload {
        case .submission(let request): self.takeIn(request, handle, on: connection, node)
        case .handOver(let tasks): self.takeOver(tasks, handle, on: connection, node)
        case .task: preconditionFailure("A daemon works for no target function")
        }
    }

    mutating func workerLost(_ connection: ConnectionID, _ node: Int) {
        // What was not answered over it is given to another worker daemon; an answer of ours finds no way.
    }

    mutating func clientReceived(_ message: EndpointMessage, on connection: ConnectionID, _ node: Int) {
        switch message {
        case .created(.run(let run), let handle): self.jobCreated(run, handle, on: connection, node)
        case .ended(.run(let run), let result): self.jobEnded(run, result, on: connection, node)
        case .ended(.handOver(let id), let result): self.handOverEnded(id, result, node)
        case .statusOfUnique(let run, let status): self.statusReplied(run, status, on: connection, node)
        case .statusOfHandle(let run, let place): self.jobChecked(run, place, node)
        case .created, .ended, .assigned: break
        }
    }

    mutating func clientLost(_ connection: ConnectionID, _ node: Int) {
        self.connectivityChanged(node)
        precondition(self.canary != .traps || self.nodes[node].runs.isEmpty, "A planted bug")
        if self.nodes[node].dispatcher != nil { self.handOversLost(connection, node) }
        if self.nodes[node].controller != nil { self.jobsLost(connection, node) }
    }

    mutating func connectivityChanged(_ node: Int) {
        let endpoint = self.endpoints[self.nodes[node].clientEndpoint]
        let isConnected = endpoint.isTried.allSatisfy { $0 } && endpoint.current.contains { $0 != nil }
        self.nodes[node].controller?.connectivityChanged(isConnected: isConnected)
    }

    mutating func reported(_ node: Int, _ incarnation: Int, _ report: LocalReport) {
        guard self.nodes[node].incarnation == incarnation, self.nodes[node].isRunning else { return }
        switch report {
        case .handOver(let id, let reply): self.handOverReplied(id, reply, node)
        case .refused(let run): self.runRefused(run, node)
        case .status(let run): self.questionAnswered(run, nil, node)
        case .checked(let run): self.jobChecked(run, nil, node)
        case .servers: self.serversReplied(node)
        }
    }

    mutating func report(_ report: LocalReport, _ node: Int) {
        let incarnation = self.nodes[node].incarnation
        self.schedule(.local(node: node, incarnation: incarnation, report), after: 0)
    }
}
