/// One attempt at a task, as its controller sees it.
struct TaskRun: Sendable {
    enum Phase: Equatable, Sendable {
        /// By this process's clock the task is not due yet: the dispatcher's is ahead.
        /// Can transition to: `asking`, `submitted`, `ended`.
        case early
        /// The job server was asked whether an earlier attempt's job still runs.
        /// Can transition to: `submitted`, `ended`.
        case asking
        /// Its job was given to the client.
        /// Can transition to: `ended`.
        case submitted
        /// It is over, and the store has to be told.
        case ended(Settlement.Change)
    }

    var task: ClaimedTask
    var phase: Phase
    /// When its job was submitted; before that, when the task was accepted.
    var startedAt: Timestamp
    /// When the attempt has taken too long.
    var deadline: MonotonicInstant?

    /// The unique id of its job. The same for all claims of one run, so that a controller that takes over finds the job.
    var unique: [UInt8] {
        Array("\(self.task.id)-\(self.task.failures)".utf8)
    }

    /// Another one, for a run whose job was left in the job server's queue: gearmand gives such a job to nobody, and
    /// whoever joins it waits for ever.
    var freshUnique: [UInt8] {
        Array("\(self.task.id)-\(self.task.failures)-\(self.task.claim.attempt)".utf8)
    }

    /// An earlier claim may have started this run already.
    var mayHaveStarted: Bool {
        self.task.claim.attempt > self.task.failures.addingReportingOverflow(1).partialValue
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
}
