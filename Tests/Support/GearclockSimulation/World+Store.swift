internal import GearclockCore

/// The way to the store and back.
extension World {
    mutating func ask(
        _ question: StoreCaller.Question, _ request: StoreRequest, in place: IntakeStateMachine.Place = 0, _ node: Int
    ) {
        let caller = StoreCaller(
            node: node, incarnation: self.nodes[node].incarnation, question: question, place: place)
        let request = self.canary.map { request.mistaken(by: $0) } ?? request
        self.send(StoreCall(caller: caller, request: request, now: self.now(node).wall))
    }

    /// On behalf of a client: a worker daemon asks, and dies no sooner than it has the answer.
    mutating func ask(_ request: StoreRequest) {
        let caller = StoreCaller(node: -1, incarnation: 0, question: .client)
        self.send(StoreCall(caller: caller, request: request, now: self.trueNow))
    }

    private mutating func send(_ call: StoreCall) {
        let isCalm = self.phase != .faults
        var delay = self.dice.between(isCalm ? Swarm.calmStore : self.swarm.store) / 2
        if self.time < self.store.slowUntil { delay += self.dice.between(0, self.store.slowness) }
        let fate = isCalm ? .answered : self.fate(of: call.caller)
        self.schedule(.storeReached(call, fate: fate), after: delay)
    }

    /// Each call has dice of its own, thrown for its number among all of its kind.
    private mutating func fate(of caller: StoreCaller) -> StoreFate {
        guard self.swarm.storeFates.hasFaults else { return .answered }
        let question = caller.question.rawValue
        let number = self.storeCalls[caller.node << 8 | question, default: 0] + 1
        self.storeCalls[caller.node << 8 | question] = number
        var dice = Dice(seed: self.seed, .call, caller.node, question, number)
        guard let drawn = dice.weighted(self.swarm.storeFates.weights), let fate = StoreFate(rawValue: drawn),
            fate != .answered
        else { return .answered }
        let name = FaultName(.call, caller.node, question, number)
        guard self.strikes(name) else { return .answered }
        self.note(
            "will not answer \(caller.question) of process \(caller.node) as it should: \(fate)", by: .store, name)
        return fate
    }

    mutating func storeReached(_ call: StoreCall, _ fate: StoreFate) {
        let delay = self.dice.between(self.phase == .faults ? self.swarm.store : Swarm.calmStore) / 2
        if self.store.isAway(at: self.time) {
            // Whether it refused or nobody heard of it: a caller cannot always tell.
            let error: TaskStoreError = self.dice.chance(0.5) ? .unavailable("away") : .outcomeUnknown("away")
            return self.reply(to: call, .failure(error), after: delay)
        }
        switch fate {
        case .answered:
            self.reply(to: call, .success(self.apply(call)), after: delay)
        case .unavailable:
            self.reply(to: call, .failure(.unavailable("refused")), after: delay)
        case .conflict:
            self.reply(to: call, .failure(.conflict), after: delay)
        case .unknownDone:
            _ = self.apply(call)
            self.reply(to: call, .failure(.outcomeUnknown("done")), after: delay)
        case .unknownNotDone:
            self.reply(to: call, .failure(.outcomeUnknown("not done")), after: delay)
        case .unknownDoneLater:
            self.reply(to: call, .failure(.outcomeUnknown("done later")), after: delay)
            var late = call
            late.caller.node = -2
            self.schedule(.storeReached(late, fate: .unknownDone), after: self.dice.between(delay, 3_000_000))
        }
    }

    private mutating func reply(to call: StoreCall, _ reply: Result<StoreReply, TaskStoreError>, after delay: Int64) {
        guard call.caller.node >= -1 else { return }
        self.schedule(.storeReplied(call.caller, reply), after: delay)
    }

    private mutating func apply(_ call: StoreCall) -> StoreReply {
        var request = call.request
        if let canary = self.canary {
            request = request.sabotaged(by: canary, self.store.model)
            if canary == .storeForgets, case .insert(let tasks, express: _) = request, self.dice.chance(0.01) {
                return .inserted(tasks.map { _ in .inserted })
            }
        }
        if self.canary == .storeRevives, case .rescueExpired = request { self.store.revive() }
        let reply = self.store.perform(request, now: call.now, trueNow: self.trueNow)
        if self.canary == .expiresInSilence { self.store.forget(.expired) }
        if self.canary == .cancelsInSilence { self.store.forget(.cancelled) }
        if case .claimDue(let request) = request { self.checkBuckets(request) }
        self.checkPause(request, reply)
        if case .setFunctionSettings(let settings) = request {
            for setting in settings { self.limits.settingsChangedAt[setting.function] = self.time }
        }
        self.note("\(call.request.text(self.ledger)) -> \(reply.text(self.ledger))", by: .store)
        self.ledger.audit(call.request, reply, now: call.now, self.store.model)
        return reply
    }

    mutating func storeReplied(_ caller: StoreCaller, _ reply: Result<StoreReply, TaskStoreError>) {
        guard caller.node >= 0 else { return }
        let node = caller.node
        guard self.nodes[node].incarnation == caller.incarnation, self.nodes[node].isRunning else { return }
        if case .failure(let error) = reply { self.note("\(caller.question) failed: \(error)", by: .process(node)) }
        switch caller.question {
        case .intake: self.insertReplied(reply.map(\.inserted), in: caller.place, node)
        case .dueLanes, .claim, .rescue, .dispatcherSettle, .dispatcherBeat, .dispatcherLeave, .dispatcherSettings,
            .dispatcherClocks:
            self.dispatcherReplied(caller.question, reply, node)
        case .controllerSettle:
            let reply = reply.map(\.fenced)
            self.perform(
                self.nodes[node].controller!.settleReplied(reply, now: self.dueNow(node), using: &self.dice), node)
        case .extend:
            self.extendReplied(reply.map(\.fenced), node)
        case .controllerBeat:
            self.beatReplied(reply.map(\.members), node)
        case .controllerLeave:
            self.perform(self.nodes[node].controller!.leaveReplied(now: self.dueNow(node)), node)
        case .settings:
            self.settingsReplied(reply.map(\.settings), node)
        case .client:
            break
        }
    }

