import GearclockCore
import Testing

/// Inserts that overlap, and those that wait for room in the express lane.
@Suite struct IntakeRoundsTests {
    typealias Action = IntakeStateMachine.Action

    var intake: IntakeStateMachine
    var random = SeededGenerator(seed: 1)
    let first = Sample.definition(1)
    let second = Sample.definition(2)
    let third = Sample.definition(3)

    init() {
        var policy = IntakePolicy()
        policy.crowd = 2
        self.intake = IntakeStateMachine(policy: policy)
    }

    // MARK: - Inserts that overlap

    @Test mutating func `another insert begins beside the first when a crowd waits`() {
        #expect(self.submit([self.first]) == [.insert([self.first], copies: .configured)])
        #expect(self.submit([self.second]) == [], "one is no crowd")
        #expect(self.submit([self.third]) == [.insert([self.second, self.third], copies: .configured, in: 1)])
        let others = [Sample.definition(4), Sample.definition(5)]
        #expect(self.submit(others) == [], "two are under way")
        #expect(self.intake.pendingCount == 5)
        #expect(self.reply(2, in: 1).last == .insert(others, copies: .configured, in: 1))
    }

    @Test mutating func `inserts are answered in any order, each with its own submissions`() {
        _ = self.submit([self.first])
        _ = self.submit([self.second, self.third])
        #expect(self.reply(2, in: 1).answered == [2, 3])
        #expect(self.reply(1, in: 0).answered == [1])
        #expect(self.intake.pendingCount == 0)
    }

    @Test mutating func `the outcome of one insert may be unknown while the other is done`() {
        _ = self.submit([self.first])
        _ = self.submit([self.second, self.third])
        _ = self.fail(.outcomeUnknown("lost"), in: 0)
        let done = self.reply(2, in: 1, at: 0.01)
        #expect(done.answered == [2, 3])
        #expect(done.inserts == [[self.first]], "the store is well: there is nothing to wait for")
        let actions = self.reply(.success([.exists(.scheduled)]), in: 0, at: 0.02)
        #expect(actions == [.answer([.init(submission: 1, result: .stored([.inserted], nodes: ["n"]))])])
    }

    @Test mutating func `after a failure one insert tries alone`() throws {
        _ = self.submit([self.first])
        let pause = try #require(self.fail(.unavailable("away"), in: 0).timer)
        _ = self.submit((2..<600).map { Sample.definition($0) })
        let actions = self.intake.timerFired(now: Sample.now(pause.seconds))
        #expect(actions.inserts.map(\.count) == [Limits.insertBatch])
        #expect(self.submit([Sample.definition(700), Sample.definition(701)], at: pause.seconds) == [])
    }

    @Test mutating func `an insert that hangs makes the cluster one that is away, whatever the other does`() {
        _ = self.submit([self.first])
        _ = self.submit([self.second, self.third], at: 0.9)
        _ = self.reply(2, in: 1, at: 0.95)
        #expect(self.intake.condition(for: .configured, now: Sample.now(1).monotonic) == .away)
    }

    // MARK: - Room in the express lane

