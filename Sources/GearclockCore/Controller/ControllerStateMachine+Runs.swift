/// The life of a run: started, ended.
extension ControllerStateMachine {
    /// Starts a run unless it is too early for it.
    ///
    /// - Parameter isProven: the store has just extended its lease.
    mutating func start(_ run: RunID, isProven: Bool = false, now: Now, _ work: inout Work) {
        let task = self.runs[run]!
        let definition = task.task.definition
        if now.wall < definition.dueAt {
            self.awaitDue(run, now: now)
        } else if self.isLeaseTooShort(task, now) {
            self.end(run, .release(at: definition.dueAt))
        } else if !isProven, task.task.leaseUntil < now.wall.advanced(by: self.policy.lease.startWhenLeft) {
            self.move(run, to: .proving)
            self.runs[run]!.extendAt = nil
            self.extendable.append(run)
        } else if task.mayHaveStarted, definition.gearsloth?.controller == nil {
            self.ask(run, .first(unanswered: 0), &work)
        } else {
            self.launch(run, task, unique: task.unique, now: now, &work)
        }
    }

    private mutating func awaitDue(_ run: RunID, now: Now) {
        self.move(run, to: .early)
        // Looked at again within a second, because the wall clock may be moved in the meantime.
        let wait = min(now.wall.duration(to: self.runs[run]!.task.dueAt), .seconds(1))
        self.timers.insert(now.monotonic.advanced(by: wait), (run, .due))
    }

    /// This process may have been frozen since it accepted the task, and somebody else may run it by now.
    private func isLeaseTooShort(_ run: TaskRun, _ now: Now) -> Bool {
        run.task.leaseUntil < now.wall.advanced(by: self.policy.lease.startMargin)
    }

