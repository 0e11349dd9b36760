internal import GearclockCore

/// What the processes ask for.
extension ClusterWorld {
    mutating func act(_ process: Int) {
        if self.phase == .calm {
            self.actCalmly(process)
            return self.schedule(.act(process: process), after: 200_000)
        }
        self.schedule(.act(process: process), after: self.dice.between(0, 2 * self.swarm.pace))
        guard self.processes[process].openCalls < 4, self.phase == .faults else { return }
        switch self.dice.below(10) {
        case 0...2: self.insert(process)
        case 3...4: self.claim(process, limit: 1 + self.dice.below(4))
        case 5...6: self.settleSome(process)
        case 7: self.extendSome(process)
        case 8: self.cancelOne(process)
        default: self.start(.rescue(endedBefore: self.wall.advanced(by: .seconds(-1))), process)
        }
    }

    /// Everything must work now, and come to its end.
    private mutating func actCalmly(_ process: Int) {
        guard self.processes[process].openCalls == 0 else { return }
        if self.auditor.calmCalls[process, default: 0] == 0 {
            self.start(.insert(self.newTasks(1), express: nil, copies: .configured), process)
        } else if !self.processes[process].held.isEmpty {
            let settlements = self.processes[process].held.map { Settlement($0, .complete(keepUntil: nil)) }
            self.processes[process].held = []
            self.start(.settle(settlements), process)
        } else if process == 0, self.dice.chance(0.3) {
            self.start(.rescue(endedBefore: self.wall), process)
        } else {
            self.claim(process, limit: 10)
        }
        self.auditor.calmCalls[process, default: 0] += 1
    }

    /// Every third time what is due soon is stored as its own.
    private mutating func insert(_ process: Int) {
        let tasks = self.newTasks(1 + self.dice.below(3))
        let express = ExpressClaim(
            owner: OwnerID(value: UInt64(process + 1)), dueBy: self.wall.advanced(by: .seconds(2)),
            leaseUntil: self.wall.advanced(by: .microseconds(self.dice.between(500_000, 8_000_000))))
        let isExpress = self.dice.chance(0.3)
        self.start(.insert(tasks, express: isExpress ? express : nil, copies: self.drawnCopies()), process)
    }

    private mutating func newTasks(_ count: Int) -> [TaskDefinition] {
        (0..<count).map { _ in
            let delay: Duration = self.dice.chance(0.6) ? .zero : .microseconds(self.dice.below(9_000_000))
            let due = self.wall.advanced(by: delay)
            return TaskDefinition(
                id: TaskID(cluster: 0, now: self.wall, using: &self.dice), function: FunctionName("f")!, payload: [],
                dueAt: due, createdAt: self.wall)
        }
    }

    private mutating func drawnCopies() -> CopiesDemand {
        self.dice.chance(0.8) ? .configured : .atLeast(1 + self.dice.below(3))
    }

    private mutating func claim(_ process: Int, limit: Int) {
        // An owner makes one claim at a time, as a dispatcher does.
        guard !self.processes[process].isClaiming else { return }
        self.processes[process].isClaiming = true
        let lease = self.dice.between(500_000, 8_000_000)
        let request = ClaimRequest(
            owner: OwnerID(value: UInt64(process + 1)), dueBy: self.wall, limit: limit,
            leaseUntil: self.wall.advanced(by: .microseconds(lease)))
        self.start(.claim(request), process)
    }

    private mutating func settleSome(_ process: Int) {
        var settlements: [Settlement] = []
        while let claim = self.processes[process].held.popLast(), settlements.count < 3 {
            settlements.append(Settlement(claim, self.drawnChange(claim)))
        }
        while let doubtful = self.processes[process].doubtful.popLast() { settlements.append(doubtful) }
        if !settlements.isEmpty { self.start(.settle(settlements), process) }
    }

    private mutating func drawnChange(_ claim: Claim) -> Settlement.Change {
        let later = self.wall.advanced(by: .microseconds(self.dice.below(5_000_000)))
        var attempt = AttemptRecord(attempt: claim.attempt, startedAt: self.wall, endedAt: self.wall, outcome: .failed)
        switch self.dice.below(6) {
        case 0: return .retry(at: later, attempt)
        case 1: return .release(at: later)
        case 2: return .discard(keepUntil: later.advanced(by: .seconds(1000)), attempt)
        case 3:
            attempt.outcome = .expired
            return .expire(keepUntil: later.advanced(by: .seconds(1000)), attempt)
        case 4: return .complete(keepUntil: later.advanced(by: .seconds(1000)))
        default: return .complete(keepUntil: nil)
        }
    }

    private mutating func extendSome(_ process: Int) {
        let claims = Array(self.processes[process].held.prefix(3))
        guard !claims.isEmpty else { return }
        self.start(.extend(claims, leaseUntil: self.wall.advanced(by: .seconds(5))), process)
    }

    private mutating func cancelOne(_ process: Int) {
        guard !self.auditor.known.isEmpty, self.dice.chance(0.3) else { return }
        let id = self.dice.pick(self.auditor.known)
        self.start(.cancel([id], removeAt: self.wall.advanced(by: .seconds(1000))), process)
    }

    /// What a process does with an answer.
    mutating func learn(from call: ClusterCall, _ result: Result<ClusterAnswer, TaskStoreError>) {
        if case .claim = call.request { self.processes[call.process].isClaiming = false }
        switch (call.request, result) {
        case (.claim, .success(.claimed(let tasks))):
            self.processes[call.process].held += tasks.map(\.claim)
        case (.insert(let tasks, let express?, _), .success(.inserted(let outcomes))):
            for (task, outcome) in zip(tasks, outcomes) where outcome == .inserted && express.takes(task) {
                self.processes[call.process].held.append(Claim(id: task.id, owner: express.owner, attempt: 1))
            }
        case (.settle(let settlements), .failure):
            self.processes[call.process].doubtful += settlements
        default:
            break
        }
        if self.phase == .calm, case .insert = call.request, case .success = result { self.auditor.calmInserts += 1 }
    }
}
