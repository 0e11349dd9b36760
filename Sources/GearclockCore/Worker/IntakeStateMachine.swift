/// Decides how the submissions to one cluster become rows: what came while one insert was under way goes into the next.
/// Where much comes, another insert begins meanwhile, so that one is committed while the other is being proven.
///
/// `SubmissionStateMachine` has one for each cluster, so that none waits for another.
package struct IntakeStateMachine: Equatable, Sendable {
    /// The number by which the caller knows a submission.
    package typealias SubmissionID = UInt64
    /// The place of an insert among those that are under way.
    package typealias Place = Int

    package enum Action: Equatable, Sendable {
        /// Insert, tell the dispatcher what it got (``StoredTasks``), and report by
        /// ``insertReplied(_:in:now:offer:using:)``. Inserts of different places are under way at once, and answered in
        /// any order.
        case insert([TaskDefinition], express: ExpressClaim? = nil, copies: CopiesDemand, in: Place = 0)
        /// Answer these submissions.
        case answer([Answer])
        /// Tell the dispatcher that submissions wait for room, and report by ``roomCame(now:offer:)`` when it says that
        /// it is time to ask again.
        case awaitRoom
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

    /// The store was asked to insert these submissions.
    private struct Insert: Equatable {
        var submissions: [Submission]
        let since: MonotonicInstant
    }

    /// An insert that takes longer says that something is wrong with the cluster.
    package static let slowness: Duration = .seconds(1)

    private let policy: IntakePolicy
    /// Those that are under way.
    private var inserts: [Place: Insert] = [:]
    private var waiting: [Submission] = []
    private var backoff = StoreBackoff()
    /// Demands for more copies than there are nodes now. They wait by themselves, so that nobody waits for them.
    private var scarce: [CopiesDemand: StoreBackoff] = [:]
    /// The insert that did not go well, until ``patienceChecked(now:offer:)``.
    private var failure: Failure?
    /// Since when submissions wait for room in the express lane.
    private var roomAwaitedSince: MonotonicInstant?
    /// The latest wait for room was too short. Nobody waits again until there was some.
    private var hasWaitedInVain = false

    package init(policy: IntakePolicy = IntakePolicy()) {
        self.policy = policy
    }

    /// Submissions that are not answered yet.
    package var pendingCount: Int {
        self.waiting.count + self.inserts.values.reduce(0) { $0 + $1.submissions.count }
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
        self.oldestInsert.map { $0.advanced(by: Self.slowness) <= now } ?? false
    }

    private var oldestInsert: MonotonicInstant? { self.inserts.values.map(\.since).min() }

    /// When an insert that is under way will be too slow, if anybody waits.
    package var slowAt: MonotonicInstant? {
        self.waiting.isEmpty ? nil : self.oldestInsert?.advanced(by: Self.slowness)
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
        _ reply: Swift.Result<InsertReply, TaskStoreError>, in place: Place = 0, now: Now,
        offer: () -> ExpressOffer? = { nil }, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard var submissions = self.inserts.removeValue(forKey: place)?.submissions else {
            preconditionFailure("Invalid state: nothing is being inserted in place \(place)")
        }
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

    /// The dispatcher may have room for what waits for it.
    package mutating func roomCame(now: Now, offer: () -> ExpressOffer?) -> [Action] {
        self.proceed(now, offer)
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
        if self.waiting.isEmpty, self.inserts.isEmpty { self.scarce = [:] }
        var actions: [Action] = []
        while let place = self.freePlace {
            guard self.backoff.permits(now.monotonic) else { return actions + [.setTimer(self.backoff.notBefore!)] }
            guard let copies = self.nextDemand(now) else {
                return actions + (self.scarce.values.compactMap(\.notBefore).min().map { [.setTimer($0)] } ?? [])
            }
            let (batch, express) = self.takeBatch(copies, offer(), now.monotonic)
            guard !batch.isEmpty else {
                return actions + [.awaitRoom] + (self.roomDeadline.map { [.setTimer($0)] } ?? [])
            }
            self.inserts[place] = Insert(submissions: batch, since: now.monotonic)
            actions.append(.insert(batch.flatMap(\.tasks), express: express, copies: copies, in: place))
        }
        return actions
    }

    /// Until when submissions wait for room in the express lane, if some do.
    private var roomDeadline: MonotonicInstant? { self.roomAwaitedSince?.advanced(by: self.policy.roomPatience) }

    /// Where the next insert may begin now.
    private var freePlace: Place? {
        if self.waiting.isEmpty { return nil }
        if self.inserts.isEmpty { return 0 }
        // What failed is tried by one insert alone.
        guard self.backoff.notBefore == nil, self.isCrowded else { return nil }
        return (0..<self.policy.insertsAtOnce).first { self.inserts[$0] == nil }
    }

    private var isCrowded: Bool {
        var tasks = 0
        for submission in self.waiting {
            tasks += submission.tasks.count
            if tasks >= self.policy.crowd { return true }
        }
        return false
    }

    /// The demand of the submission that has waited longest and need not wait longer.
    private func nextDemand(_ now: Now) -> CopiesDemand? {
        self.waiting.first { self.scarce[$0.copies]?.permits(now.monotonic) ?? true }?.copies
    }

    /// One insert proves as many copies of all its tasks, so that only equal demands share one. Nor do submissions
    /// share one if the dispatcher takes one of them at once and another not: the claim is for all that is due.
    ///
    /// What the dispatcher takes in a moment waits for it, but not for long: it is spared a claim.
    /// - Returns: nothing if all of it waits.
    private mutating func takeBatch(
        _ copies: CopiesDemand, _ offer: ExpressOffer?, _ now: MonotonicInstant
    ) -> (submissions: [Submission], express: ExpressClaim?) {
        let isPatient = !self.hasWaitedInVain && self.roomDeadline.map { now < $0 } ?? true
        var (batch, rest): ([Submission], [Submission]) = ([], [])
        var (tasks, bytes) = (0, 0)
        var isExpress: Bool?
        var waitingForRoom = 0
        for (index, submission) in self.waiting.enumerated() {
            let admission = offer?.admission(of: submission.tasks)
            if admission == .soon, isPatient {
                waitingForRoom += submission.tasks.count
                rest.append(submission)
                if waitingForRoom < self.policy.passedBy { continue }
                rest += self.waiting[(index + 1)...]
                break
            }
            let isTaken = admission.map { $0 == .now }
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
        if isExpress == true { self.hasWaitedInVain = false }
        if waitingForRoom > 0 {
            self.roomAwaitedSince = self.roomAwaitedSince ?? now
        } else {
            if self.roomAwaitedSince != nil, !isPatient { self.hasWaitedInVain = true }
            self.roomAwaitedSince = nil
        }
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

/// The settings of an intake.
package struct IntakePolicy: Equatable, Sendable {
    /// Inserts under way at once. Default 2: one is committed while the other is being proven.
    package var insertsAtOnce = 2
    /// So many tasks have to wait before another insert begins beside one that is under way. Default 256: smaller ones
    /// cost more than they gain.
    package var crowd = 256
    /// How long submissions wait at most until the dispatcher of the process has room for them. Default 50 ms: a busy
    /// one has some again in less, and tells so.
    package var roomPatience: Duration = .milliseconds(50)
    /// So many tasks that wait for room are passed by for what came after them; what stands behind more waits as well.
    /// Default 1024: some inserts, and each look goes through as many.
    package var passedBy = 1024

    package init() {}
}
