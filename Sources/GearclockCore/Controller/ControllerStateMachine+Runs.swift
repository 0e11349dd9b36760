/// The life of a run: accepted, started, ended, settled.
extension ControllerStateMachine {
    /// What one event brought together; it leaves as one action of each kind.
    struct Work {
        var questions: [StatusQuestion] = []
        var submissions: [JobSubmission] = []
        var checked: [RunID] = []
        var abandoned: [RunID] = []
    }

    mutating func accept(_ task: ClaimedTask, now: Now, _ work: inout Work) -> HandOverAnswer {
        if task.leaseUntil < now.wall.advanced(by: self.policy.lease.startMargin) { return .stale }
        if let run = self.runOfTask[task.id], let present = self.runs[run] {
            if present.task.claim.attempt > task.claim.attempt { return .stale }
            if present.task.claim == task.claim { return .accepted }
            if present.isContinued(by: task) {
                self.runs[run]!.task.claim = task.claim
                self.runs[run]!.task.leaseUntil = task.leaseUntil
                self.scheduleExtension(run, now: now)
                return .accepted
            }
            if present.phase == .submitted { work.abandoned.append(run) }
            self.remove(run)
        }
        let bytes = task.definition.weightBytes
        guard self.phase == .running, self.isConnected, self.runs.count < self.policy.inHandTasks,
            self.runs.isEmpty || self.bytesInHand + bytes <= self.policy.inHandBytes
        else { return .deferred }
        guard self.countOfFunction[task.definition.function, default: 0] < self.policy.inHandPerFunction else {
            return .deferredFunction
        }
        let run = self.nextRun
        self.nextRun += 1
        self.runs[run] = TaskRun(task: task, phase: .early, startedAt: now.wall)
        self.runOfTask[task.id] = run
        self.countOfFunction[task.definition.function, default: 0] += 1
        self.bytesInHand += bytes
        self.scheduleExtension(run, now: now)
        self.start(run, now: now, &work)
        return .accepted
    }

    /// Starts a run unless it is too early for it.
    mutating func start(_ run: RunID, now: Now, _ work: inout Work) {
        let task = self.runs[run]!
        let definition = task.task.definition
        if now.wall < definition.dueAt {
            self.awaitDue(run, now: now)
        } else if self.isLeaseTooShort(task, now) {
            self.end(run, .release(at: definition.dueAt))
        } else if task.mayHaveStarted, definition.gearsloth?.controller == nil {
            self.ask(run, .first(unanswered: 0), &work)
        } else {
            self.launch(run, unique: task.unique, now: now, &work)
        }
    }

    private mutating func awaitDue(_ run: RunID, now: Now) {
        self.runs[run]!.phase = .early
        // Looked at again within a second, because the wall clock may be moved in the meantime.
        let wait = min(now.wall.duration(to: self.runs[run]!.task.dueAt), .seconds(1))
        self.timers.insert(now.monotonic.advanced(by: wait), (run, .due))
    }

    /// This process may have been frozen since it accepted the task, and somebody else may run it by now.
    private func isLeaseTooShort(_ run: TaskRun, _ now: Now) -> Bool {
        run.task.leaseUntil < now.wall.advanced(by: self.policy.lease.startMargin)
    }

    mutating func ask(_ run: RunID, _ question: TaskRun.Question, _ work: inout Work) {
        self.runs[run]!.phase = .asking(question)
        let task = self.runs[run]!
        switch question {
        case .first: work.questions.append(StatusQuestion(run: run, unique: task.unique))
        case .second: work.questions.append(StatusQuestion(run: run, unique: task.secondUnique))
        }
    }

