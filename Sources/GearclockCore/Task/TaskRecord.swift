/// Where a task is in its life. `completed`, `discarded`, `cancelled` and `expired` are final: they never change.
package enum TaskState: UInt8, CaseIterable, Sendable {
    /// Waits for its time, for the first or for another attempt.
    /// Can transition to: `running`, `completed` (a custom controller ejects it), `cancelled`.
    case scheduled = 0
    /// Claimed: a dispatcher or a controller holds its lease.
    /// Can transition to: `scheduled` (retry, release, rescue), `completed`, `discarded`, `cancelled`, `expired`.
    case running = 1
    /// Its function succeeded.
    case completed = 2
    /// Its retry policy is exhausted. It is kept, with the history of its attempts.
    case discarded = 3
    /// Somebody cancelled it.
    case cancelled = 4
    /// Its time passed before it could be started.
    case expired = 5

    package var isFinal: Bool {
        switch self {
        case .scheduled, .running: false
        case .completed, .discarded, .cancelled, .expired: true
        }
    }
}

/// A task as a store keeps it: what was asked for, and how far it is.
package struct TaskRecord: Equatable, Sendable {
    package var definition: TaskDefinition
    package var state: TaskState
    /// How often it was claimed; the number of the current or latest claim. It only grows: it is the fencing number.
    package var attempt: UInt32
    /// How many attempts failed, as its retry policy counts them.
    package var failures: UInt32
    /// Who holds the lease; only while `running`.
    package var owner: OwnerID?
    /// When the lease ends; only while `running`.
    package var leaseUntil: Timestamp?
    /// When a final state was reached; only then.
    package var finishedAt: Timestamp?
    /// When a final row may be pruned; only in a final state.
    package var removeAt: Timestamp?
    /// What became of its attempts, oldest first; at most the latest ``Limits/historyEntries``.
    package var history: [AttemptRecord]

    package init(_ definition: TaskDefinition) {
        self.definition = definition
        self.state = .scheduled
        self.attempt = 0
        self.failures = 0
        self.history = []
    }

    package var id: TaskID { self.definition.id }
}

/// How one attempt ended.
package enum AttemptOutcome: UInt8, CaseIterable, Sendable {
    /// The function answered WORK_FAIL.
    case failed = 0
    /// The function answered WORK_EXCEPTION.
    case exception = 1
    /// It took longer than the task's timeout.
    case timedOut = 2
    /// The task was given to a custom controller, which did not eject it in time.
    case handedOut = 3
    /// The controller's lease ran out: its process died or froze.
    case leaseExpired = 4
    /// The connection to the job server was lost, and the task's policy counts that.
    case lost = 5
    /// No job server had a worker for the function, and the task's policy counts that.
    case noWorker = 6
    /// Its time passed before its job was submitted.
    case expired = 7
    /// The task was cancelled while it was claimed. Its job may have ended all the same.
    case cancelled = 8
}

/// One entry of a task's history.
package struct AttemptRecord: Equatable, Sendable {
    package var attempt: UInt32
    /// When its job was submitted; of `noWorker` and `expired`, when its controller took it. Of `leaseExpired`, when
    /// the lease ended: nobody who could tell is left. Of `cancelled`, when the task was due, the earliest that it can
    /// have been: only its controller knows more, and a cancellation does not wait for that.
    package var startedAt: Timestamp
    package var endedAt: Timestamp
    package var outcome: AttemptOutcome
    /// What the function said, cut to ``Limits/attemptMessageBytes``.
    package var message: [UInt8]

    package init(
        attempt: UInt32, startedAt: Timestamp, endedAt: Timestamp, outcome: AttemptOutcome, message: [UInt8] = []
    ) {
        self.attempt = attempt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.outcome = outcome
        self.message = [UInt8](message.prefix(Limits.attemptMessageBytes))
    }

    /// A task is taken back whose lease ended.
    package static func leaseExpired(attempt: UInt32, leaseUntil: Timestamp, now: Timestamp) -> AttemptRecord {
        AttemptRecord(attempt: attempt, startedAt: leaseUntil, endedAt: now, outcome: .leaseExpired)
    }

    /// A task is cancelled while somebody holds its lease.
    package static func cancelled(attempt: UInt32, dueAt: Timestamp, now: Timestamp) -> AttemptRecord {
        AttemptRecord(attempt: attempt, startedAt: dueAt, endedAt: now, outcome: .cancelled)
    }
}
