internal import GearclockCore
internal import GearclockWorker

/// The way to the store and back.
extension ServiceWorld {
    /// A process asks. What it asks for happens when the question arrives, whether the process lives on or not.
    func call<Reply: Sendable>(
        _ question: StoreCaller.Question, _ process: ProcessName,
        _ continuation: CheckedContinuation<Result<Reply, TaskStoreError>, Never>,
        _ body: @escaping @Sendable (isolated ServiceWorld) -> Reply
    ) {
        guard self.isAlive(process) else { return continuation.resume(returning: .failure(.unavailable("dead"))) }
        self.nextCall += 1
        let number = self.nextCall
        // Whose process dies hears nothing, and must not wait either.
        let end: @Sendable () -> Void = { continuation.resume(returning: .failure(.outcomeUnknown("dead"))) }
        self.calls[number] = PendingCall(process: process, end: end)
        let isCalm = self.phase != .faults
        var delay = self.dice.between(isCalm ? Swarm.calmStore : self.swarm.store) / 2
        if self.time < self.store.slowUntil { delay += self.dice.between(0, self.store.slowness) }
        let fate = isCalm ? StoreFate.answered : self.fate(of: question, process)
        self.schedule(after: delay) { world in
            let reply = world.storeReached(fate, process, body)
            world.schedule(after: world.dice.between(world.phase == .faults ? world.swarm.store : Swarm.calmStore) / 2)
            {
                guard $0.calls.removeValue(forKey: number) != nil else { return }
                if case .failure(let error) = reply {
                    $0.note("\(question) failed: \(error)", by: .process(process.node))
                }
                continuation.resume(returning: reply)
            }
        }
    }

    /// A planted bug: nobody ever answers.
    nonisolated func silence(_ process: ProcessName) async {
        await withCheckedContinuation { continuation in
            self.enter { world in
                guard world.isAlive(process) else { return continuation.resume() }
                world.nextCall += 1
                world.calls[world.nextCall] = PendingCall(process: process) { continuation.resume() }
            }
        }
    }

    /// Nobody waits for the store any more.
    func endCalls(of process: ProcessName) {
        for number in self.calls.keys.sorted() where self.calls[number]!.process == process {
            self.calls.removeValue(forKey: number)!.end()
        }
    }

    private func storeReached<Reply: Sendable>(
        _ fate: StoreFate, _ process: ProcessName, _ body: @escaping @Sendable (isolated ServiceWorld) -> Reply
    ) -> Result<Reply, TaskStoreError> {
        if self.store.isAway(at: self.time) {
            // Whether it refused or nobody heard of it: a caller cannot always tell.
            return .failure(self.dice.chance(0.5) ? .unavailable("away") : .outcomeUnknown("away"))
        }
        switch fate {
        case .answered:
            return .success(body(self))
        case .unavailable:
            return .failure(.unavailable("refused"))
        case .conflict:
            return .failure(.conflict)
        case .unknownDone:
            _ = body(self)
            return .failure(.outcomeUnknown("done"))
        case .unknownNotDone:
            return .failure(.outcomeUnknown("not done"))
        case .unknownDoneLater:
            self.schedule(after: self.dice.between(1000, 3_000_000)) { _ = body($0) }
            return .failure(.outcomeUnknown("done later"))
        }
    }

    /// Each call has dice of its own, thrown for its number among all of its kind.
    private func fate(of question: StoreCaller.Question, _ process: ProcessName) -> StoreFate {
        guard self.swarm.storeFates.hasFaults else { return .answered }
        let kind = process.node << 8 | question.rawValue
        let number = self.storeCalls[kind, default: 0] + 1
        self.storeCalls[kind] = number
        var dice = Dice(seed: self.seed, .call, process.node, question.rawValue, number)
        guard let drawn = dice.weighted(self.swarm.storeFates.weights), let fate = StoreFate(rawValue: drawn),
            fate != .answered
        else { return .answered }
        let name = FaultName(.call, process.node, question.rawValue, number)
        guard self.strikes(name) else { return .answered }
        self.note("will not answer \(question) of process \(process.node) as it should: \(fate)", by: .store, name)
        return fate
    }

    // MARK: - What happens there

    func apply(_ request: StoreRequest, now: Timestamp) -> StoreReply {
        let reply = self.store.perform(request, now: now, trueNow: self.trueNow)
        if case .claimed(let tasks) = reply, tasks.contains(where: { $0.definition.function == self.heldBack }) {
            self.ledger.fail("A task of a paused function is claimed", breaks: .paused)
        }
        self.note("\(request.text(self.ledger)) -> \(reply.text(self.ledger))", by: .store)
        self.ledger.audit(request, reply, now: now, self.store.model)
        return reply
    }

    func prune(limit: Int, now: Timestamp) -> Int {
        let count = self.store.prune(now: now)
        self.ledger.pruned(count, self.store.model)
        return count
    }

    /// A worker daemon wants tasks stored: once for each life of a daemon and each submission of its client.
    func takenIn(_ tasks: [TaskDefinition], by process: ProcessName) {
        for task in tasks where self.taken.insert(Taking(id: task.id, process: process)).inserted {
            let isNew = self.ledger.index(of: task.id) == nil
            let number = Int(String(decoding: task.payload, as: UTF8.self)) ?? 0
            self.ledger.takenIn(task, number: number)
            guard isNew, self.requests.contains(where: { $0.cancels(number) }) else { continue }
            let id = task.id
            self.schedule(after: self.dice.between(0, 10_000_000)) { $0.ask(.cancel, about: id, by: 0) }
        }
    }
}

extension ServiceRequest {
    /// Whether it has a task of this number, and its client cancels it.
    fileprivate func cancels(_ number: Int) -> Bool {
        self.tasks.contains { $0.number == number && $0.isCancelled }
    }
}

/// One daemon has seen one task.
struct Taking: Hashable {
    let id: TaskID
    let process: ProcessName
}

/// A call that is not answered yet.
struct PendingCall: Sendable {
    let process: ProcessName
    /// Answers it in place of the store.
    let end: @Sendable () -> Void
}
