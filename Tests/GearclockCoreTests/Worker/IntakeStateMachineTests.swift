import GearclockCore
import Testing

@Suite struct IntakeStateMachineTests {
    var intake = IntakeStateMachine()
    var random = SeededGenerator(seed: 1)
    let away = TaskStoreError.unavailable("away")
    let lost = TaskStoreError.outcomeUnknown("lost")

    // MARK: - Batches

    @Test mutating func `a submission is inserted at once while nothing is under way`() {
        let task = Sample.definition()
        #expect(self.submit([(1, [task])]) == [.insert([task], copies: .configured)])
        #expect(self.intake.pendingCount == 1)
    }

    @Test mutating func `what comes during an insert goes into the next one, as one batch`() {
        let tasks = (0..<3).map { Sample.definition($0) }
        _ = self.submit([(1, [tasks[0]])])
        #expect(self.submit([(2, [tasks[1]])]) == [])
        #expect(self.submit([(3, [tasks[2]])]) == [])
        let actions = self.reply(.success([.inserted]))
        #expect(
            actions == [
                .answer([.init(submission: 1, result: .stored([.inserted], nodes: ["n"]))]),
                .insert([tasks[1], tasks[2]], copies: .configured),
            ])
    }

    @Test mutating func `each submission is answered with the outcomes of its own tasks`() {
        let tasks = (0..<3).map { Sample.definition($0) }
        _ = self.submit([(1, [tasks[0], tasks[1]]), (2, [tasks[2]])])
        let actions = self.reply(.success([.inserted, .exists(.running), .exists(.completed)]))
        #expect(
            actions == [
                .answer([
                    .init(submission: 1, result: .stored([.inserted, .exists(.running)], nodes: ["n"])),
                    .init(submission: 2, result: .stored([.exists(.completed)], nodes: ["n"])),
                ])
            ])
        #expect(self.intake.pendingCount == 0)
    }

    @Test mutating func `a batch has a limit of tasks`() {
        let submissions = (0..<Limits.insertBatch + 1).map { (UInt64($0), [Sample.definition(UInt64($0))]) }
        guard case .insert(let batch, express: _, copies: _, in: _)? = self.submit(submissions).first else {
            return #expect(Bool(false))
        }
        #expect(batch.count == Limits.insertBatch)
    }

    @Test mutating func `a batch has a limit of bytes, which a single submission may exceed`() {
        let large = Sample.definition(1, payload: Limits.insertBatchBytes + 1)
        let actions = self.submit([(1, [large]), (2, [Sample.definition(2)])])
        #expect(actions == [.insert([large], copies: .configured)])
    }

    // MARK: - The three answers of the store

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `an insert that was not answered well is repeated after a pause`(error: TaskStoreError) throws {
        let task = Sample.definition()
        _ = self.submit([(1, [task])])
        let pause = try #require(self.reply(.failure(error)).timer)
        #expect(pause.seconds > 0 && pause.seconds <= 0.05)
        #expect(self.intake.timerFired(now: Sample.now(0)) == [.setTimer(pause)], "it is not over yet")
        #expect(self.intake.timerFired(now: Sample.now(pause.seconds)) == [.insert([task], copies: .configured)])
    }

    @Test mutating func `pauses grow while the store is away, up to two seconds`() throws {
        let waits = try self.pauses(after: self.away)
        #expect(waits[0] <= 0.05)
        #expect(waits.max()! <= 2 && waits.max()! > 1)
    }

    @Test mutating func `a conflict is over soon`() throws {
        #expect(try self.pauses(after: .conflict).allSatisfy { $0 > 0 && $0 <= 0.05 })
    }

    /// The waits after twelve failures in a row.
    private mutating func pauses(after error: TaskStoreError) throws -> [Double] {
        _ = self.submit([(1, [Sample.definition()])])
        return try (0..<12).map { _ in
            let timer = try #require(self.reply(.failure(error)).timer)
            #expect(self.intake.timerFired(now: Sample.now(4)).count == 1)
            return timer.seconds
        }
    }

    @Test mutating func `when patience is over and nothing was stored, the answer says so`() {
        _ = self.submit([(1, [Sample.definition()])])
        let actions = self.reply(.failure(self.away), at: 5)
        #expect(actions == [.answer([.init(submission: 1, result: .failed(self.away))])])
        #expect(self.intake.pendingCount == 0)
    }

    @Test mutating func `when patience is over after an unknown outcome, the answer is unknown for good`() {
        _ = self.submit([(1, [Sample.definition()])])
        _ = self.reply(.failure(self.lost))
        _ = self.intake.timerFired(now: Sample.now(4))
        let actions = self.reply(.failure(self.away), at: 5)
        #expect(actions == [.answer([.init(submission: 1, result: .failed(.outcomeUnknown("away")))])])
    }

    @Test mutating func `a task that is found after an unknown outcome was stored by us`() {
        _ = self.submit([(1, [Sample.definition()])])
        _ = self.reply(.failure(self.lost))
        _ = self.intake.timerFired(now: Sample.now(1))
        let actions = self.reply(.success([.exists(.scheduled)]), at: 1)
        #expect(actions == [.answer([.init(submission: 1, result: .stored([.inserted], nodes: ["n"]))])])
    }

    @Test mutating func `an unknown outcome is that of its own submissions only`() {
        _ = self.submit([(1, [Sample.definition(1)])])
        _ = self.submit([(2, [Sample.definition(2)])])
        _ = self.reply(.failure(self.lost), at: 0)
        let insert = self.intake.timerFired(now: Sample.now(1))
        #expect(insert == [.insert([Sample.definition(1), Sample.definition(2)], copies: .configured)])
        let actions = self.reply(.success([.exists(.running), .exists(.running)]), at: 1)
        #expect(
            actions == [
                .answer([
                    .init(submission: 1, result: .stored([.inserted], nodes: ["n"])),
                    .init(submission: 2, result: .stored([.exists(.running)], nodes: ["n"])),
                ])
            ])
    }

    @Test mutating func `those who still have patience wait on`() {
        _ = self.submit([(1, [Sample.definition(1)])])
        _ = self.submit([(2, [Sample.definition(2)])], at: 3)
        let actions = self.reply(.failure(self.away), at: 5)
        #expect(actions.first == .answer([.init(submission: 1, result: .failed(self.away))]))
        #expect(actions.timer != nil)
        #expect(self.intake.pendingCount == 1)
    }

    // MARK: - Copies

    @Test mutating func `only equal demands for copies share an insert`() {
        let tasks = (0..<4).map { Sample.definition($0) }
        _ = self.submit([(9, [Sample.definition(9)])])
        _ = self.submit([(0, [tasks[0]])], copies: .atLeast(2))
        _ = self.submit([(1, [tasks[1]])])
        _ = self.submit([(2, [tasks[2]])], copies: .atLeast(2))
        #expect(self.reply(.success([.inserted])).last == .insert([tasks[0], tasks[2]], copies: .atLeast(2)))
        #expect(self.reply(.success([.inserted, .inserted])).last == .insert([tasks[1]], copies: .configured))
    }

    @Test mutating func `who wants more copies than there are nodes delays nobody else`() throws {
        let (greedy, modest) = (Sample.definition(1), Sample.definition(2))
        _ = self.submit([(1, [greedy])], copies: .atLeast(3))
        _ = self.submit([(2, [modest])])
        let actions = self.reply(.failure(.unavailable("one node", .tooFewCopies)))
        #expect(actions == [.insert([modest], copies: .configured)])
        #expect(self.intake.condition(for: .configured, now: Sample.now().monotonic) == .well)
        #expect(self.intake.condition(for: .atLeast(3), now: Sample.now().monotonic) == .away)
        let pause = try #require(self.reply(.success([.inserted])).timer)
        let retry = self.intake.timerFired(now: Sample.now(pause.seconds))
        #expect(retry == [.insert([greedy], copies: .atLeast(3))])
    }

    @Test mutating func `too few nodes for one demand end the patience of that demand only`() {
        _ = self.submit([(1, [Sample.definition(1)])], copies: .atLeast(3))
        _ = self.submit([(2, [Sample.definition(2)])])
        let error = TaskStoreError.unavailable("one node", .tooFewCopies)
        let actions = self.reply(.failure(error), at: 5)
        #expect(
            actions == [
                .answer([.init(submission: 1, result: .failed(error))]),
                .insert([Sample.definition(2)], copies: .configured),
            ])
    }

    // MARK: - The express lane

    @Test mutating func `what is due soon is stored claimed if the dispatcher takes it`() {
        let (soon, later) = (Sample.definition(1, dueIn: 2), Sample.definition(2, dueIn: 3))
        let offer = Self.offer()
        #expect(
            self.submit([(1, [soon]), (2, [later])], offer: offer)
                == [.insert([soon, later], express: offer.claim, copies: .configured)])
    }

    @Test mutating func `without an offer, and where nothing is due soon, nothing is claimed`() {
        #expect(self.submit([(1, [Sample.definition(1)])]).express == [nil])
        self.intake = IntakeStateMachine()
        #expect(self.submit([(1, [Sample.definition(1, dueIn: 3)])], offer: Self.offer()).express == [nil])
    }

    @Test mutating func `what the dispatcher takes and what it does not take are stored apart, the oldest first`() {
        let tasks = (0..<4).map { Sample.definition($0, function: $0 == 1 ? "busy" : "f") }
        let offer = Self.offer(refusing: "busy")
        _ = self.submit([(9, [Sample.definition(9)])], offer: offer)
        for (id, task) in zip((0 as UInt64)..., tasks) { _ = self.submit([(id, [task])], offer: offer) }
        #expect(
            self.reply(.success([.inserted]), offer: offer).last
                == .insert([tasks[0], tasks[2], tasks[3]], express: offer.claim, copies: .configured))
        #expect(
            self.reply(.success([.inserted, .inserted, .inserted]), offer: offer).last
                == .insert([tasks[1]], express: nil, copies: .configured))
    }

    @Test mutating func `what is due later goes with either`() {
        let (busy, later) = (Sample.definition(1, function: "busy"), Sample.definition(2, function: "busy", dueIn: 3))
        let offer = Self.offer(refusing: "busy")
        let actions = self.submit([(1, [busy]), (2, [later])], offer: offer)
        #expect(actions == [.insert([busy, later], express: nil, copies: .configured)])
        self.intake = IntakeStateMachine()
        let healthy = Sample.definition(3)
        #expect(
            self.submit([(1, [later]), (2, [healthy])], offer: offer)
                == [.insert([later, healthy], express: offer.claim, copies: .configured)])
    }

    @Test mutating func `a submission of which one task is not taken is stored as scheduled as a whole`() {
        let tasks = [Sample.definition(1), Sample.definition(2, function: "busy")]
        #expect(self.submit([(1, tasks)], offer: Self.offer(refusing: "busy")).express == [nil])
    }

    @Test mutating func `a submission that is more than a batch is not claimed`() {
        let tasks = (0...UInt64(Limits.insertBatch)).map { Sample.definition($0) }
        #expect(self.submit([(1, tasks)], offer: Self.offer()).express == [nil])
        self.intake = IntakeStateMachine()
        let batch = Array(tasks.dropLast())
        #expect(self.submit([(1, batch)], offer: Self.offer()).express == [Self.offer().claim])
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .outcomeUnknown("lost")])
    mutating func `an insert is repeated with what the dispatcher takes then`(error: TaskStoreError) throws {
        _ = self.submit([(1, [Sample.definition()])], offer: Self.offer(at: 0))
        let pause = try #require(self.reply(.failure(error)).timer)
        let later = Sample.now(pause.seconds)
        let next = Self.offer(at: 1)
        #expect(self.intake.timerFired(now: later, offer: { next }).express == [next.claim])
    }

    @Test func `only what the store inserted now is handed over`() {
        let tasks = (0..<5).map { Sample.definition($0, dueIn: $0 == 4 ? 3 : 1) }
        let outcomes: [InsertOutcome] = [
            .inserted, .exists(.running), .exists(.scheduled), .tooLarge(limitBytes: 1), .inserted,
        ]
        let claim = Self.offer().claim
        let stored = StoredTasks(tasks, outcomes, express: claim)
        #expect(
            stored.claimed == [
                ClaimedTask(
                    definition: tasks[0], claim: Claim(id: tasks[0].id, owner: claim.owner, attempt: 1), failures: 0,
                    leaseUntil: claim.leaseUntil)
            ])
        #expect(stored.nextDue == Sample.time(1))
        #expect(StoredTasks([tasks[0]], [.inserted], express: claim).nextDue == nil)
        #expect(StoredTasks([tasks[0]], [.inserted], express: nil).claimed.isEmpty)
    }

    // MARK: - Withdrawing

    @Test mutating func `what waits can be withdrawn, unless it may be stored`() {
        _ = self.submit([(1, [Sample.definition(1)])])
        _ = self.submit([(2, [Sample.definition(2)])])
        _ = self.reply(.failure(self.lost))
        #expect(self.intake.withdraw { _ in true }.map(\.id) == [2])
        #expect(self.intake.pendingCount == 1)
        #expect(self.intake.withdraw { _ in true } == [])
    }

    @Test mutating func `a cluster is well, away after a failure, and doubtful after the pause`() throws {
        #expect(self.condition() == .well)
        _ = self.submit([(1, [Sample.definition(1)])])
        #expect(self.condition() == .well)
        let pause = try #require(self.reply(.failure(self.away)).timer)
        #expect(self.condition() == .away)
        #expect(self.condition(at: pause.seconds) == .doubtful)
        _ = self.intake.timerFired(now: Sample.now(pause.seconds))
        _ = self.reply(.success([.inserted]), at: pause.seconds)
        #expect(self.condition(at: pause.seconds) == .well)
    }

    @Test mutating func `a cluster with an insert that takes too long is away`() {
        _ = self.submit([(1, [Sample.definition(1)])])
        #expect(self.intake.slowAt == nil, "nobody waits for it")
        _ = self.submit([(2, [Sample.definition(2)])])
        #expect(self.intake.slowAt?.seconds == 1)
        #expect(self.condition(at: 0.9) == .well && self.condition(at: 1) == .away)
    }

    // MARK: - Shorthand

    private static func offer(at seconds: Double = 0, refusing function: String? = nil) -> ExpressOffer {
        ExpressOffer(
            claim: ExpressClaim(
                owner: OwnerID(value: 7), dueBy: Sample.time(seconds + 2), leaseUntil: Sample.time(seconds + 17))
        ) { name, _ in name == function.flatMap { FunctionName($0) } ? .no : .now }
    }

    private mutating func submit(
        _ submissions: [(UInt64, [TaskDefinition])], copies: CopiesDemand = .configured, at seconds: Double = 0,
        offer: ExpressOffer? = nil
    ) -> [IntakeStateMachine.Action] {
        self.intake.submitted(
            submissions.map {
                IntakeStateMachine.Submission(
                    id: $0.0, tasks: $0.1, copies: copies, deadline: Sample.now(seconds + 5).monotonic)
            }, now: Sample.now(seconds), offer: { offer })
    }

    private mutating func reply(
        _ reply: Result<[InsertOutcome], TaskStoreError>, at seconds: Double = 0, offer: ExpressOffer? = nil
    ) -> [IntakeStateMachine.Action] {
        let actions = self.intake.insertReplied(
            reply.map { InsertReply($0, nodes: ["n"]) }, now: Sample.now(seconds), offer: { offer },
            using: &self.random)
        return actions + self.intake.patienceChecked(now: Sample.now(seconds), offer: { offer })
    }

    private func condition(at seconds: Double = 0) -> IntakeStateMachine.Condition {
        self.intake.condition(for: .configured, now: Sample.now(seconds).monotonic)
    }
}

extension [IntakeStateMachine.Action] {
    /// The express claims of the inserts.
    fileprivate var express: [ExpressClaim?] {
        self.compactMap { action -> ExpressClaim?? in
            if case .insert(_, let express, copies: _, in: _) = action { .some(express) } else { nil }
        }
    }

    fileprivate var timer: MonotonicInstant? {
        for case .setTimer(let instant) in self { return instant }
        return nil
    }
}