    @Test mutating func `what the dispatcher takes in a moment waits for it`() {
        #expect(
            self.submit([self.first], offer: .soon) == [.awaitRoom, .setTimer(Sample.now(0.05).monotonic)])
        #expect(self.roomCame(at: 0.01, offer: .soon) == [.awaitRoom, .setTimer(Sample.now(0.05).monotonic)])
        let actions = self.roomCame(at: 0.02, offer: .now)
        #expect(actions == [.insert([self.first], express: Self.claim, copies: .configured)])
        #expect(self.roomCame(at: 0.03, offer: .now).isEmpty, "nothing waits any more")
    }

    @Test mutating func `what waits and is not worth waiting for any more is stored at once`() {
        _ = self.submit([self.first], offer: .soon)
        let actions = self.roomCame(at: 0.01, offer: .no)
        #expect(actions == [.insert([self.first], express: nil, copies: .configured)])
    }

    @Test mutating func `it waits for fifty milliseconds, and nobody after it until there was room`() {
        _ = self.submit([self.first], offer: .soon)
        #expect(self.timer(at: 0.049, offer: .soon).inserts.isEmpty)
        #expect(self.timer(at: 0.05, offer: .soon) == [.insert([self.first], express: nil, copies: .configured)])
        _ = self.reply(1, in: 0, at: 0.06)
        #expect(self.submit([self.second], at: 0.06, offer: .soon).inserts == [[self.second]])
        _ = self.reply(1, in: 0, at: 0.07)
        _ = self.submit([self.third], at: 0.07, offer: .now)
        _ = self.reply(1, in: 0, at: 0.08)
        #expect(self.submit([Sample.definition(4)], at: 0.08, offer: .soon).inserts.isEmpty)
    }

    @Test mutating func `what is due later, or is held back, waits for no room`() {
        let later = Sample.definition(2, dueIn: 3)
        #expect(self.submit([self.first, later], offer: .soon).inserts == [[later]])
        _ = self.reply(1, in: 0)
        self.intake = IntakeStateMachine()
        #expect(self.submit([self.first], offer: .no) == [.insert([self.first], express: nil, copies: .configured)])
    }

    @Test mutating func `not many that wait for room are passed by`() {
        var policy = IntakePolicy()
        policy.passedBy = 2
        self.intake = IntakeStateMachine(policy: policy)
        let later = Sample.definition(3, dueIn: 3)
        #expect(self.submit([self.first, self.second, later], offer: .soon).inserts.isEmpty)
        #expect(self.roomCame(at: 0.002, offer: .now).inserts == [[self.first, self.second, later]])
    }

    // MARK: - Shorthand

    private static let claim = ExpressClaim(
        owner: OwnerID(value: 7), dueBy: Sample.time(2), leaseUntil: Sample.time(17))

    private static func offer(_ admission: ExpressAdmission?) -> ExpressOffer? {
        admission.map { admission in ExpressOffer(claim: Self.claim) { _, _ in admission } }
    }

    /// One submission for each task, by its number.
    private mutating func submit(
        _ tasks: [TaskDefinition], at seconds: Double = 0, offer: ExpressAdmission? = nil
    ) -> [Action] {
        self.intake.submitted(
            tasks.map {
                .init(
                    id: $0.id.low, tasks: [$0], copies: .configured, deadline: Sample.now(seconds + 5).monotonic)
            }, now: Sample.now(seconds), offer: { Self.offer(offer) })
    }

    private mutating func timer(at seconds: Double, offer: ExpressAdmission) -> [Action] {
        self.intake.timerFired(now: Sample.now(seconds), offer: { Self.offer(offer) })
    }

    private mutating func roomCame(at seconds: Double, offer: ExpressAdmission) -> [Action] {
        self.intake.roomCame(now: Sample.now(seconds), offer: { Self.offer(offer) })
    }

    private mutating func reply(
        _ reply: Result<[InsertOutcome], TaskStoreError>, in place: Int, at seconds: Double = 0
    ) -> [Action] {
        let actions = self.intake.insertReplied(
            reply.map { InsertReply($0, nodes: ["n"]) }, in: place, now: Sample.now(seconds), using: &self.random)
        return actions + self.intake.patienceChecked(now: Sample.now(seconds))
    }

    private mutating func reply(_ inserted: Int, in place: Int, at seconds: Double = 0) -> [Action] {
        self.reply(.success([InsertOutcome](repeating: .inserted, count: inserted)), in: place, at: seconds)
    }

    private mutating func fail(_ error: TaskStoreError, in place: Int) -> [Action] {
        self.reply(.failure(error), in: place)
    }
}

extension [IntakeStateMachine.Action] {
    fileprivate var answered: [UInt64] {
        self.flatMap { action -> [UInt64] in
            if case .answer(let answers) = action { answers.map(\.submission) } else { [] }
        }
    }

    fileprivate var inserts: [[TaskDefinition]] {
        self.compactMap { if case .insert(let tasks, express: _, copies: _, in: _) = $0 { tasks } else { nil } }
    }

    fileprivate var timer: MonotonicInstant? {
        for case .setTimer(let instant) in self { return instant }
        return nil
    }
}
