/// One attempt at a task, as its controller sees it.
struct TaskRun: Sendable {
    enum Phase: Equatable, Sendable {
        /// By this process's clock the task is not due yet: the dispatcher's is ahead.
        /// Can transition to: `proving`, `asking`, `workerless`, `queued`, `submitted`, `ended`.
        case early
        /// Its claim is so old that the dispatcher may have given the task to somebody else: the store is asked to
        /// extend the lease.
        /// Can transition to: `early`, `asking`, `workerless`, `queued`, `submitted`, `ended`.
        case proving
        /// The job server was asked whether a job of an earlier claim still runs, under this name.
        /// Can transition to: `asking` the next question, `workerless`, `queued`, `submitted`, `ended`.
        case asking(Question)
        /// Its policy says what a missing worker counts as, or it may expire, and no worker is known; its job will have
        /// this name.
        /// Can transition to: `queued`, `submitted`, `ended`.
        case workerless(unique: [UInt8], since: MonotonicInstant)
        /// Its function is at a limit, or no job server can be reached; its job will have this name.
        /// Can transition to: `submitted`, `ended`.
        case queued(unique: [UInt8])
        /// Its job was given to the client.
        /// Can transition to: `orphaned`, `ended`.
        case submitted
        /// Its claim is gone, and its job may run on: until that ends it counts for its function's limits, and nothing
        /// else becomes of it.
        /// Can transition to: `submitted` when a newer claim of the same run comes.
        case orphaned
        /// It is over, and the store has to be told.
        case ended(Settlement.Change)
    }

    /// Which of the two names of a run's job was asked about, and how often nobody answered.
    enum Question: Equatable, Sendable {
        case first(unanswered: Int)
        case second(isFirstFree: Bool, unanswered: Int)
    }

    var task: ClaimedTask
    var phase: Phase
    /// When its job was submitted; before that, when the task was accepted.
    var startedAt: Timestamp
    /// When the attempt has taken too long.
    var deadline: MonotonicInstant?
    /// Its settlement was asked for, and may have been made without an answer.
    var mayBeSettled = false
    /// The unique id of the job that was submitted.
    var jobUnique: [UInt8] = []
    /// Who waited for that job when it was joined: a controller that no longer listens is among them until it is gone.
    var otherClients: UInt64 = 0
    /// When its lease is to be extended, or its job looked for; timers for another moment are late ones.
    var extendAt: MonotonicInstant?

    /// The unique id of its job. The same for all claims of one run: a controller that takes over finds the job.
    var unique: [UInt8] {
        self.task.id.text + "-\(self.task.failures)".utf8
    }

    /// The second name, for a run whose job was left in the job server's queue under the first one: gearmand gives such
    /// a job to nobody, and whoever joins it waits for ever. There are two names and no more, so that every controller
    /// can ask about all jobs that the run may have.
    var secondUnique: [UInt8] {
        self.unique + "-2".utf8
    }

    /// The function of its job.
    var jobFunction: FunctionName { self.task.definition.gearsloth?.controller ?? self.task.definition.function }

    /// An earlier claim may have started this run already.
    var mayHaveStarted: Bool { self.earlierClaims > 0 }

    /// A claim that took the run over may have used the second name.
    var mayHaveSecondName: Bool { self.earlierClaims > 1 }

    /// Claims before this one of which no failure is counted.
    private var earlierClaims: UInt32 {
        let (claims, overflow) = self.task.claim.attempt.subtractingReportingOverflow(self.task.failures)
        return overflow || claims == 0 ? 0 : claims - 1
    }

    /// A newer claim of the same run came to this controller: the lease ran out while the run went on, for example
    /// because the store was away. It takes the run over as it is, its result included.
    ///
    /// Not so if the store has taken this run's result already: then the new claim is for the next run. Nor if another
    /// controller may have had a claim in between, and no job of this run is under way: that one's may be, and is to be
    /// asked for before there is another.
    func isContinued(by claimed: ClaimedTask) -> Bool {
        guard claimed.failures == self.task.failures else { return false }
        switch self.phase {
        case .ended(.release): return false
        case .orphaned: return claimed.claim.attempt > self.task.claim.attempt
        case .ended(.retry), .workerless, .queued: return claimed.claim.attempt == self.task.claim.attempt + 1
        case .early, .proving, .asking, .submitted, .ended: return true
        }
    }

    /// - Returns: what `FunctionInHand` is told of it.
    mutating func move(to phase: Phase) -> (old: Phase, function: FunctionName) {
        defer { self.phase = phase }
        return (self.phase, self.task.definition.function)
    }

    func record(_ outcome: AttemptOutcome, _ message: [UInt8] = [], endedAt: Timestamp) -> AttemptRecord {
        AttemptRecord(
            attempt: self.task.claim.attempt, startedAt: self.startedAt, endedAt: endedAt, outcome: outcome,
            message: message)
    }

    /// Whether a timer still means something.
    func expects(_ timer: ControllerStateMachine.Timer, at moment: MonotonicInstant) -> Bool {
        switch timer {
        case .due: self.phase == .early
        case .ask: if case .asking = self.phase { true } else { false }
        case .extend: self.extendAt == moment && !self.isEnded
        case .deadline: self.hasJob && self.deadline == moment
        }
    }

    var isEnded: Bool {
        switch self.phase {
        case .ended: true
        case .early, .proving, .asking, .workerless, .queued, .submitted, .orphaned: false
        }
    }

    /// A job of it is with the client.
    var hasJob: Bool {
        switch self.phase {
        case .submitted, .orphaned: true
        case .early, .proving, .asking, .workerless, .queued, .ended: false
        }
    }

    /// Its lease is to be extended.
    var needsLease: Bool {
        switch self.phase {
        case .early, .proving, .asking, .workerless, .queued, .submitted: true
        case .orphaned, .ended: false
        }
    }

    /// What a job server said about the job of an earlier claim.
    enum EarlierJob: Equatable {
        case unanswered
        /// There is none: it ended, or never was.
        case absent
        /// It runs, or waits and somebody waits for it.
        case alive
        /// It waits in the queue, and its last client is gone.
        case abandoned

        init(_ status: ControllerStateMachine.JobStatus?) {
            guard let status else {
                self = .unanswered
                return
            }
            if !status.isKnown {
                self = .absent
            } else {
                self = status.isRunning || status.clients > 0 ? .alive : .abandoned
            }
        }
    }
}
