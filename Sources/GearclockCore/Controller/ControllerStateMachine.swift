/// Decides how a claimed task is run through Gearman, how its lease is kept and how it is settled.
///
/// `ControllerService` in GearclockController performs it.
package struct ControllerStateMachine: Sendable {
    /// The number of a run in this process; the id of its job at the Gearman client.
    package typealias RunID = UInt64

    /// What the caller does next, in this order.
    package enum Action: Equatable, Sendable {
        /// Ask all job servers about the jobs with these unique ids. Report each by ``statusReplied(_:_:now:)``: a
        /// job that runs goes before one that waits; while no server knows the job and one cannot be asked, nobody
        /// answered.
        case askStatus([StatusQuestion])
        /// Submit jobs, each to the server that knew its unique id when it was asked, else to the one that all who
        /// submit it prefer: what runs at one server would be started once more at another one. Report by
        /// ``jobCreated(_:now:)`` and ``jobEnded(_:_:now:using:)``.
        case submit([JobSubmission])
        /// Ask whether the job servers still know these runs' jobs. Report by ``jobChecked(_:isKnown:now:using:)``.
        case checkJobs([RunID])
        /// Listen to these jobs no longer.
        case abandon([RunID])
        /// Extend leases. Report by ``extendReplied(_:now:using:)``.
        case extend([Claim], leaseUntil: Timestamp)
        /// Settle. Report by ``settleReplied(_:now:using:)``.
        case settle([Settlement])
        /// Call ``timerFired(now:using:)`` then; it replaces the timer set before.
        case setTimer(MonotonicInstant)
        /// Nothing is in hand any more, and nothing under way.
        case stopped
    }

    package struct StatusQuestion: Equatable, Sendable {
        package var run: RunID
        package var unique: [UInt8]

        package init(run: RunID, unique: [UInt8]) {
            self.run = run
            self.unique = unique
        }
    }

    package struct JobSubmission: Equatable, Sendable {
        package var run: RunID
        package var function: FunctionName
        package var unique: [UInt8]
        package var payload: [UInt8]
        package var priority: TaskPriority
        /// The task goes to a custom controller: `payload` is to be its gearsloth document, as a background job.
        package var customController: ClaimedTask?
    }

    /// What a job server said about a unique id.
    package struct JobStatus: Equatable, Sendable {
        package var isKnown: Bool
        package var isRunning: Bool
        /// Clients that wait for it.
        package var clients: UInt64

        package init(isKnown: Bool, isRunning: Bool, clients: UInt64) {
            self.isKnown = isKnown
            self.isRunning = isRunning
            self.clients = clients
        }
    }

    /// How a job ended.
    package enum JobOutcome: Equatable, Sendable {
        case completed
        case failed
        case exception([UInt8])
        /// The connection to the job server was lost: the job may still run, or never have run.
        case lost
        /// It was not submitted, for certain.
        case refused
    }

    enum Phase: Equatable {
        /// Can transition to: `draining` when a shutdown is asked for.
        case running
        /// Nothing is accepted; what runs may end. Can transition to: `stopped` when nothing is in hand.
        case draining
        case stopped
    }

    enum Timer: Equatable {
        case due, ask, extend, deadline
    }

    let policy: ControllerPolicy
    var phase = Phase.running
    var isConnected = false
    var runs: [RunID: TaskRun] = [:]
    var runOfTask: [TaskID: RunID] = [:]
    var nextRun: RunID = 0
    var countOfFunction: [FunctionName: Int] = [:]
    var bytesInHand = 0
    var timers = TimerHeap<MonotonicInstant, (run: RunID, kind: Timer)>()
    /// Runs that ended and are not being settled.
    var unsettled: [RunID] = []
    var settling: [(run: RunID, claim: Claim)] = []
    var settleBackoff = StoreBackoff()
    /// Runs whose lease has to be extended and is not being extended.
    var extendable: [RunID] = []
    var extending: [(run: RunID, claim: Claim)] = []
    var extendingUntil = Timestamp.distantPast
    var extendBackoff = StoreBackoff()
    /// Of the tasks submitted since ``takeLateness()``.
    var lateness = LatenessHistogram()

    package init(policy: ControllerPolicy = ControllerPolicy()) {
        self.policy = policy
    }

    /// Tasks that were accepted and are not settled yet.
    package var inHand: Int { self.runs.count }

    /// How late tasks were submitted since the last call.
    package mutating func takeLateness() -> LatenessHistogram {
        defer { self.lateness = LatenessHistogram() }
        return self.lateness
    }

    // MARK: - Events

    /// A job server can be reached, or none can.
    package mutating func connectivityChanged(isConnected: Bool) {
        self.isConnected = isConnected
    }

    /// A dispatcher handed tasks over. Tell it the answers before anything is performed: it waits for them, and what
    /// it does not hear about may be handed to another controller.
    package mutating func handedOver(_ tasks: [ClaimedTask], now: Now) -> (answers: [HandOverAnswer], actions: [Action])
    {
        var work = Work()
        let answers = tasks.map { self.accept($0, now: now, &work) }
        return (answers, self.proceed(work, now))
    }

    /// - Parameter status: `nil` if nobody answered.
    package mutating func statusReplied(_ run: RunID, _ status: JobStatus?, now: Now) -> [Action] {
        var work = Work()
        if let task = self.runs[run], case .asking(let question) = task.phase {
            self.answered(run, question, status, now: now, &work)
        }
        return self.proceed(work, now)
    }

    /// The job server has a job. For a custom controller's background job that is all there is to wait for.
    package mutating func jobCreated(_ run: RunID, now: Now) -> [Action] {
        if let task = self.runs[run], task.phase == .submitted, task.task.definition.gearsloth?.controller != nil {
            let pause = task.task.definition.retry.handOutPause
            self.end(run, .retry(at: now.wall.advanced(by: pause), task.record(.handedOut, endedAt: now.wall)))
        }
        return self.proceed(Work(), now)
    }

    /// The job of a run ended, or will never start.
    package mutating func jobEnded(
        _ run: RunID, _ outcome: JobOutcome, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        self.jobsEnded([(run, outcome)], now: now, using: &random)
    }

    /// Several jobs ended at once: they are settled in one batch.
    package mutating func jobsEnded(
        _ jobs: [(run: RunID, outcome: JobOutcome)], now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        for (run, outcome) in jobs {
            // A late event of a job that was abandoned, or that several submissions share, means nothing any more.
            guard let task = self.runs[run], task.phase == .submitted else { continue }
            switch outcome {
            case .completed:
                let retain = task.task.definition.retain
                self.end(run, .complete(keepUntil: retain > .zero ? now.wall.advanced(by: retain) : nil))
            case .failed:
                self.endFailed(run, task.record(.failed, endedAt: now.wall), now: now, using: &random)
            case .exception(let message):
                self.endFailed(run, task.record(.exception, message, endedAt: now.wall), now: now, using: &random)
            case .lost, .refused:
                // Not the function's failure: it is run again until there is an answer.
                let pause = self.policy.lostJobPause.inSeconds * Double.random(in: 0.5...1, using: &random)
                self.end(run, .release(at: now.wall.advanced(by: .fromSeconds(pause))))
            }
        }
        return self.proceed(Work(), now)
    }

    /// - Parameter isKnown: whether the job server knows the job; `nil` if nobody answered.
    package mutating func jobChecked(
        _ run: RunID, isKnown: Bool?, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        // A job that ends tells so before its server forgets it. One that is forgotten without a word is lost: it was
        // dropped by the server (cancelled by an operator, or joined in the moment in which it was abandoned).
        isKnown == false ? self.jobEnded(run, .lost, now: now, using: &random) : self.proceed(Work(), now)
    }

    package mutating func extendReplied(
        _ reply: Result<[FencedOutcome], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(!self.extending.isEmpty, "Nothing is being extended")
        var work = Work()
        let extended = self.extending
        self.extending = []
        switch reply {
        case .success(let outcomes):
            precondition(outcomes.count == extended.count)
            self.extendBackoff.succeeded()
            for ((run, claim), outcome) in zip(extended, outcomes) where self.runs[run]?.task.claim == claim {
                switch outcome {
                case .done:
                    self.runs[run]!.task.leaseUntil = max(self.runs[run]!.task.leaseUntil, self.extendingUntil)
                    self.scheduleExtension(run, now: now)
                case .stale:
                    // It was cancelled, or somebody else has it. What the job answers is no longer ours to settle.
                    if self.runs[run]!.phase == .submitted { work.abandoned.append(run) }
                    self.remove(run)
                }
            }
        case .failure(let error):
            self.extendBackoff.failed(error, now: now.monotonic, using: &random)
            self.extendable = extended.map(\.run).filter { self.runs[$0] != nil } + self.extendable
        }
        return self.proceed(work, now)
    }

    package mutating func settleReplied(
        _ reply: Result<[FencedOutcome], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(!self.settling.isEmpty, "Nothing is being settled")
        let settled = self.settling
        self.settling = []
        switch reply {
        case .success(let outcomes):
            precondition(outcomes.count == settled.count)
            self.settleBackoff.succeeded()
            for (run, claim) in settled {
                // A newer claim of the same task may have come while the older one was being settled.
                guard let present = self.runs[run] else { continue }
                if present.task.claim == claim { self.remove(run) } else { self.unsettled.append(run) }
            }
        case .failure(let error):
            // Repeating is harmless: if it was done, the claim no longer holds and nothing happens.
            self.settleBackoff.failed(error, now: now.monotonic, using: &random)
            self.unsettled = settled.map(\.run) + self.unsettled
        }
        return self.proceed(Work(), now)
    }

    package mutating func timerFired(now: Now, using random: inout some RandomNumberGenerator) -> [Action] {
        var work = Work()
        while let first = self.timers.first, first.moment <= now.monotonic {
            _ = self.timers.removeFirst()
            let run = first.value.run
            guard let task = self.runs[run], task.expects(first.value.kind, at: first.moment) else { continue }
            switch first.value.kind {
            case .due:
                self.start(run, now: now, &work)
            case .ask:
                if case .asking(let question) = task.phase { self.ask(run, question, &work) }
            case .extend:
                self.runs[run]!.extendAt = nil
                self.extendable.append(run)
                if task.phase == .submitted { work.checked.append(run) }
            case .deadline:
                work.abandoned.append(run)
                self.endFailed(run, task.record(.timedOut, endedAt: now.wall), now: now, using: &random)
            }
        }
        return self.proceed(work, now)
    }

    /// Accepts nothing more, gives back what was not started and waits for what runs.
    package mutating func shutdownRequested(now: Now) -> [Action] {
        if self.phase == .running { self.phase = .draining }
        for (run, task) in self.runs.sorted(by: { $0.key < $1.key }) {
            switch task.phase {
            case .early, .asking: self.end(run, .release(at: task.task.dueAt))
            case .submitted, .ended: break
            }
        }
        return self.proceed(Work(), now)
    }

    /// What still runs is given back at once: another controller finds its job and waits for it.
    package mutating func drainTimeExpired(now: Now) -> [Action] {
        var work = Work()
        for (run, task) in self.runs.sorted(by: { $0.key < $1.key }) where task.phase == .submitted {
            work.abandoned.append(run)
            self.end(run, .release(at: task.task.dueAt))
        }
        return self.proceed(work, now)
    }
}
