/// Decides how the submissions to one cluster become rows: what came while one insert was under way goes into the next.
///
/// `SubmissionStateMachine` has one for each cluster, so that none waits for another.
package struct IntakeStateMachine: Equatable, Sendable {
    /// The number by which the caller knows a submission.
    package typealias SubmissionID = UInt64

    package enum Action: Equatable, Sendable {
        /// Insert, tell the dispatcher what it got (``StoredTasks``), and report by
        /// ``insertReplied(_:now:offer:using:)``.
        case insert([TaskDefinition], express: ExpressClaim? = nil, copies: CopiesDemand)
        /// Answer these submissions.
        case answer([Answer])
        /// Call ``timerFired(now:offer:)`` then; it replaces the timer set before.
        case setTimer(MonotonicInstant)
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
        /// One outcome for each task, and the nodes on which all of them were seen.
        case stored([InsertOutcome], nodes: [String])
        /// After `outcomeUnknown` the tasks may be stored or not; otherwise none of them is.
        case failed(TaskStoreError)
    }

    /// Tasks that are stored together and answered together.
    package struct Submission: Equatable, Sendable {
        package let id: SubmissionID
        package let tasks: [TaskDefinition]
        package let copies: CopiesDemand
        /// When its client is told that it did not work.
        package let deadline: MonotonicInstant
        /// An earlier insert of it may have been committed.
        package fileprivate(set) var mayBeStored = false

        package init(id: SubmissionID, tasks: [TaskDefinition], copies: CopiesDemand, deadline: MonotonicInstant) {
            self.id = id
            self.tasks = tasks
            self.copies = copies
            self.deadline = deadline
        }
    }

    private struct Failure: Equatable {
        let copies: CopiesDemand
        let error: TaskStoreError
    }

    private enum State: Equatable {
        /// No insert is under way.
        /// Can transition to: `inserting`.
        case idle
        /// The store was asked to insert these submissions.
        /// Can transition to: `idle`.
        case inserting([Submission], since: MonotonicInstant)
    }

    /// An insert that takes longer says that something is wrong with the cluster.
    package static let slowness: Duration = .seconds(1)

    private var state = State.idle
    private var waiting: [Submission] = []
    private var backoff = StoreBackoff()
    /// Demands for more copies than there are nodes now. They wait by themselves, so that nobody waits for them.
    private var scarce: [CopiesDemand: StoreBackoff] = [:]
    /// The insert that did not go well, until ``patienceChecked(now:offer:)``.
    private var failure: Failure?

    package init() {}

    /// Submissions that are not answered yet.
    package var pendingCount: Int {
        switch self.state {
        case .idle: self.waiting.count
        case .inserting(let submissions, since: _): self.waiting.count + submissions.count
        }
    }

    /// What is known of the cluster, from the inserts alone.
    package enum Condition: Comparable, Sendable {
        /// The latest insert went well, or there was none.
        case well
        /// The latest insert did not go well, and the pause after it is over.
        case doubtful
        /// Wait: there is a pause, or an insert hangs.
        case away
    }

    package func condition(for copies: CopiesDemand, now: MonotonicInstant) -> Condition {
        if self.isSlow(now) || !self.backoff.permits(now) { return .away }
        if let pause = self.scarce[copies] { return pause.permits(now) ? .doubtful : .away }
        return self.backoff.notBefore == nil ? .well : .doubtful
    }

    /// Whether anything waits that the cluster may not take now.
    package func hasTrouble(_ now: MonotonicInstant) -> Bool {
        guard !self.waiting.isEmpty else { return false }
        return self.isSlow(now) || self.backoff.notBefore != nil || !self.scarce.isEmpty
    }

    private func isSlow(_ now: MonotonicInstant) -> Bool {
        guard case .inserting(_, let since) = self.state else { return false }
        return since.advanced(by: Self.slowness) <= now
    }

    /// When the insert that is under way will be too slow, if anybody waits for it.
    package var slowAt: MonotonicInstant? {
        guard case .inserting(_, let since) = self.state, !self.waiting.isEmpty else { return nil }
        return since.advanced(by: Self.slowness)
    }

    // MARK: - Events
    // All of them may lead to an insert; `offer` is asked then, and only then, what the dispatcher would take of it.

    /// Submissions arrived; each has at least one task.
    package mutating func submitted(
        _ submissions: [Submission], now: Now, offer: () -> ExpressOffer? = { nil }
    ) -> [Action] {
        self.waiting += submissions
        return self.proceed(now, offer)
    }

    /// After a failure ``patienceChecked(now:offer:)`` comes next; before it, submissions may be withdrawn.
    package mutating func insertReplied(
        _ reply: Swift.Result<InsertReply, TaskStoreError>, now: Now, offer: () -> ExpressOffer? = { nil },
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .inserting(var submissions, since: _) = self.state else {
            preconditionFailure("Invalid state: \(self.state)")
        }
        self.state = .idle
        let copies = submissions[0].copies
        switch reply {
        case .success(let reply):
            precondition(reply.outcomes.count == submissions.reduce(0) { $0 + $1.tasks.count })
            self.backoff.succeeded()
            self.scarce[copies] = nil
            return [.answer(Self.answers(to: submissions, reply))] + self.proceed(now, offer)
        case .failure(let error):
            switch error {
            case .unavailable(_, .tooFewCopies):
                self.scarce[copies, default: StoreBackoff()].failed(error, now: now.monotonic, using: &random)
            case .outcomeUnknown:
                self.backoff.failed(error, now: now.monotonic, using: &random)
                for index in submissions.indices { submissions[index].mayBeStored = true }
            case .unavailable(_, .away), .conflict:
                self.backoff.failed(error, now: now.monotonic, using: &random)
            }
            self.waiting.insert(contentsOf: submissions, at: 0)
            self.failure = Failure(copies: copies, error: error)
            return []
        }
    }

    /// After a failed insert: who has waited long enough is told, and the others wait on.
    package mutating func patienceChecked(now: Now, offer: () -> ExpressOffer? = { nil }) -> [Action] {
        guard let failure = self.failure else { return [] }
        self.failure = nil
        return self.giveUp(after: failure, now: now) + self.proceed(now, offer)
    }

    package mutating func timerFired(now: Now, offer: () -> ExpressOffer? = { nil }) -> [Action] {
        self.proceed(now, offer)
    }

    /// Submissions are stored elsewhere: those that wait, were never perhaps stored, and that the caller wants.
    package mutating func withdraw(where isWanted: (Submission) -> Bool) -> [Submission] {
        var withdrawn: [Submission] = []
        self.waiting.removeAll { submission in
            guard !submission.mayBeStored, isWanted(submission) else { return false }
            withdrawn.append(submission)
            return true
        }
        return withdrawn
    }

    // MARK: - Decisions

    private mutating func giveUp(after failure: Failure, now: Now) -> [Action] {
        // Too few nodes for some are no reason for others.
        let isConcerned = { (submission: Submission) in
            if case .unavailable(_, .tooFewCopies) = failure.error, submission.copies != failure.copies { return false }
            return submission.deadline <= now.monotonic
        }
        let late = self.waiting.filter(isConcerned)
        guard !late.isEmpty else { return [] }
        self.waiting.removeAll(where: isConcerned)
        let answers = late.map { submission in
            let error = submission.mayBeStored ? .outcomeUnknown(failure.error.text) : failure.error
            return Answer(submission: submission.id, result: .failed(error))
        }
        return [.answer(answers)]
    }

    private mutating func proceed(_ now: Now, _ offer: () -> ExpressOffer?) -> [Action] {
        switch self.state {
        case .inserting:
            return []
        case .idle:
            guard !self.waiting.isEmpty else {
                self.scarce = [:]
                return []
            }
            guard self.backoff.permits(now.monotonic) else { return [.setTimer(self.backoff.notBefore!)] }
            guard let copies = self.nextDemand(now) else {
                return self.scarce.values.compactMap(\.notBefore).min().map { [.setTimer($0)] } ?? []
            }
            let (batch, express) = self.takeBatch(copies, offer())
            self.state = .inserting(batch, since: now.monotonic)
            return [.insert(batch.flatMap(\.tasks), express: express, copies: copies)]
        }
    }

    /// The demand of the submission that has waited longest and need not wait longer.
    private func nextDemand(_ now: Now) -> CopiesDemand? {
        self.waiting.first { self.scarce[$0.copies]?.permits(now.monotonic) ?? true }?.copies
    }

    /// One insert proves as many copies of all its tasks, so that only equal demands share one. Nor do submissions
    /// share one if the dispatcher takes one of them at once and another not: the claim is for all that is due.
    private mutating func takeBatch(
        _ copies: CopiesDemand, _ offer: ExpressOffer?
    ) -> (submissions: [Submission], express: ExpressClaim?) {
        var (batch, rest): ([Submission], [Submission]) = ([], [])
        var (tasks, bytes) = (0, 0)
        var isExpress: Bool?
        for (index, submission) in self.waiting.enumerated() {
            let isTaken = offer?.takes(submission.tasks)
            guard submission.copies == copies, isTaken == nil || isExpress == nil || isTaken == isExpress else {
                rest.append(submission)
                continue
            }
            tasks += submission.tasks.count
            bytes += submission.tasks.reduce(0) { $0 + $1.weightBytes }
            if !batch.isEmpty, tasks > Limits.insertBatch || bytes > Limits.insertBatchBytes {
                rest += self.waiting[index...]
                break
            }
            isExpress = isExpress ?? isTaken
            batch.append(submission)
        }
        self.waiting = rest
        return (batch, isExpress == true ? offer?.claim : nil)
    }

    private static func answers(to submissions: [Submission], _ reply: InsertReply) -> [Answer] {
        var outcomes = reply.outcomes[...]
        return submissions.map { submission in
            let own = outcomes.prefix(submission.tasks.count)
            outcomes = outcomes.dropFirst(submission.tasks.count)
            return Answer(
                submission: submission.id,
                result: .stored(submission.mayBeStored ? own.map(Self.afterDoubt) : Array(own), nodes: reply.nodes))
        }
    }

    /// After an unknown outcome an existing row is most likely our own: to its client the task is simply stored.
    private static func afterDoubt(_ outcome: InsertOutcome) -> InsertOutcome {
        switch outcome {
        case .inserted, .exists: .inserted
        case .tooLarge: outcome
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
