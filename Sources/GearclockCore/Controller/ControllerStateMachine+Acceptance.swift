/// Which tasks are taken, so that no function uses up the room of the others.
extension ControllerStateMachine {
    mutating func accept(_ task: ClaimedTask, now: Now, _ work: inout Work) -> HandOverAnswer {
        if task.leaseUntil < now.wall.advanced(by: self.policy.lease.startMargin) { return .stale }
        if let run = self.runOfTask[task.id], let present = self.runs[run] {
            let isOrphan = present.phase == .orphaned
            if present.task.claim == task.claim { return isOrphan ? .stale : .accepted }
            // What an orphan was claimed with is no measure: its task may be another one by now, under the same id.
            if present.task.claim.attempt > task.claim.attempt, !isOrphan { return .stale }
            if present.isContinued(by: task) {
                self.runs[run]!.task.claim = task.claim
                self.runs[run]!.task.leaseUntil = task.leaseUntil
                self.scheduleExtension(run, leaseUntil: task.leaseUntil, now: now)
                if isOrphan { self.takeUp(run, now: now) }
                if present.phase == .proving { self.start(run, now: now, &work) }
                return .accepted
            }
            if present.hasJob { work.abandoned.append(run) }
            self.remove(run)
        }
        if let refusal = self.refusal(of: task.definition, now) {
            self.counters[.deferred] += 1
            return refusal
        }
        let run = self.nextRun
        self.nextRun += 1
        self.add(run, TaskRun(task: task, phase: .early, startedAt: now.wall))
        self.scheduleExtension(run, leaseUntil: task.leaseUntil, now: now)
        self.start(run, now: now, &work)
        return .accepted
    }

    /// Whether it is this controller that tasks of a limited function should go to: not if it would send all of them
    /// back for the sake of their function, for others may have room in their parts of the limit.
    package func mayTake(_ tasks: [ClaimedTask], now: Now) -> Bool {
        tasks.contains { self.runOfTask[$0.id] != nil || self.refusal(of: $0.definition, now) != .deferredFunction }
    }

    private func refusal(of definition: TaskDefinition, _ now: Now) -> HandOverAnswer? {
        let bytes = definition.weightBytes
        guard self.phase == .running, self.isConnected, self.settings != nil,
            self.runs.count < self.policy.inHandTasks,
            self.runs.isEmpty || self.bytesInHand + bytes <= self.policy.inHandBytes
        else { return .deferred }
        let inHand = self.functions[definition.function] ?? FunctionInHand()
        guard self.hasRoom(for: inHand), self.mayWait(definition.function, inHand, now) else {
            return .deferredFunction
        }
        return nil
    }

    /// Whether another task of a function may be in hand.
    ///
    /// A function that gets on may have its full share of tasks whose jobs are not over, and with those that wait to be
    /// settled half of the room: where the store is slow, jobs need not be. The others may have their share until they
    /// fill half of the room; then each of them may have a few, and of the last quarter one, so that whoever comes can
    /// show that it gets on.
    private func hasRoom(for function: FunctionInHand) -> Bool {
        let policy = self.policy
        if function.provenAt != nil {
            return function.unended < policy.inHandPerFunction && 2 * function.runs < policy.inHandTasks
        }
        let isFilled = { (quarters: Int) in
            self.unproven.runs >= max(1, policy.inHandTasks * quarters / 4)
                || self.unproven.bytes >= policy.inHandBytes / 4 * quarters
        }
        return function.runs
            < (isFilled(3) ? 1 : isFilled(2) ? min(8, policy.inHandPerFunction) : policy.inHandPerFunction)
    }

    // MARK: - Accounts

    /// Where a run lies: what is changed there is not copied.
    func place(of run: RunID) -> Dictionary<RunID, TaskRun>.Index {
        guard let place = self.runs.index(forKey: run) else { preconditionFailure("Invalid state: no run \(run)") }
        return place
    }

    /// Where that lies which is known of a function.
    private func place(of function: FunctionName) -> Dictionary<FunctionName, FunctionInHand>.Index {
        guard let place = self.functions.index(forKey: function) else {
            preconditionFailure("Nothing of \(function) is in hand")
        }
        return place
    }

    private mutating func add(_ run: RunID, _ task: TaskRun) {
        let definition = task.task.definition
        self.runs[run] = task
        self.runOfTask[task.task.id] = run
        self.bytesInHand += definition.weightBytes
        if !self.functions[definition.function, default: FunctionInHand()].add(task) {
            self.unproven.runs += 1
            self.unproven.bytes += definition.weightBytes
        }
    }

    mutating func remove(_ run: RunID) {
        guard let task = self.runs.removeValue(forKey: run) else { return }
        let definition = task.task.definition
        self.runOfTask[task.task.id] = nil
        if case .workerless = task.phase { self.workerless.remove(run) }
        self.bytesInHand -= definition.weightBytes
        if !self.functions.values[self.place(of: definition.function)].remove(task) {
            self.unproven.runs -= 1
            self.unproven.bytes -= definition.weightBytes
            self.forgetIfIdle(definition.function)
        }
        if task.hasJob { self.freed.append(definition.function) }
        // Timers of runs that ended lie in the heap until they fire, and a timeout may be days away.
        if self.timers.count > 64 + 4 * self.runs.count {
            let runs = self.runs
            self.timers.keep { moment, value in runs[value.run].map { $0.expects(value.kind, at: moment) } ?? false }
        }
    }

    mutating func move(_ run: RunID, to phase: TaskRun.Phase) {
        let (old, function) = self.runs.values[self.place(of: run)].move(to: phase)
        self.functions.values[self.place(of: function)].moved(from: old, to: phase)
        if old == .submitted { self.freed.append(function) }
        if case .workerless = old { self.workerless.remove(run) }
        if case .workerless = phase { self.workerless.insert(run) }
    }

    /// A worker answered a job of this function.
    mutating func gotOn(_ name: FunctionName, _ now: Now) {
        guard let place = self.functions.index(forKey: name) else { return }
        if self.functions.values[place].gotOn(at: now.monotonic) { return }
        self.unproven.runs -= self.functions.values[place].runs
        self.unproven.bytes -= self.functions.values[place].bytes
    }

    /// Functions of which no job was answered lately no longer get on.
    mutating func forgetProofs(_ now: Now) {
        for (name, function) in self.functions {
            guard let provenAt = function.provenAt, provenAt.duration(to: now.monotonic) >= self.policy.provenFor else {
                continue
            }
            self.functions[name]!.provenAt = nil
            self.unproven.runs += function.runs
            self.unproven.bytes += function.bytes
            self.forgetIfIdle(name)
        }
    }

    mutating func forgetIfIdle(_ name: FunctionName) {
        guard let function = self.functions[name], function.runs == 0, function.provenAt == nil,
            self.settings?[name] == nil
        else { return }
        self.functions[name] = nil
    }
}