    private mutating func dispatcherReplied(
        _ question: StoreCaller.Question, _ reply: Result<StoreReply, TaskStoreError>, _ node: Int
    ) {
        let now = self.dueNow(node)
        var dispatcher = self.nodes[node].dispatcher!
        self.nodes[node].dispatcher = nil
        let actions: [DispatcherStateMachine.Action]
        switch question {
        case .dueLanes: actions = dispatcher.dueLanesReplied(reply.map(\.dueLanes), now: now, using: &self.dice)
        case .claim: actions = dispatcher.claimReplied(reply.map(\.claimed), now: now, using: &self.dice)
        case .rescue: actions = dispatcher.rescueReplied(reply.map(\.rescued), now: now, using: &self.dice)
        case .dispatcherSettle: actions = dispatcher.settleReplied(reply.map(\.fenced), now: now, using: &self.dice)
        case .dispatcherBeat: actions = dispatcher.beatReplied(reply.map(\.members), now: now, using: &self.dice)
        case .dispatcherLeave: actions = dispatcher.leaveReplied(now: now)
        case .dispatcherSettings:
            let settings = reply.map(\.settings).map { self.canary == .ignoresPause ? [] : $0 }
            actions = dispatcher.settingsReplied(settings, now: now)
        case .dispatcherClocks:
            let took = self.nodes[node].clocksAskedAt.duration(to: now.monotonic)
            if case .success = reply { self.nodes[node].clockPlay = took }
            let clocks = reply.map { NodeClock.compared($0.clocks, took: took, now: now.wall) }
            actions = dispatcher.clocksReplied(
                self.canary == .ignoresNodeClocks ? clocks.map { _ in [] } : clocks, now: now)
        case .intake, .controllerSettle, .extend, .client, .controllerBeat, .controllerLeave, .settings:
            preconditionFailure("Not a dispatcher's question")
        }
        self.nodes[node].dispatcher = dispatcher
        self.perform(actions, node)
    }
}

extension StoreReply {
    var inserted: [InsertOutcome] {
        guard case .inserted(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }

    var claimed: [ClaimedTask] {
        guard case .claimed(let tasks) = self else { preconditionFailure("Another answer was expected") }
        return tasks
    }

    var fenced: [FencedOutcome] {
        guard case .fenced(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }

    var rescued: Int {
        guard case .rescued(let count) = self else { preconditionFailure("Another answer was expected") }
        return count
    }

    var dueLanes: [LaneDue] {
        guard case .dueLanes(let lanes) = self else { preconditionFailure("Another answer was expected") }
        return lanes
    }

    var members: [Member] {
        guard case .members(let members) = self else { preconditionFailure("Another answer was expected") }
        return members
    }

    var settings: [FunctionSettings] {
        guard case .settings(let settings) = self else { preconditionFailure("Another answer was expected") }
        return settings
    }

    var clocks: [Timestamp] {
        guard case .clocks(let clocks) = self else { preconditionFailure("Another answer was expected") }
        return clocks
    }

    func text(_ ledger: Ledger) -> String {
        switch self {
        case .inserted(let outcomes): outcomes.story
        case .claimed(let tasks): ledger.names(tasks.map(\.id))
        case .fenced(let outcomes): outcomes.story
        case .rescued(let count): "\(count)"
        case .dueLanes(let lanes): "\(lanes.map(\.dueAt.story))"
        case .members(let members): "\(members.count) members"
        case .settings(let settings): "\(settings.count) settings"
        case .clocks(let clocks): "\(clocks.map(\.story))"
        case .cancelled(let outcomes): outcomes.story
        case .ejected: "ejected"
        case .done: "done"
        }
    }
}

extension StoreRequest {
    func text(_ ledger: Ledger) -> String {
        switch self {
        case .insert(let tasks, express: nil): "insert \(ledger.names(tasks.map(\.id)))"
        case .insert(let tasks, let express?):
            "insert \(ledger.names(tasks.map(\.id))), for \(express.owner) what is due by \(express.dueBy.story)"
        case .claimDue(let request): "claim for \(request.owner) what is due by \(request.dueBy.story)"
        case .extend(let claims, let until): "extend \(ledger.names(claims.map(\.id))) until \(until.story)"
        case .settle(let settlements):
            "settle "
                + settlements.map { "\(ledger.names([$0.claim.id])) attempt \($0.claim.attempt): \($0.change.text)" }
                .story
        case .rescueExpired(let endedBefore, _): "rescue what ended before \(endedBefore.story)"
        case .dueLanes: "due lanes"
        case .beat(let id, _): "\(id) lives"
        case .leave(let id): "\(id) leaves"
        case .functionSettings: "settings"
        case .setFunctionSettings(let settings): "set \(settings)"
        case .nodeClocks: "clocks"
        case .cancel(let ids, _): "cancel \(ledger.names(ids))"
        case .eject(let ids): "eject \(ledger.names(ids))"
        }
    }
}

extension Settlement.Change {
    fileprivate var text: String {
        switch self {
        case .complete: "complete"
        case .retry(let at, let record): "retry at \(at.story) after \(record.outcome)"
        case .release(let at): "release at \(at.story)"
        case .discard(_, let record): "discard after \(record.outcome)"
        case .expire: "expire"
        }
    }
}