    /// What the job server says about an earlier job decides: join it, start another one, or wait.
    mutating func answered(
        _ run: RunID, _ question: TaskRun.Question, _ status: JobStatus?, now: Now, _ work: inout Work
    ) {
        let task = self.runs[run]!
        if self.isLeaseTooShort(task, now) { return self.end(run, .release(at: task.task.dueAt)) }
        // The clock may have been set back since the question was asked.
        if now.wall < task.task.dueAt { return self.awaitDue(run, now: now) }
        let job = TaskRun.EarlierJob(status)
        switch (question, job) {
        case (.first(let unanswered), .unanswered):
            self.askAgain(run, .first(unanswered: unanswered + 1), unanswered + 1, now: now, &work)
        case (.second(let isFirstFree, let unanswered), .unanswered):
            let question = TaskRun.Question.second(isFirstFree: isFirstFree, unanswered: unanswered + 1)
            self.askAgain(run, question, unanswered + 1, now: now, &work)
        case (.first, .alive):
            self.submit(run, unique: task.unique, now: now, &work)
        case (.first, .absent), (.first, .abandoned):
            if task.mayHaveSecondName {
                self.ask(run, .second(isFirstFree: job == .absent, unanswered: 0), &work)
            } else {
                self.launch(run, unique: job == .absent ? task.unique : task.secondUnique, now: now, &work)
            }
        case (.second, .alive):
            self.submit(run, unique: task.secondUnique, now: now, &work)
        case (.second(isFirstFree: true, _), .absent), (.second(isFirstFree: true, _), .abandoned):
            self.launch(run, unique: task.unique, now: now, &work)
        case (.second(isFirstFree: false, _), .absent):
            self.launch(run, unique: task.secondUnique, now: now, &work)
        case (.second(isFirstFree: false, _), .abandoned):
            // Both are free as soon as a worker comes that far in the queue.
            self.end(run, .release(at: now.wall.advanced(by: self.policy.lostJobPause)))
        }
    }

    /// Nobody answered. A job server that cannot answer this question at all must not hold up the task for ever.
    private mutating func askAgain(
        _ run: RunID, _ question: TaskRun.Question, _ unanswered: Int, now: Now, _ work: inout Work
    ) {
        if unanswered > self.policy.unansweredQuestions {
            self.launch(run, unique: self.runs[run]!.unique, now: now, &work)
        } else {
            self.runs[run]!.phase = .asking(question)
            self.timers.insert(now.monotonic.advanced(by: self.policy.lostJobPause), (run, .ask))
        }
    }

    /// Gives a new job to the job server, unless it is too late for it.
    private mutating func launch(_ run: RunID, unique: [UInt8], now: Now, _ work: inout Work) {
        let task = self.runs[run]!
        let definition = task.task.definition
        if let expiresAt = definition.expiresAt, expiresAt < now.wall {
            self.end(run, .expire(keepUntil: now.wall.advanced(by: self.policy.retention.failed)))
        } else if let attempts = definition.retry.maxAttempts, task.task.failures >= attempts {
            // Only after the last hand-out to a custom controller, which had its time to eject the task.
            let record = task.record(.handedOut, endedAt: now.wall)
            self.end(run, .discard(keepUntil: now.wall.advanced(by: self.policy.retention.failed), record))
        } else {
            self.submit(run, unique: unique, now: now, &work)
        }
    }

    /// Gives a job to the job server, or joins the one that is there.
    mutating func submit(_ run: RunID, unique: [UInt8], now: Now, _ work: inout Work) {
        let task = self.runs[run]!.task
        let controller = task.definition.gearsloth?.controller
        self.runs[run]!.phase = .submitted
        self.runs[run]!.startedAt = now.wall
        self.lateness.record(task.dueAt.duration(to: now.wall))
        if let timeout = task.definition.timeout {
            let deadline = now.monotonic.advanced(by: timeout)
            self.runs[run]!.deadline = deadline
            self.timers.insert(deadline, (run, .deadline))
        }
        work.submissions.append(
            JobSubmission(
                run: run, function: controller ?? task.definition.function, unique: unique,
                payload: controller == nil ? task.definition.payload : [], priority: task.definition.priority,
                customController: controller == nil ? nil : task))
    }

    mutating func endFailed(
        _ run: RunID, _ record: AttemptRecord, now: Now, using random: inout some RandomNumberGenerator
    ) {
        let task = self.runs[run]!.task
        let decision = task.definition.retry.decide(
            failures: task.failures.addingReportingOverflow(1).partialValue, startedAt: record.startedAt,
            createdAt: task.definition.createdAt, now: now.wall, using: &random)
        switch decision {
        case .retry(let at):
            self.end(run, .retry(at: at, record))
        case .discard:
            self.end(run, .discard(keepUntil: now.wall.advanced(by: self.policy.retention.failed), record))
        }
    }

    mutating func end(_ run: RunID, _ change: Settlement.Change) {
        self.runs[run]!.phase = .ended(change)
        self.unsettled.append(run)
    }

