/// One attempt at a task, as its controller sees it.
struct TaskRun: Sendable {
    enum Phase: Equatable, Sendable {
        /// By this process's clock the task is not due yet: the dispatcher's is ahead.
        /// Can transition to: `asking`, `submitted`, `ended`.
        case early
        /// The job server was asked whether a job of an earlier claim still runs, under this name.
        /// Can transition to: `asking` the next question, `submitted`, `ended`.
        case asking(Question)
        /// Its job was given to the client.
        /// Can transition to: `ended`.
        case submitted
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
    /// When its lease is to be extended; timers for another moment are late ones.
    var extendAt: MonotonicInstant?

    /// The unique id of its job. The same for all claims of one run: a controller that takes over finds the job.
    var unique: [UInt8] {
        Array("\(self.task.id)-\(self.task.failures)".utf8)
    }

    /// The second name, for a run whose job was left in the job server's queue under the first one: gearmand gives such
    /// a job to nobody, and whoever joins it waits for ever. There are two names and no more, so that every controller
    /// can ask about all jobs that the run may have.
    var secondUnique: [UInt8] {
        Array("\(self.task.id)-\(self.task.failures)-2".utf8)
    }

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
    /// Not so if the store has taken this run's result already: then the new claim is for the next run.
    func isContinued(by claimed: ClaimedTask) -> Bool {
        if case .ended(.release) = self.phase { return false }
        return claimed.failures == self.task.failures
    }

    func record(_ outcome: AttemptOutcome, _ message: [UInt8] = [], endedAt: Timestamp) -> AttemptRecord {
        AttemptRecord(
            attempt: self.task.claim.attempt, startedAt: self.startedAt, endedAt: endedAt, outcome: outcome,
            message: message)
    }

    /// Whether a timer still means something.
    func expects(_ timer: ControllerStateMachine.Timer, at moment: MonotonicInstant) -> Bool {
        switch (timer, self.phase) {
        case (.due, .early), (.ask, .asking): true
        case (.extend, .early), (.extend, .asking), (.extend, .submitted): self.extendAt == moment
        case (.deadline, .submitted): self.deadline == moment
        case (.due, .asking), (.due, .submitted), (.due, .ended), (.ask, .early), (.ask, .submitted), (.ask, .ended),
            (.extend, .ended), (.deadline, .early), (.deadline, .asking), (.deadline, .ended):
            false
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
