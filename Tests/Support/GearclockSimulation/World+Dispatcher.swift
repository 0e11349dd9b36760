internal import GearclockCore

/// What `DispatcherService` does.
extension World {
    mutating func perform(_ actions: [DispatcherStateMachine.Action], _ node: Int) {
        for action in actions {
            switch action {
            case .askDueLanes: self.ask(.dueLanes, .dueLanes, node)
            case .claimDue(var request):
                if self.canary == .claimsEverything { request.buckets = .all }
                self.ask(.claim, .claimDue(request), node)
            case .rescueExpired(let endedBefore, let limit):
                self.ask(.rescue, .rescueExpired(endedBefore: endedBefore, limit: limit), node)
            case .handOver(let id, let tasks, let lane): self.handOver(id, tasks, in: lane, node)
            case .offerRoom: self.roomCame(node)
            case .settle(let settlements): self.ask(.dispatcherSettle, .settle(settlements), node)
            case .beat(let owner): self.ask(.dispatcherBeat, .beat(owner, .dispatcher), node)
            case .leave(let owner): self.ask(.dispatcherLeave, .leave(owner), node)
            case .askSettings: self.ask(.dispatcherSettings, .functionSettings, node)
            case .askClocks:
                self.nodes[node].clocksAskedAt = self.now(node).monotonic
                self.ask(.dispatcherClocks, .nodeClocks, node)
            case .setTimer(let instant): self.setTimer(.dispatcher, instant, node)
            case .stopped: self.machineStopped(.dispatcher, node)
            }
        }
    }

    private mutating func handOver(
        _ id: DispatcherStateMachine.HandOverID, _ tasks: [ClaimedTask], in lane: Lane?, _ node: Int
    ) {
        for task in tasks where task.dueAt > self.dueNow(node).wall {
            self.ledger.fail("Process \(node) hands a task over before it is due", breaks: .neverEarly)
        }
        self.ledger.handedOver(tasks, clocks: self.store.clocks(at: self.trueNow), play: self.nodes[node].clockPlay)
        if self.swarm.handsOverDirectly, let controller = self.nodes[node].controller,
            lane == nil || controller.mayTake(tasks, now: self.now(node))
        {
            return self.report(.handOver(id, .success(self.handedOver(tasks, node))), node)
        }
        let connections = self.open(self.nodes[node].clientEndpoint)
        guard !connections.isEmpty else { return self.report(.handOver(id, .failure(.notDelivered)), node) }
        let connection = self.dice.pick(connections)
        self.nodes[node].handOvers[id] = connection
        // A unique of its own: hand-overs are never joined.
        let owner = "\(node)-\(self.nodes[node].incarnation)-\(id)"
        let job = SubmittedJob(
            function: lane.map { .handOverIn($0) } ?? .handOver,
            unique: Array(owner.utf8), priority: .normal, isBackground: false,
            workload: .handOver(tasks))
        self.send(.submit(job, .handOver(id)), on: connection)
    }

    mutating func handOverEnded(_ id: DispatcherStateMachine.HandOverID, _ result: JobResult, _ node: Int) {
        guard self.nodes[node].handOvers.removeValue(forKey: id) != nil else { return }
        guard case .handedOver(let answers) = result else { preconditionFailure("Another answer was expected") }
        self.handOverReplied(id, .success(answers), node)
    }

    mutating func handOversLost(_ connection: ConnectionID, _ node: Int) {
        for id in self.nodes[node].handOvers.keys.sorted() where self.nodes[node].handOvers[id] == connection {
            self.nodes[node].handOvers[id] = nil
            self.handOverReplied(id, .failure(.unknown), node)
            guard self.nodes[node].dispatcher != nil else { return }
        }
    }

    mutating func handOverReplied(
        _ id: DispatcherStateMachine.HandOverID,
        _ reply: Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure>, _ node: Int
    ) {
        self.note("hand-over \(id): \(reply.story)", by: .process(node, .dispatcher))
        let now = self.dueNow(node)
        self.perform(self.nodes[node].dispatcher!.handOverReplied(id, reply, now: now, using: &self.dice), node)
    }
}