    mutating func remove(_ run: RunID) {
        guard let task = self.runs.removeValue(forKey: run) else { return }
        self.runOfTask[task.task.id] = nil
        self.bytesInHand -= task.task.definition.weightBytes
        let function = task.task.definition.function
        let count = self.countOfFunction[function, default: 0] - 1
        self.countOfFunction[function] = count > 0 ? count : nil
        // Timers of runs that ended lie in the heap until they fire, and a timeout may be days away.
        if self.timers.count > 64 + 4 * self.runs.count {
            let runs = self.runs
            self.timers.keep { moment, value in runs[value.run].map { $0.expects(value.kind, at: moment) } ?? false }
        }
    }

    mutating func scheduleExtension(_ run: RunID, now: Now) {
        let left = now.wall.duration(to: self.runs[run]!.task.leaseUntil)
        let wait = max(.milliseconds(100), left - self.policy.lease.extendWhenLeft)
        let extendAt = now.monotonic.advanced(by: wait)
        self.runs[run]!.extendAt = extendAt
        self.timers.insert(extendAt, (run, .extend))
    }

    /// Turns what has come together into actions, and looks what else can be done now.
    mutating func proceed(_ work: Work, _ now: Now) -> [Action] {
        var actions: [Action] = []
        if !work.abandoned.isEmpty { actions.append(.abandon(work.abandoned)) }
        if !work.submissions.isEmpty { actions.append(.submit(work.submissions)) }
        if !work.questions.isEmpty { actions.append(.askStatus(work.questions)) }
        if !work.checked.isEmpty { actions.append(.checkJobs(work.checked)) }
        if let settlements = self.nextSettlements(now) { actions.append(.settle(settlements)) }
        if let claims = self.nextExtensions(now) { actions.append(.extend(claims, leaseUntil: self.extendingUntil)) }
        self.checkInvariants()
        switch self.phase {
        case .running:
            break
        case .draining:
            if self.runs.isEmpty, self.settling.isEmpty, self.extending.isEmpty {
                self.phase = .stopped
                return actions + [.stopped]
            }
        case .stopped:
            return actions
        }
        if let timer = self.nextTimer(now) { actions.append(.setTimer(timer)) }
        return actions
    }

    private mutating func nextSettlements(_ now: Now) -> [Settlement]? {
        guard self.settling.isEmpty, !self.unsettled.isEmpty, self.settleBackoff.permits(now.monotonic) else {
            return nil
        }
        var settlements: [Settlement] = []
        var taken = 0
        for run in self.unsettled {
            if settlements.count == Limits.settleBatch { break }
            taken += 1
            guard let task = self.runs[run], case .ended(let change) = task.phase else { continue }
            self.settling.append((run, task.task.claim))
            settlements.append(Settlement(task.task.claim, change))
        }
        self.unsettled.removeFirst(taken)
        return settlements.isEmpty ? nil : settlements
    }

    private mutating func nextExtensions(_ now: Now) -> [Claim]? {
        guard self.extending.isEmpty, !self.extendable.isEmpty, self.extendBackoff.permits(now.monotonic) else {
            return nil
        }
        var taken = 0
        for run in self.extendable {
            if self.extending.count == Limits.settleBatch { break }
            taken += 1
            guard let task = self.runs[run] else { continue }
            switch task.phase {
            case .early, .asking, .submitted: self.extending.append((run, task.task.claim))
            case .ended: break
            }
        }
        self.extendable.removeFirst(taken)
        self.extendingUntil = now.wall.advanced(by: self.policy.lease.lease)
        return self.extending.isEmpty ? nil : self.extending.map(\.claim)
    }

    private func nextTimer(_ now: Now) -> MonotonicInstant? {
        var moments: [MonotonicInstant] = []
        if let first = self.timers.first { moments.append(first.moment) }
        if !self.unsettled.isEmpty, self.settling.isEmpty, let notBefore = self.settleBackoff.notBefore {
            moments.append(notBefore)
        }
        if !self.extendable.isEmpty, self.extending.isEmpty, let notBefore = self.extendBackoff.notBefore {
            moments.append(notBefore)
        }
        return moments.min()
    }

    private func checkInvariants() {
        precondition(self.runs.count == self.runOfTask.count && self.bytesInHand >= 0)
        precondition(self.runs.count <= self.policy.inHandTasks, "More tasks in hand than there is room for")
    }
}

extension RetryPolicy {
    /// How long a custom controller has to eject a task before it is handed out again.
    package var handOutPause: Duration {
        switch self.backoff {
        case .rounds(_, let pause): pause
        case .exponential, .linear, .list: .seconds(1000)
        }
    }
}