    mutating func ask(_ run: RunID, _ question: TaskRun.Question, _ work: inout Work) {
        self.move(run, to: .asking(question))
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
            self.submit(run, task, unique: task.unique, joining: status, now: now, &work)
        case (.first, .absent), (.first, .abandoned):
            if task.mayHaveSecondName {
                self.ask(run, .second(isFirstFree: job == .absent, unanswered: 0), &work)
            } else {
                self.launch(run, task, unique: job == .absent ? task.unique : task.secondUnique, now: now, &work)
            }
        case (.second, .alive):
            self.submit(run, task, unique: task.secondUnique, joining: status, now: now, &work)
        case (.second(isFirstFree: true, _), .absent), (.second(isFirstFree: true, _), .abandoned):
            self.launch(run, task, unique: task.unique, now: now, &work)
        case (.second(isFirstFree: false, _), .absent):
            self.launch(run, task, unique: task.secondUnique, now: now, &work)
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
            let task = self.runs[run]!
            self.launch(run, task, unique: task.unique, now: now, &work)
        } else {
            self.move(run, to: .asking(question))
            self.timers.insert(now.monotonic.advanced(by: self.policy.lostJobPause), (run, .ask))
        }
    }

    /// Has a new job submitted, unless it is too late for it, as soon as its function may start one.
    private mutating func launch(
        _ run: RunID, _ task: TaskRun, unique: [UInt8], now: Now, _ work: inout Work
    ) {
        if let change = self.refusal(ofStarting: task, now) {
            self.end(run, change)
        } else if self.mustAwaitWorker(task, now) {
            self.move(run, to: .workerless(unique: unique, since: now.monotonic))
            self.wantsServers = true
        } else {
            self.enqueue(run, task, unique: unique, now: now, &work)
        }
    }

    /// Why a new job must not be submitted now, and what becomes of its task; `nil`: it may.
    func refusal(ofStarting task: TaskRun, _ now: Now) -> Settlement.Change? {
        let definition = task.task.definition
        // The clock may have been set back while it waited.
        if self.isLeaseTooShort(task, now) || now.wall < definition.dueAt { return .release(at: definition.dueAt) }
        if let change = self.expiry(of: task, now) { return change }
        if let attempts = definition.retry.maxAttempts, task.task.failures >= attempts {
            // Only after the last hand-out to a custom controller, which had its time to eject the task.
            let record = task.record(.handedOut, endedAt: now.wall)
            return .discard(keepUntil: now.wall.advanced(by: self.policy.retention.failed), record)
        }
        return self.isShut(definition.function) ? .release(at: definition.dueAt) : nil
    }

    func expiry(of task: TaskRun, _ now: Now) -> Settlement.Change? {
        guard let expiresAt = task.task.definition.expiresAt, expiresAt < now.wall else { return nil }
        let record = task.record(.expired, endedAt: now.wall)
        return .expire(keepUntil: now.wall.advanced(by: self.policy.retention.failed), record)
    }

    /// Gives a job to the job server, or joins the one that is there.
    mutating func submit(
        _ run: RunID, _ submitted: TaskRun, unique: [UInt8], joining job: JobStatus? = nil, now: Now,
        _ work: inout Work
    ) {
        self.move(run, to: .submitted)
        let place = self.place(of: run)
        self.runs.values[place].startedAt = now.wall
        self.runs.values[place].jobUnique = unique
        self.runs.values[place].otherClients = job?.clients ?? 0
        let task = submitted.task
        let controller = task.definition.gearsloth?.controller
        self.lateness.record(task.dueAt.duration(to: now.wall))
        self.counters[.started] += 1
        if job != nil { self.counters[.adopted] += 1 }
        if let timeout = task.definition.timeout { self.setDeadline(run, now.monotonic.advanced(by: timeout)) }
        work.submissions.append(
            JobSubmission(
                run: run, function: controller ?? task.definition.function, unique: unique,
                payload: controller == nil ? task.definition.payload : [], priority: task.definition.priority,
                customController: controller == nil ? nil : task))
    }

    // MARK: - Orphans

    /// Nobody extends the lease of an orphan, so nobody would find out that its job server has forgotten the job, or
    /// that another controller has taken it over and counts it.
    mutating func lookForOrphan(_ run: RunID, _ now: Now, _ work: inout Work) {
        work.checked.append(run)
        work.questions.append(StatusQuestion(run: run, unique: self.runs[run]!.jobUnique))
        self.scheduleExtension(run, leaseUntil: now.wall.advanced(by: self.policy.lease.lease), now: now)
    }

    /// What the job servers say about the job of an orphan.
    mutating func orphanFound(_ run: RunID, _ status: JobStatus?, _ work: inout Work) {
        let others = self.runs[run]!.otherClients
        // This controller itself is one of those who wait for it.
        guard let status, status.clients > others, status.clients - others > 1 else { return }
        work.abandoned.append(run)
        self.remove(run)
    }

    /// A newer claim of an orphan's run came here: what its job answers counts again.
    mutating func takeUp(_ run: RunID, now: Now) {
        self.move(run, to: .submitted)
        self.setDeadline(run, self.runs[run]!.task.definition.timeout.map { now.monotonic.advanced(by: $0) })
    }

    /// - Parameter outcome: it changes nothing any more.
    mutating func orphanEnded(_ run: RunID, _ outcome: JobOutcome, _ now: Now) {
        switch outcome {
        case .completed, .failed, .exception: self.gotOn(self.runs[run]!.task.definition.function, now)
        case .lost, .refused: break
        }
        self.remove(run)
    }

    /// Timers for another moment are late ones.
    private mutating func setDeadline(_ run: RunID, _ deadline: MonotonicInstant?) {
        self.runs.values[self.place(of: run)].deadline = deadline
        if let deadline { self.timers.insert(deadline, (run, .deadline)) }
    }

    // MARK: - The end

    /// An attempt ended without success. What that counts as, its policy says.
    mutating func endAttempt(
        _ run: RunID, _ kind: OutcomePolicy.Kind, _ message: [UInt8] = [], now: Now,
        using random: inout some RandomNumberGenerator
    ) {
        let task = self.runs[run]!
        let retry = task.task.definition.retry
        let failures = task.task.failures.addingReportingOverflow(1).partialValue
        let record = task.record(kind.recorded, message, endedAt: now.wall)
        let discarded = Settlement.Change.discard(
            keepUntil: now.wall.advanced(by: self.policy.retention.failed), record)
        self.counters[kind.counted] += 1
        switch retry.outcomes[kind] {
        case .retry:
            let decision = retry.decide(
                failures: failures, startedAt: record.startedAt, createdAt: task.task.definition.createdAt,
                now: now.wall, using: &random)
            switch decision {
            case .retry(let at): self.end(run, .retry(at: at, record))
            case .discard: self.end(run, discarded)
            }
        case .discard:
            self.end(run, discarded)
        case .release, nil:
            // Without an entry in the history: a job server that comes and goes for a day would push out of it what
            // the function itself has said.
            var pause = self.lostJobPause(using: &random)
            if kind != .lost {
                let wait = retry.wait(
                    failures: failures, startedAt: record.startedAt, now: now.wall, using: &random)
                pause = max(pause, wait)
            }
            self.end(run, .release(at: min(now.wall.advanced(by: pause), .latestDue)))
        }
    }

    /// By chance, so that what was lost together does not come back together.
    func lostJobPause(using random: inout some RandomNumberGenerator) -> Duration {
        .fromSeconds(self.policy.lostJobPause.inSeconds * Double.random(in: 0.5...1, using: &random))
    }

    /// It keeps its due time, and so its place.
    mutating func giveBack(_ run: RunID) {
        self.end(run, .release(at: self.runs[run]!.task.dueAt))
    }

    mutating func end(_ run: RunID, _ change: Settlement.Change) {
        switch change {
        case .retry: self.counters[.retried] += 1
        case .discard: self.counters[.discarded] += 1
        case .expire: self.counters[.expired] += 1
        case .complete, .release: break
        }
        self.move(run, to: .ended(change))
        self.unsettled.append(run)
    }
}

extension OutcomePolicy.Kind {
    fileprivate var recorded: AttemptOutcome {
        switch self {
        case .fail: .failed
        case .exception: .exception
        case .timeout: .timedOut
        case .lost: .lost
        case .noWorker: .noWorker
        }
    }

    fileprivate var counted: ControllerCounters.Event {
        switch self {
        case .fail: .failed
        case .exception: .exceptions
        case .timeout: .timedOut
        case .lost: .lost
        case .noWorker: .noWorker
        }
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
