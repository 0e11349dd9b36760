/// What a controller has done since it started.
package struct ControllerCounters: Equatable, Sendable {
    package enum Event: Int, CaseIterable, Sendable {
        /// A job was given to a job server.
        case started
        /// Among them: the job of an earlier claim was found there and joined.
        case adopted
        case completed
        /// The function answered WORK_FAIL.
        case failed
        /// The function answered WORK_EXCEPTION.
        case exceptions
        /// The task's timeout was over.
        case timedOut
        /// The connection to the job server was lost, or the job server has forgotten the job.
        case lost
        /// No job server had a worker for the function, and the task's policy counts that.
        case noWorker
        /// It was too late to start.
        case expired
        /// The claim was gone while its lease lasted: somebody cancelled the task while it ran.
        case cancelled
        /// A failure was the last one.
        case discarded
        /// A failure is followed by another attempt.
        case retried
        /// A task was not accepted.
        case deferred
        /// The claim was gone after its lease: somebody else may run the task.
        case staleClaims
    }

    private var counts = [UInt64](repeating: 0, count: Event.allCases.count)

    package init() {}

    package subscript(event: Event) -> UInt64 {
        get { self.counts[event.rawValue] }
        set { self.counts[event.rawValue] = newValue }
    }

    /// What happened since an earlier reading.
    package func since(_ earlier: ControllerCounters) -> ControllerCounters {
        var difference = ControllerCounters()
        for event in Event.allCases { difference[event] = self[event] - earlier[event] }
        return difference
    }
}
