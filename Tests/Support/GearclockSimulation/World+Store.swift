internal import GearclockCore

/// The way to the store and back.
extension World {
    mutating func ask(_ question: StoreCaller.Question, _ request: StoreRequest, _ node: Int) {
        let caller = StoreCaller(node: node, incarnation: self.nodes[node].incarnation, question: question)
        self.send(StoreCall(caller: caller, request: request, now: self.now(node).wall))
    }

    /// On behalf of a client: a worker daemon asks, and dies no sooner than it has the answer.
    mutating func ask(_ request: StoreRequest) {
        let caller = StoreCaller(node: -1, incarnation: 0, question: .client)
        self.send(StoreCall(caller: caller, request: request, now: self.trueNow))
    }

    private mutating func send(_ call: StoreCall) {
        let isCalm = self.phase != .faults
        var delay = self.dice.between(isCalm ? 200...2000 : self.swarm.store) / 2
        if self.time < self.store.slowUntil { delay += self.dice.between(0, self.store.slowness) }
        let fate = isCalm ? 0 : self.dice.weighted(self.swarm.storeFates.weights) ?? 0
        self.schedule(.storeReached(call, fate: StoreFate(rawValue: fate)!), after: delay)
    }

    mutating func storeReached(_ call: StoreCall, _ fate: StoreFate) {
        let isCalm = self.phase != .faults
        let delay = self.dice.between(isCalm ? 200...2000 : self.swarm.store) / 2
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
            request = request.sabotaged(by: canary, self.store.model, &self.dice)
            if canary == .storeForgets, case .insert(let tasks, express: _) = request, self.dice.chance(0.01) {
                return .inserted(tasks.map { _ in .inserted })
            }
        }
        let reply = self.store.perform(request, now: call.now)
        self.note("store: \(call.request.text(self.ledger)) -> \(reply.text)")
        self.ledger.audit(call.request, reply, now: call.now, self.store.model)
        return reply
    }

    mutating func storeReplied(_ caller: StoreCaller, _ reply: Result<StoreReply, TaskStoreError>) {
        guard caller.node >= 0 else { return }
        let node = caller.node
        guard self.nodes[node].incarnation == caller.incarnation, self.nodes[node].isRunning else { return }
        if case .failure(let error) = reply { self.note("process \(node): \(caller.question) failed, \(error)") }
        switch caller.question {
        case .intake:
            self.insertReplied(reply.map(\.inserted), node)
        case .nextDue:
            let reply = reply.map(\.nextDue)
            self.perform(
                self.nodes[node].dispatcher!.nextDueReplied(reply, now: self.dueNow(node), using: &self.dice), node)
        case .claim:
            let reply = reply.map(\.claimed)
            self.perform(
                self.nodes[node].dispatcher!.claimReplied(reply, now: self.dueNow(node), using: &self.dice), node)
        case .rescue:
            let reply = reply.map(\.rescued)
            self.perform(
                self.nodes[node].dispatcher!.rescueReplied(reply, now: self.dueNow(node), using: &self.dice), node)
        case .dispatcherSettle:
            let reply = reply.map(\.fenced)
            self.perform(
                self.nodes[node].dispatcher!.settleReplied(reply, now: self.dueNow(node), using: &self.dice), node)
        case .controllerSettle:
            let reply = reply.map(\.fenced)
            self.perform(
                self.nodes[node].controller!.settleReplied(reply, now: self.dueNow(node), using: &self.dice), node)
        case .extend:
            let reply = reply.map(\.fenced)
            self.perform(
                self.nodes[node].controller!.extendReplied(reply, now: self.dueNow(node), using: &self.dice), node)
        case .client:
            break
        }
    }
}

extension StoreReply {
    fileprivate var inserted: [InsertOutcome] {
        guard case .inserted(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }

    fileprivate var claimed: [ClaimedTask] {
        guard case .claimed(let tasks) = self else { preconditionFailure("Another answer was expected") }
        return tasks
    }

    fileprivate var fenced: [FencedOutcome] {
        guard case .fenced(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }

    fileprivate var rescued: Int {
        guard case .rescued(let count) = self else { preconditionFailure("Another answer was expected") }
        return count
    }

    fileprivate var nextDue: Timestamp? {
        guard case .nextDue(let due) = self else { preconditionFailure("Another answer was expected") }
        return due
    }

    fileprivate var text: String {
        switch self {
        case .inserted(let outcomes): "\(outcomes)"
        case .claimed(let tasks): "\(tasks.count)"
        case .fenced(let outcomes): "\(outcomes)"
        case .rescued(let count): "\(count)"
        case .nextDue(let due): due.map { "\($0)" } ?? "nothing"
        case .cancelled(let outcomes): "\(outcomes)"
        case .ejected: "ejected"
        }
    }
}

extension StoreRequest {
    fileprivate func text(_ ledger: Ledger) -> String {
        func names(_ ids: [TaskID]) -> String { ids.map { ledger.index(of: $0).map(String.init) ?? "?" }.description }
        return switch self {
        case .insert(let tasks, express: nil): "insert \(names(tasks.map(\.id)))"
        case .insert(let tasks, let express?):
            "insert \(names(tasks.map(\.id))), express for \(express.owner) what is due by \(express.dueBy)"
        case .claimDue(let request): "claim by \(request.owner) due by \(request.dueBy)"
        case .extend(let claims, let until): "extend \(names(claims.map(\.id))) until \(until)"
        case .settle(let settlements):
            "settle " + settlements.map { "\(names([$0.claim.id])) \($0.claim.attempt) \($0.change.text)" }.description
        case .rescueExpired(let endedBefore, _): "rescue what ended before \(endedBefore)"
        case .nextDue: "next due"
        case .cancel(let ids, _): "cancel \(names(ids))"
        case .eject(let ids): "eject \(names(ids))"
        }
    }
}

extension Settlement.Change {
    fileprivate var text: String {
        switch self {
        case .complete: "complete"
        case .retry(let at, let record): "retry at \(at) after \(record.outcome)"
        case .release(let at): "release at \(at)"
        case .discard(_, let record): "discard after \(record.outcome)"
        case .expire: "expire"
        }
    }
}
