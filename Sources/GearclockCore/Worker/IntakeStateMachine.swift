/// Decides how submissions become rows: what came while one insert was under way goes into the next.
///
/// `IntakeService` in GearclockWorker performs it.
package struct IntakeStateMachine: Equatable, Sendable {
    /// The number by which the service knows a submission.
    package typealias SubmissionID = UInt64

    package enum Action: Equatable, Sendable {
        /// Insert, and report by ``insertReplied(_:now:using:)``.
        case insert([TaskDefinition])
        /// Answer these submissions.
        case answer([Answer])
        /// Call ``timerFired(now:)`` then; it replaces the timer set before.
        case setTimer(MonotonicInstant)
        /// Everything is answered; nothing more will come.
        case stopped
    }

    package struct Answer: Equatable, Sendable {
        package var submission: SubmissionID
        package var result: Result

        package init(submission: SubmissionID, result: Result) {
            self.submission = submission
            self.result = result
        }
    }

    package enum Result: Equatable, Sendable {
        /// One outcome for each task.
        case stored([InsertOutcome])
        /// None of the tasks is stored; repeating the submission is right.
        case unavailable(String)
        /// The tasks may be stored or not; repeating the submission with the same ids is right.
        case outcomeUnknown(String)
    }

    private struct Submission: Equatable {
        let id: SubmissionID
        let tasks: [TaskDefinition]
        /// When its client is told that it did not work.
        let deadline: MonotonicInstant
        /// An earlier insert of it may have been committed.
        var mayBeStored = false
    }

    private enum State: Equatable {
        /// No insert is under way.
        /// Can transition to: `inserting`, `stopped`.
        case idle
        /// The store was asked to insert these submissions.
        /// Can transition to: `idle`.
        case inserting([Submission])
        /// All is answered after a shutdown was asked for.
        case stopped
    }

    private var state = State.idle
    private var waiting: [Submission] = []
    private var backoff = StoreBackoff()
    private var isDraining = false
    private let patience: Duration

    /// - Parameter patience: how long a submission waits for a store that is away before its client is told.
    package init(patience: Duration = .seconds(5)) {
        self.patience = patience
    }

    /// Submissions that are not answered yet.
    package var pendingCount: Int {
        switch self.state {
        case .idle, .stopped: self.waiting.count
        case .inserting(let submissions): self.waiting.count + submissions.count
        }
    }

    // MARK: - Events

    /// Valid submissions arrived; each has at least one task.
    package mutating func submitted(_ submissions: [(SubmissionID, [TaskDefinition])], now: Now) -> [Action] {
        let deadline = now.monotonic.advanced(by: self.patience)
        self.waiting += submissions.map { Submission(id: $0.0, tasks: $0.1, deadline: deadline) }
        return self.proceed(now)
    }

    package mutating func insertReplied(
        _ reply: Swift.Result<[InsertOutcome], TaskStoreError>, now: Now,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .inserting(var submissions) = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        self.state = .idle
        switch reply {
        case .success(let outcomes):
            precondition(outcomes.count == submissions.reduce(0) { $0 + $1.tasks.count })
            self.backoff.succeeded()
            return [.answer(Self.answers(to: submissions, outcomes[...]))] + self.proceed(now)
        case .failure(let error):
            self.backoff.failed(error, now: now.monotonic, using: &random)
            if case .outcomeUnknown = error {
                for index in submissions.indices { submissions[index].mayBeStored = true }
            }
            self.waiting.insert(contentsOf: submissions, at: 0)
            return self.giveUp(after: error, now: now) + self.proceed(now)
        }
    }

    package mutating func timerFired(now: Now) -> [Action] {
        self.proceed(now)
    }

    /// No more submissions will arrive. Those that are here are stored and answered.
    package mutating func shutdownRequested(now: Now) -> [Action] {
        self.isDraining = true
        return self.proceed(now)
    }

    // MARK: - Decisions

    private mutating func proceed(_ now: Now) -> [Action] {
        switch self.state {
        case .inserting, .stopped:
            return []
        case .idle:
            if self.waiting.isEmpty {
                guard self.isDraining else { return [] }
                self.state = .stopped
                return [.stopped]
            }
            guard self.backoff.permits(now.monotonic) else { return [.setTimer(self.backoff.notBefore!)] }
            let batch = self.takeBatch()
            self.state = .inserting(batch)
            return [.insert(batch.flatMap(\.tasks))]
        }
    }

    private mutating func takeBatch() -> [Submission] {
        var (count, tasks, bytes) = (0, 0, 0)
        for submission in self.waiting {
            tasks += submission.tasks.count
            bytes += submission.tasks.reduce(0) { $0 + $1.weightBytes }
            if count > 0, tasks > Limits.insertBatch || bytes > Limits.insertBatchBytes { break }
            count += 1
        }
        defer { self.waiting.removeFirst(count) }
        return Array(self.waiting.prefix(count))
    }

    private mutating func giveUp(after error: TaskStoreError, now: Now) -> [Action] {
        let late = self.waiting.filter { $0.deadline <= now.monotonic }
        guard !late.isEmpty else { return [] }
        self.waiting.removeAll { $0.deadline <= now.monotonic }
        return [
            .answer(
                late.map {
                    Answer(
                        submission: $0.id,
                        result: $0.mayBeStored ? .outcomeUnknown(error.text) : .unavailable(error.text))
                })
        ]
    }

    private static func answers(to submissions: [Submission], _ outcomes: ArraySlice<InsertOutcome>) -> [Answer] {
        var outcomes = outcomes
        return submissions.map { submission in
            let own = outcomes.prefix(submission.tasks.count)
            outcomes = outcomes.dropFirst(submission.tasks.count)
            // After an unknown outcome an existing row is most likely our own: to its client the task is simply stored.
            return Answer(
                submission: submission.id,
                result: .stored(submission.mayBeStored ? own.map { _ in .inserted } : Array(own)))
        }
    }
}

extension TaskStoreError {
    /// What happened, for a client and for a log.
    package var text: String {
        switch self {
        case .unavailable(let text, _), .outcomeUnknown(let text): text
        case .conflict: "another writer held the same rows"
        }
    }
}
