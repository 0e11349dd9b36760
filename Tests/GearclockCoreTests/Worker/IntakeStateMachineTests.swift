import GearclockCore
import Testing

@Suite struct IntakeStateMachineTests {
    var intake = IntakeStateMachine(patience: .seconds(5))
    var random = SeededGenerator(seed: 1)
    let away = TaskStoreError.unavailable("away")
    let lost = TaskStoreError.outcomeUnknown("lost")

    // MARK: - Batches

    @Test mutating func `a submission is inserted at once while nothing is under way`() {
        let task = Sample.definition()
        #expect(self.submit([(1, [task])]) == [.insert([task])])
        #expect(self.intake.pendingCount == 1)
    }

    @Test mutating func `what comes during an insert goes into the next one, as one batch`() {
        let tasks = (0..<3).map { Sample.definition($0) }
        _ = self.submit([(1, [tasks[0]])])
        #expect(self.submit([(2, [tasks[1]])]) == [])
        #expect(self.submit([(3, [tasks[2]])]) == [])
        let actions = self.reply(.success([.inserted]))
        #expect(
            actions == [.answer([.init(submission: 1, result: .stored([.inserted]))]), .insert([tasks[1], tasks[2]])])
    }

    @Test mutating func `each submission is answered with the outcomes of its own tasks`() {
        let tasks = (0..<3).map { Sample.definition($0) }
        _ = self.submit([(1, [tasks[0], tasks[1]]), (2, [tasks[2]])])
        let actions = self.reply(.success([.inserted, .exists(.running), .exists(.completed)]))
        #expect(
            actions == [
                .answer([
                    .init(submission: 1, result: .stored([.inserted, .exists(.running)])),
                    .init(submission: 2, result: .stored([.exists(.completed)])),
                ])
            ])
        #expect(self.intake.pendingCount == 0)
    }

    @Test mutating func `a batch has a limit of tasks`() {
        let submissions = (0..<Limits.insertBatch + 1).map { (UInt64($0), [Sample.definition(UInt64($0))]) }
        guard case .insert(let batch)? = self.submit(submissions).first else { return #expect(Bool(false)) }
        #expect(batch.count == Limits.insertBatch)
    }

    @Test mutating func `a batch has a limit of bytes, which a single submission may exceed`() {
        let large = Sample.definition(1, payload: Limits.insertBatchBytes + 1)
        let actions = self.submit([(1, [large]), (2, [Sample.definition(2)])])
        #expect(actions == [.insert([large])])
    }

    // MARK: - The three answers of the store

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `an insert that was not answered well is repeated after a pause`(error: TaskStoreError) throws {
        let task = Sample.definition()
        _ = self.submit([(1, [task])])
        let pause = try #require(self.reply(.failure(error)).timer)
        #expect(pause.seconds > 0 && pause.seconds <= 0.05)
        #expect(self.intake.timerFired(now: Sample.now(0)) == [.setTimer(pause)], "it is not over yet")
        #expect(self.intake.timerFired(now: Sample.now(pause.seconds)) == [.insert([task])])
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
        #expect(actions == [.answer([.init(submission: 1, result: .unavailable("away"))])])
        #expect(self.intake.pendingCount == 0)
    }

    @Test mutating func `when patience is over after an unknown outcome, the answer is unknown for good`() {
        _ = self.submit([(1, [Sample.definition()])])
        _ = self.reply(.failure(self.lost))
        _ = self.intake.timerFired(now: Sample.now(4))
        let actions = self.reply(.failure(self.away), at: 5)
        #expect(actions == [.answer([.init(submission: 1, result: .outcomeUnknown("away"))])])
    }

    @Test mutating func `a task that is found after an unknown outcome was stored by us`() {
        _ = self.submit([(1, [Sample.definition()])])
        _ = self.reply(.failure(self.lost))
        _ = self.intake.timerFired(now: Sample.now(1))
        let actions = self.reply(.success([.exists(.scheduled)]), at: 1)
        #expect(actions == [.answer([.init(submission: 1, result: .stored([.inserted]))])])
    }

    @Test mutating func `an unknown outcome is that of its own submissions only`() {
        _ = self.submit([(1, [Sample.definition(1)])])
        _ = self.submit([(2, [Sample.definition(2)])])
        _ = self.reply(.failure(self.lost), at: 0)
        let insert = self.intake.timerFired(now: Sample.now(1))
        #expect(insert == [.insert([Sample.definition(1), Sample.definition(2)])])
        let actions = self.reply(.success([.exists(.running), .exists(.running)]), at: 1)
        #expect(
            actions == [
                .answer([
                    .init(submission: 1, result: .stored([.inserted])),
                    .init(submission: 2, result: .stored([.exists(.running)])),
                ])
            ])
    }

    @Test mutating func `those who still have patience wait on`() {
        _ = self.submit([(1, [Sample.definition(1)])])
        _ = self.intake.submitted([(2, [Sample.definition(2)])], now: Sample.now(3))
        let actions = self.reply(.failure(self.away), at: 5)
        #expect(actions.first == .answer([.init(submission: 1, result: .unavailable("away"))]))
        #expect(actions.timer != nil)
        #expect(self.intake.pendingCount == 1)
    }

    // MARK: - The end

    @Test mutating func `an idle intake stops at once`() {
        #expect(self.intake.shutdownRequested(now: Sample.now()) == [.stopped])
        #expect(self.intake.timerFired(now: Sample.now()) == [])
    }

    @Test mutating func `before it stops, everything is stored and answered`() {
        _ = self.submit([(1, [Sample.definition(1)])])
        _ = self.submit([(2, [Sample.definition(2)])])
        #expect(self.intake.shutdownRequested(now: Sample.now()) == [])
        #expect(self.reply(.success([.inserted])).last == .insert([Sample.definition(2)]))
        #expect(self.reply(.success([.inserted])).last == .stopped)
    }

    @Test mutating func `a store that is away delays the end no longer than patience`() {
        _ = self.submit([(1, [Sample.definition()])])
        _ = self.intake.shutdownRequested(now: Sample.now())
        let actions = self.reply(.failure(self.away), at: 5)
        #expect(actions == [.answer([.init(submission: 1, result: .unavailable("away"))]), .stopped])
    }

    // MARK: - Shorthand

    private mutating func submit(_ submissions: [(UInt64, [TaskDefinition])]) -> [IntakeStateMachine.Action] {
        self.intake.submitted(submissions, now: Sample.now())
    }

    private mutating func reply(
        _ reply: Result<[InsertOutcome], TaskStoreError>, at seconds: Double = 0
    ) -> [IntakeStateMachine.Action] {
        self.intake.insertReplied(reply, now: Sample.now(seconds), using: &self.random)
    }
}

extension [IntakeStateMachine.Action] {
    fileprivate var timer: MonotonicInstant? {
        for case .setTimer(let instant) in self { return instant }
        return nil
    }
}
