/// Decides in which clusters the tasks of a submission are stored, and when all of it is answered.
///
/// A task with an id of its own goes to the home of that id and nowhere else: only there a repetition finds it. Any
/// other task goes to a cluster that is well, and on to another one as long as it is certain that it is not stored.
/// Each cluster has an `IntakeStateMachine`, so that one that is away delays nobody else's inserts. `IntakeService` in
/// GearclockWorker performs it.
package struct SubmissionStateMachine: Equatable, Sendable {
    package typealias SubmissionID = IntakeStateMachine.SubmissionID
    /// The place of a cluster in the list that the machine was made with.
    package typealias ClusterIndex = Int
    /// What the dispatcher of a cluster in the same process takes now; `nil`: nothing, or there is none.
    package typealias Offers = (ClusterIndex) -> ExpressOffer?

    package enum Action: Equatable, Sendable {
        /// Insert into a cluster, tell its dispatcher what it got (``StoredTasks``), and report by
        /// ``insertReplied(_:_:in:now:offers:using:)``.
        case insert(
            ClusterIndex, [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand,
            in: IntakeStateMachine.Place = 0)
        /// Answer these submissions.
        case answer([Answer])
        /// Tell the dispatcher of this cluster that submissions wait for room, and report by
        /// ``roomCame(_:now:offers:)`` when it says that it is time to ask again.
        case awaitRoom(ClusterIndex)
        /// Call ``timerFired(now:offer:)`` then; it replaces the timer set before.
        case setTimer(MonotonicInstant)
        /// Everything is answered; nothing more will come.
        case stopped
    }

    package struct Answer: Equatable, Sendable {
        package var submission: SubmissionID
        /// One for each task, in their order.
        package var results: [Result<Receipt, TaskError>]

        package init(submission: SubmissionID, results: [Result<Receipt, TaskError>]) {
            self.submission = submission
            self.results = results
        }
    }

    /// Those tasks of a submission that are stored together: of one cluster, and with as many copies.
    private struct Part: Equatable {
        let submission: SubmissionID
        /// The places of its tasks in the submission; `nil`: it is the whole submission.
        let places: [Int]?
        var tasks: [TaskDefinition]
        let copies: CopiesDemand
        /// The home of its ids; `nil`: they are made here, and may be made for another cluster.
        let home: ClusterIndex?
    }

    /// A submission in several parts.
    private struct Split: Equatable {
        var results: [Result<Receipt, TaskError>?]
        var missing: Int
    }

    private struct PartKey: Hashable {
        let home: ClusterIndex?
        let copies: CopiesDemand
    }

    private let directory: ClusterDirectory
    private let patience: Duration
    private var intakes: [IntakeStateMachine]
    private var timers: [MonotonicInstant?]
    private var parts: [SubmissionID: Part] = [:]
    private var splits: [SubmissionID: Split] = [:]
    private var nextPart: SubmissionID = 0
    /// Where the search for a cluster begins, so that equally good ones take turns.
    private var turn = 0
    private var isDraining = false
    private var isStopped = false

    /// - Parameter patience: how long a submission waits for a store that is away before its client is told.
    package init(
        directory: ClusterDirectory, patience: Duration = .seconds(5), policy: IntakePolicy = IntakePolicy()
    ) {
        self.directory = directory
        self.patience = patience
        self.intakes = directory.clusters.map { _ in IntakeStateMachine(policy: policy) }
        self.timers = directory.clusters.map { _ in nil }
    }

    /// Submissions that are not answered yet.
    package var pendingCount: Int {
        self.splits.count + self.parts.values.count { $0.places == nil }
    }

    // MARK: - Events

    /// Submissions arrived; each has at least one task.
    package mutating func submitted(
        _ submissions: [(SubmissionID, [SubmittedTask])], now: Now, offers: Offers = { _ in nil }
    ) -> [Action] {
        let deadline = now.monotonic.advanced(by: self.patience)
        var actions: [Action] = []
        var queues: [[IntakeStateMachine.Submission]] = self.intakes.map { _ in [] }
        for (id, tasks) in submissions {
            let (parts, answer) = self.parts(of: id, tasks)
            if let answer { actions.append(.answer([answer])) }
            for part in parts {
                let cluster = part.home ?? self.cluster(for: part.copies, now: now.monotonic)
                queues[cluster].append(self.enqueue(part, in: cluster, deadline: deadline))
            }
        }
        for (cluster, queue) in queues.enumerated() where !queue.isEmpty {
            let queued = self.intakes[cluster].submitted(queue, now: now, offer: { offers(cluster) })
            actions += self.translated(queued, of: cluster)
        }
        return actions + self.conclude(now, offers)
    }

    package mutating func insertReplied(
        _ cluster: ClusterIndex, _ reply: Result<InsertReply, TaskStoreError>, in place: IntakeStateMachine.Place = 0,
        now: Now, offers: Offers = { _ in nil }, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        let replied = self.intakes[cluster].insertReplied(
            reply, in: place, now: now, offer: { offers(cluster) }, using: &random)
        var actions = self.translated(replied, of: cluster)
        // Who can be stored elsewhere is not refused.
        actions += self.moveOn(now, offers)
        let checked = self.intakes[cluster].patienceChecked(now: now, offer: { offers(cluster) })
        actions += self.translated(checked, of: cluster)
        return actions + self.conclude(now, offers)
    }

    /// The dispatcher of a cluster may have room for what waits for it.
    package mutating func roomCame(_ cluster: ClusterIndex, now: Now, offers: Offers) -> [Action] {
        let actions = self.intakes[cluster].roomCame(now: now, offer: { offers(cluster) })
        return self.translated(actions, of: cluster) + self.conclude(now, offers)
    }

    package mutating func timerFired(now: Now, offers: Offers = { _ in nil }) -> [Action] {
        var actions: [Action] = []
        for cluster in self.intakes.indices where self.timers[cluster].map({ $0 <= now.monotonic }) ?? false {
            self.timers[cluster] = nil
            let fired = self.intakes[cluster].timerFired(now: now, offer: { offers(cluster) })
            actions += self.translated(fired, of: cluster)
        }
        return actions + self.conclude(now, offers)
    }

    /// No more submissions will arrive. Those that are here are stored and answered.
    package mutating func shutdownRequested(now: Now, offers: Offers = { _ in nil }) -> [Action] {
        self.isDraining = true
        return self.conclude(now, offers)
    }

    // MARK: - Parts

    /// Tells the tasks apart by where they must go. An answer comes at once if none of them can be stored.
    private mutating func parts(of id: SubmissionID, _ tasks: [SubmittedTask]) -> (parts: [Part], answer: Answer?) {
        var places: [PartKey: [Int]] = [:]
        var order: [PartKey] = []
        var refused: [(place: Int, error: TaskError)] = []
        for (place, task) in tasks.enumerated() {
            if let error = self.refusal(of: task) {
                refused.append((place, error))
                continue
            }
            let home = task.hasOwnID ? self.directory.home(of: task.definition.id) : nil
            let key = PartKey(home: home, copies: task.copies)
            if places[key] == nil { order.append(key) }
            places[key, default: []].append(place)
        }
        if refused.isEmpty, order.count == 1 {
            let definitions = tasks.map(\.definition)
            return (
                [Part(submission: id, places: nil, tasks: definitions, copies: order[0].copies, home: order[0].home)],
                nil
            )
        }
        var split = Split(results: tasks.map { _ in nil }, missing: tasks.count - refused.count)
        for (place, error) in refused { split.results[place] = .failure(error) }
        if split.missing == 0 { return ([], Answer(submission: id, results: split.results.map { $0! })) }
        self.splits[id] = split
        return (
            order.map { key in
                Part(
                    submission: id, places: places[key]!, tasks: places[key]!.map { tasks[$0].definition },
                    copies: key.copies, home: key.home)
            }, nil
        )
    }

    /// A demand that can never be met is wrong, not early.
    private func refusal(of task: SubmittedTask) -> TaskError? {
        let home = task.hasOwnID ? self.directory.home(of: task.definition.id) : nil
        let candidates = home.map { [$0] } ?? Array(self.directory.clusters.indices)
        guard !candidates.contains(where: { self.directory.canMeet(task.copies, in: $0) }) else { return nil }
        let most = candidates.map { self.directory.clusters[$0].dataNodes }.max()!
        return TaskError(
            .invalidValue, "copies is at most \(most): so many data nodes has the store of this task",
            field: "copies")
    }

    private mutating func enqueue(
        _ part: Part, in cluster: ClusterIndex, deadline: MonotonicInstant
    ) -> IntakeStateMachine.Submission {
        var part = part
        if part.home == nil {
            let number = self.directory.clusters[cluster].number
            for index in part.tasks.indices where part.tasks[index].id.clusterNumber != number {
                part.tasks[index].id = part.tasks[index].id.inCluster(number)
            }
        }
        self.nextPart += 1
        self.parts[self.nextPart] = part
        return IntakeStateMachine.Submission(
            id: self.nextPart, tasks: part.tasks, copies: part.copies, deadline: deadline)
    }

    // MARK: - Clusters

    /// The best cluster for tasks that may go to any.
    ///
    /// New tasks try a doubtful cluster while nothing else does, or nobody would ever find out that it is well again.
    private mutating func cluster(
        for copies: CopiesDemand, areNew: Bool = true, now: MonotonicInstant
    ) -> ClusterIndex {
        if self.intakes.count == 1 { return 0 }
        self.turn = (self.turn + 1) % self.intakes.count
        var best: (cluster: ClusterIndex, rank: (IntakeStateMachine.Condition, Int))?
        for offset in self.intakes.indices {
            let cluster = (self.turn + offset) % self.intakes.count
            guard self.directory.canMeet(copies, in: cluster) else { continue }
            let intake = self.intakes[cluster]
            var condition = intake.condition(for: copies, now: now)
            if areNew, condition == .doubtful, intake.pendingCount == 0 { condition = .well }
            let rank = (condition, intake.pendingCount)
            if best.map({ rank < $0.rank }) ?? true { best = (cluster, rank) }
        }
        guard let best else { preconditionFailure("Invalid state: a demand that nobody can meet was not refused") }
        return best.cluster
    }

    /// Takes what may go anywhere from clusters that cannot store it now to some that can.
    private mutating func moveOn(_ now: Now, _ offers: Offers) -> [Action] {
        guard self.intakes.count > 1 else { return [] }
        var actions: [Action] = []
        for cluster in self.intakes.indices {
            let stuck = self.withdraw(from: cluster, now: now.monotonic)
            var queues: [[IntakeStateMachine.Submission]] = self.intakes.map { _ in [] }
            for submission in stuck {
                let part = self.parts.removeValue(forKey: submission.id)!
                let target = self.cluster(for: part.copies, areNew: false, now: now.monotonic)
                queues[target].append(self.enqueue(part, in: target, deadline: submission.deadline))
            }
            for (target, queue) in queues.enumerated() where !queue.isEmpty {
                let queued = self.intakes[target].submitted(queue, now: now, offer: { offers(target) })
                actions += self.translated(queued, of: target)
            }
        }
        return actions
    }

    private mutating func withdraw(
        from cluster: ClusterIndex, now: MonotonicInstant
    ) -> [IntakeStateMachine.Submission] {
        guard self.intakes[cluster].hasTrouble(now) else { return [] }
        let (intakes, parts, directory) = (self.intakes, self.parts, self.directory)
        return self.intakes[cluster].withdraw { submission in
            let condition = { (place: ClusterIndex) in intakes[place].condition(for: submission.copies, now: now) }
            guard parts[submission.id]!.home == nil, condition(cluster) == .away else { return false }
            // With its patience over it is tried once more where it is well, but not in one place after the other.
            let worst: IntakeStateMachine.Condition = submission.deadline > now ? .doubtful : .well
            return intakes.indices.contains {
                directory.canMeet(submission.copies, in: $0) && condition($0) <= worst
            }
        }
    }

    // MARK: - Answers

    private mutating func translated(
        _ actions: [IntakeStateMachine.Action], of cluster: ClusterIndex
    ) -> [Action] {
        actions.compactMap { action in
            switch action {
            case .insert(let tasks, let express, let copies, let place):
                return .insert(cluster, tasks, express: express, copies: copies, in: place)
            case .answer(let answers):
                let complete = answers.compactMap { self.answered($0, by: cluster) }
                return complete.isEmpty ? nil : .answer(complete)
            case .awaitRoom:
                return .awaitRoom(cluster)
            case .setTimer(let moment):
                self.timers[cluster] = moment
                return nil
            }
        }
    }

    /// The answer to the submission, if this was its last part.
    private mutating func answered(_ answer: IntakeStateMachine.Answer, by cluster: ClusterIndex) -> Answer? {
        guard let part = self.parts.removeValue(forKey: answer.submission) else {
            preconditionFailure("Invalid state: \(answer.submission) was answered before")
        }
        let results = self.results(of: part, answer.result, from: cluster)
        guard let places = part.places else { return Answer(submission: part.submission, results: results) }
        guard var split = self.splits.removeValue(forKey: part.submission) else {
            preconditionFailure("Invalid state: \(part.submission) was answered before")
        }
        for (place, result) in zip(places, results) { split.results[place] = result }
        split.missing -= places.count
        guard split.missing == 0 else {
            self.splits[part.submission] = split
            return nil
        }
        return Answer(submission: part.submission, results: split.results.map { $0! })
    }

    private func results(
        of part: Part, _ result: IntakeStateMachine.Result, from cluster: ClusterIndex
    ) -> [Result<Receipt, TaskError>] {
        switch result {
        case .failed(let error):
            return part.tasks.map { _ in .failure(TaskError(error)) }
        case .stored(let outcomes, let nodes):
            let store = self.directory.clusters[cluster].name
            return zip(part.tasks, outcomes).map { task, outcome in
                var receipt = Receipt(id: task.id, store: store, nodes: nodes, dueAt: task.dueAt)
                switch outcome {
                case .inserted: break
                case .exists(let state): receipt.duplicate = state
                case .tooLarge(let limit): return .failure(.tooLargeForStore(limit))
                }
                return .success(receipt)
            }
        }
    }

    // MARK: - The end of each event

    private mutating func conclude(_ now: Now, _ offers: Offers) -> [Action] {
        var actions = self.moveOn(now, offers)
        if self.isDraining, self.parts.isEmpty, !self.isStopped {
            self.isStopped = true
            return actions + [.stopped]
        }
        if self.intakes.count > 1 {
            for (cluster, intake) in self.intakes.enumerated() {
                guard let slowAt = intake.slowAt, slowAt > now.monotonic else { continue }
                self.timers[cluster] = min(self.timers[cluster] ?? slowAt, slowAt)
            }
        }
        if let wakeUp = self.timers.compactMap(\.self).min() { actions.append(.setTimer(wakeUp)) }
        return actions
    }
}

extension TaskID {
    /// The same time and chance with the number of another cluster: an id that nobody has seen yet.
    fileprivate func inCluster(_ number: UInt16) -> TaskID {
        TaskID(high: self.high & ~0x0fff | UInt64(number & 0x0fff), low: self.low)
    }
}
