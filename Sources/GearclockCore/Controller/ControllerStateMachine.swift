/// Decides how a claimed task is run through Gearman, how its lease is kept and how it is settled.
///
/// `ControllerService` in GearclockController performs it. `+Acceptance` has what is taken, `+Limits` what may start,
/// `+Runs` the life of a run, `+Store` what the store is asked and told.
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
        /// Ask where these runs' jobs are. Report by ``jobChecked(_:_:now:using:)``.
        case checkJobs([RunID])
        /// Listen to these jobs no longer.
        case abandon([RunID])
        /// Extend leases. Report by ``extendReplied(_:now:using:)``.
        case extend([Claim], leaseUntil: Timestamp)
        /// Settle. Report by ``settleReplied(_:now:using:)``.
        case settle([Settlement])
        /// Say in the membership table that this controller lives. Report by ``beatReplied(_:now:using:)``.
        case beat
        /// Say there that it goes. Report by ``leaveReplied(now:)``.
        case leave
        /// Read what operators want of functions. Report by ``settingsReplied(_:now:)``.
        case readSettings
        /// Take hand-overs that are meant for those who have a part of the limits in these lanes, and in no others.
        case serve([Lane])
        /// Ask all job servers for their queues and workers. Report by ``serversReplied(_:now:using:)``.
        case askServers
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

    /// What its job server said about a job.
    package enum JobPlace: Equatable, Sendable {
        /// It does not know the job.
        case nowhere
        /// No worker has it.
        case queue
        case worker
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

    /// What the job servers said about their functions.
    package struct ServerReport: Equatable, Sendable {
        package struct Function: Equatable, Sendable {
            /// Jobs that no worker has, at the server that has the most.
            package var queued: Int
            /// Workers at all servers.
            package var workers: Int

            package init(queued: Int, workers: Int) {
                self.queued = queued
                self.workers = workers
            }
        }

        package var functions: [FunctionName: Function]
        /// All servers answered.
        package var isComplete: Bool

        package init(functions: [FunctionName: Function], isComplete: Bool) {
            self.functions = functions
            self.isComplete = isComplete
        }
    }

    enum Phase: Equatable {
        /// Can transition to: `draining` when a shutdown is asked for.
        case running
        /// Nothing is accepted; what runs may end. Can transition to: `leaving` when nothing is in hand.
        case draining
        /// The others are being told. Can transition to: `stopped` when they were.
        case leaving
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
    var bytesInHand = 0
    var timers = TimerHeap<MonotonicInstant, (run: RunID, kind: Timer)>()

    // What the store is asked and told
    /// Runs that ended and are not being settled.
    var unsettled: [RunID] = []
    var settling: [(run: RunID, claim: Claim)] = []
    var settleBackoff = StoreBackoff()
    /// Runs whose lease has to be extended and is not being extended.
    var extendable: [RunID] = []
    var extending: [(run: RunID, claim: Claim)] = []
    var extendingUntil = Timestamp.distantPast
    var extendBackoff = StoreBackoff()

    // Limits
    var membership: MembershipStateMachine
    var membershipTimer: MonotonicInstant?
    /// What operators want of functions; `nil` until that is known, and nothing is accepted until then.
    var settings: [FunctionName: FunctionSettings]?
    var isReadingSettings = false
    /// Functions that have a limit, or had one: hand-overs for those who have a part of it may still be on their way.
    var limited: Set<FunctionName> = []
    /// The lanes of those of which this controller may start something.
    var served: [Lane] = []
    /// What is in hand by function, those with a limit and those that got on lately included.
    var functions: [FunctionName: FunctionInHand] = [:]
    /// Of functions that did not get on lately.
    var unproven = (runs: 0, bytes: 0)
    /// Functions of which something may start that could not before.
    var freed: [FunctionName] = []
    var tokenTimers = TimerHeap<MonotonicInstant, FunctionName>()
    /// Runs that wait for a worker.
    var workerless: Set<RunID> = []
    /// The latest word of the job servers; `nil`: none of them answered, or none was asked lately.
    var servers: ServerReport?
    var serversAskedAt: MonotonicInstant?
    var isAskingServers = false
    /// Something waits for their next word.
    var wantsServers = false

    /// Of the tasks submitted since ``takeLateness()``.
    var lateness = LatenessHistogram()
    package internal(set) var counters = ControllerCounters()

    package init(owner: OwnerID, policy: ControllerPolicy = ControllerPolicy()) {
        self.policy = policy
        self.membership = MembershipStateMachine(id: owner, role: .controller, policy: policy.membership)
    }

    /// Who it is in the membership table.
    package var owner: OwnerID { self.membership.id }

    /// Tasks that were accepted and are not settled yet, and those whose jobs outlive their claims.
    package var inHand: Int { self.runs.count }

    /// How late tasks were submitted since the last call.
    package mutating func takeLateness() -> LatenessHistogram {
        defer { self.lateness = LatenessHistogram() }
        return self.lateness
    }

    // MARK: - Events

    package mutating func started(now: Now) -> [Action] {
        var work = Work()
        self.perform(self.membership.started(now: now.monotonic), now, &work)
        return self.proceed(work, now)
    }

    /// A job server can be reached, or none can. What waits for one is started at the next event.
    package mutating func connectivityChanged(isConnected: Bool) {
        if isConnected, !self.isConnected { self.freeAll() }
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
        switch self.runs[run]?.phase {
        case .asking(let question): self.answered(run, question, status, now: now, &work)
        case .orphaned: self.orphanFound(run, status, &work)
        case .early, .proving, .workerless, .queued, .submitted, .ended, nil: break
        }
        return self.proceed(work, now)
    }

    /// The job server has a job. For a custom controller's background job that is all there is to wait for.
    package mutating func jobCreated(_ run: RunID, now: Now) -> [Action] {
        guard self.runs[run]?.task.definition.gearsloth?.controller != nil, let task = self.runs[run],
            task.phase == .submitted
        else { return [] }
        let pause = task.task.definition.retry.handOutPause
        self.end(run, .retry(at: now.wall.advanced(by: pause), task.record(.handedOut, endedAt: now.wall)))
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
            guard let task = self.runs[run], task.hasJob else { continue }
            if task.phase == .orphaned {
                self.orphanEnded(run, outcome, now)
                continue
            }
            switch outcome {
            case .completed:
                let retain = task.task.definition.retain
                self.counters[.completed] += 1
                self.gotOn(task.task.definition.function, now)
                self.end(run, .complete(keepUntil: retain > .zero ? now.wall.advanced(by: retain) : nil))
            case .failed:
                self.gotOn(task.task.definition.function, now)
                self.endAttempt(run, .fail, now: now, using: &random)
            case .exception(let message):
                self.gotOn(task.task.definition.function, now)
                self.endAttempt(run, .exception, message, now: now, using: &random)
            case .lost:
                self.endAttempt(run, .lost, now: now, using: &random)
            case .refused:
                self.end(run, .release(at: now.wall.advanced(by: self.lostJobPause(using: &random))))
            }
        }
        return self.proceed(Work(), now)
    }

    /// - Parameter place: `nil` if nobody answered.
    package mutating func jobChecked(
        _ run: RunID, _ place: JobPlace?, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        switch place {
        case .nowhere:
            // A job that ends tells so before its server forgets it. One that is forgotten without a word is lost: it
            // was dropped by the server (cancelled by an operator, or joined in the moment in which it was abandoned).
            return self.jobEnded(run, .lost, now: now, using: &random)
        case .queue where self.phase == .draining && self.runs[run]?.phase == .submitted:
            // Another controller joins it in the queue; if this one leaves before, the job server drops it, and the
            // other one submits it anew.
            let controller = self.runs[run]!.task.definition.gearsloth?.controller
            if controller != nil { return self.proceed(Work(), now) }
            self.giveBack(run)
            var work = Work()
            work.abandoned.append(run)
            return self.proceed(work, now)
        case .queue, .worker, nil:
            return self.proceed(Work(), now)
        }
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
                self.extensionDue(run, now, &work)
            case .deadline:
                work.abandoned.append(run)
                if task.phase == .orphaned {
                    self.remove(run)
                } else {
                    self.endAttempt(run, .timeout, now: now, using: &random)
                }
            }
        }
        self.tokensCame(now)
        if let timer = self.membershipTimer, timer <= now.monotonic {
            self.membershipTimer = nil
            self.perform(self.membership.timerFired(now: now.monotonic), now, &work)
        }
        return self.proceed(work, now)
    }

    /// Accepts nothing more, gives back what was not started and waits for what runs. Of what is at a job server it
    /// asks whether it runs.
    package mutating func shutdownRequested(now: Now) -> [Action] {
        if self.phase == .running { self.phase = .draining }
        var work = Work()
        for run in self.runs.keys.sorted() {
            switch self.runs[run]!.phase {
            case .early, .proving, .asking, .workerless, .queued: self.giveBack(run)
            case .submitted: work.checked.append(run)
            case .orphaned:
                // Nobody waits for what its job answers, and the stop does not either.
                work.abandoned.append(run)
                self.remove(run)
            case .ended: break
            }
        }
        return self.proceed(work, now)
    }

    /// What still runs is given back at once: another controller finds its job and waits for it.
    package mutating func drainTimeExpired(now: Now) -> [Action] {
        var work = Work()
        for run in self.runs.keys.sorted() where self.runs[run]!.phase == .submitted {
            work.abandoned.append(run)
            self.giveBack(run)
        }
        return self.proceed(work, now)
    }
}
