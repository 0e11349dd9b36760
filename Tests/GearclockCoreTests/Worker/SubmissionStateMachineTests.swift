import GearclockCore
import Testing

@Suite struct SubmissionStateMachineTests {
    typealias Machine = SubmissionStateMachine

    static let directory = ClusterDirectory([
        .init(name: "east", number: 1, dataNodes: 1), .init(name: "west", number: 2, dataNodes: 3),
    ])
    var machine = SubmissionStateMachine(directory: SubmissionStateMachineTests.directory, patience: .seconds(5))
    var random = SeededGenerator(seed: 1)
    let away = TaskStoreError.unavailable("away")

    // MARK: - Where tasks go

    @Test mutating func `tasks without ids of their own take turns, and get ids of their clusters`() {
        let actions = self.submit([(1, [Self.task(1)]), (2, [Self.task(2)])])
        #expect(Set(actions.inserts.map(\.cluster)) == [0, 1])
        for insert in actions.inserts {
            #expect(insert.tasks.map(\.id.clusterNumber) == [Self.directory.clusters[insert.cluster].number])
        }
    }

    @Test mutating func `a task with an id of its own goes to the home of the id, with that id`() {
        for cluster in [0, 1, 0, 1] {
            var machine = self.machine
            let task = Self.owned(in: cluster)
            let actions = machine.submitted([(1, [task])], now: Sample.now())
            #expect(actions.inserts.map(\.cluster) == [cluster])
            #expect(actions.inserts[0].tasks == [task.definition])
        }
    }

    @Test mutating func `a bulk submission is split, and answered whole and in order when all parts are`() {
        let tasks = [Self.owned(in: 1, 1), Self.owned(in: 0, 2), Self.owned(in: 1, 3)]
        let actions = self.submit([(7, tasks)])
        #expect(actions.inserts.map(\.cluster) == [0, 1])
        #expect(self.machine.pendingCount == 1)
        #expect(self.reply(1, .success([.inserted, .exists(.running)])).answers == [])
        let answers = self.reply(0, .success([.tooLarge(limitBytes: 9)])).answers
        let receipt = Receipt(id: tasks[0].definition.id, store: "west", nodes: ["n"], dueAt: Sample.time(0))
        var duplicate = Receipt(id: tasks[2].definition.id, store: "west", nodes: ["n"], dueAt: Sample.time(0))
        duplicate.duplicate = .running
        #expect(
            answers == [
                .init(
                    submission: 7,
                    results: [.success(receipt), .failure(.tooLargeForStore(9)), .success(duplicate)])
            ])
        #expect(self.machine.pendingCount == 0)
    }

    @Test mutating func `a part that fails is seen beside those that do not`() {
        _ = self.submit([(7, [Self.owned(in: 0, 1), Self.owned(in: 1, 2)])])
        _ = self.reply(1, .success([.inserted]))
        let answers = self.reply(0, .failure(self.away), at: 5).answers
        #expect(answers.count == 1 && answers[0].results.map(\.code) == [.storeUnavailable, nil])
    }

    // MARK: - Away

    @Test mutating func `a cluster that is away delays no insert into another one`() {
        _ = self.submit([(1, [Self.owned(in: 0, 1)])])
        _ = self.reply(0, .failure(self.away))
        let actions = self.submit([(2, [Self.owned(in: 1, 2)])])
        #expect(actions.inserts.map(\.cluster) == [1])
    }

    @Test(arguments: [0, 1])
    mutating func `a task that is not stored moves on to a cluster that is well, with a new id`(down: Int) throws {
        let first = try self.insert(into: down)
        let moved = self.reply(down, .failure(self.away)).inserts
        #expect(moved.map(\.cluster) == [1 - down])
        let task = try #require(moved.first?.tasks.first)
        #expect(task.id != first.id && task.id.clusterNumber == Self.directory.clusters[1 - down].number)
        #expect(task.payload == first.payload)
        let answer = try #require(self.reply(1 - down, .success([.inserted])).answers.first)
        #expect(try answer.results[0].get().id == task.id)
        #expect(try answer.results[0].get().store == Self.directory.clusters[1 - down].name)
    }

    @Test mutating func `with its patience over a task still moves to a cluster that is well, but no further`() throws {
        _ = try self.insert(into: 0)
        #expect(self.reply(0, .failure(self.away), at: 6).inserts.map(\.cluster) == [1])
        let answers = self.reply(1, .failure(self.away), at: 20).answers
        #expect(answers.map { $0.results.map(\.code) } == [[.storeUnavailable]])
    }

    @Test mutating func `a task that may be stored stays where it is`() throws {
        _ = try self.insert(into: 0)
        #expect(self.reply(0, .failure(.outcomeUnknown("lost"))).inserts == [])
        let answers = self.reply(0, after: 1, .failure(self.away), at: 6).answers
        #expect(answers.map { $0.results.map(\.code) } == [[.outcomeUnknown]])
    }

    @Test mutating func `a task with an id of its own waits for its home, and then is not stored`() {
        _ = self.submit([(1, [Self.owned(in: 0)])])
        #expect(self.reply(0, .failure(self.away)).inserts == [])
        let answers = self.reply(0, after: 1, .failure(self.away), at: 6).answers
        #expect(answers.map { $0.results.map(\.code) } == [[.storeUnavailable]])
    }

    @Test mutating func `new tasks go where it is well`() {
        _ = self.submit([(1, [Self.owned(in: 0)])])
        _ = self.reply(0, .failure(self.away))
        for id in 2..<10 as Range<UInt64> {
            let actions = self.submit([(id, [Self.task(id)])])
            #expect(actions.inserts.allSatisfy { $0.cluster == 1 })
        }
    }

    @Test mutating func `a cluster that was away is tried by one task at a time until it is well`() {
        _ = self.submit([(1, [Self.owned(in: 0)])])
        _ = self.reply(0, .failure(self.away))
        _ = self.machine.timerFired(now: Sample.now(1))
        // The pause after this failure is over at second 3.
        _ = self.reply(0, .failure(self.away), at: 6)
        let submitted = (10..<20 as Range<UInt64>).flatMap { id in
            self.machine.submitted([(id, [Self.task(id)])], now: Sample.now(9))
        }
        #expect(submitted.inserts.map(\.cluster).sorted() == [0, 1])
        #expect(self.reply(0, .success([.inserted]), at: 9).answers.count == 1)
        let later = self.machine.submitted([(20, [Self.task(20)])], now: Sample.now(9))
        #expect(later.inserts.map(\.cluster) == [0])
    }

    @Test mutating func `while all are away a task is tried in one after the other, until patience is over`() throws {
        _ = try self.insert(into: 0)
        var last = 0
        var answers: [Machine.Answer] = []
        var visited: [Int] = [0]
        var now = 0.0
        while answers.isEmpty {
            let actions = self.reply(last, .failure(self.away), at: now)
            answers = actions.answers
            var inserts = actions.inserts
            while inserts.isEmpty, answers.isEmpty {
                now += 0.05
                inserts = self.machine.timerFired(now: Sample.now(now)).inserts
            }
            if let insert = inserts.first { last = insert.cluster }
            visited.append(last)
        }
        #expect(Set(visited) == [0, 1])
        #expect(answers[0].results.map(\.code) == [.storeUnavailable])
        #expect(now >= 5 && now < 10)
    }

    @Test mutating func `what waits behind an insert that hangs moves on, and the insert is waited for`() throws {
        let hanging = try self.insert(into: 0)
        // Enough that the other cluster is not preferred for being idle.
        _ = self.submit([(2, [Self.owned(in: 1, 2)]), (3, [Self.owned(in: 1, 3)]), (4, [Self.owned(in: 1, 4)])])
        let waits = self.submit([(5, [Self.task(5)])])
        #expect(waits.inserts == [] && waits.timer?.seconds == 1)
        _ = self.reply(1, .success([.inserted, .inserted, .inserted]))
        let moved = self.machine.timerFired(now: Sample.now(1)).inserts
        #expect(moved.map(\.cluster) == [1])
        let answer = try #require(self.reply(0, .success([.inserted]), at: 7).answers.first)
        #expect(try answer.results[0].get().id == hanging.id)
    }

    // MARK: - The express lane

    @Test mutating func `what is due soon is claimed for the dispatcher of the cluster that stores it`() throws {
        func offer(_ cluster: Int) -> ExpressOffer? {
            let claim = ExpressClaim(
                owner: OwnerID(value: UInt64(cluster + 1)), dueBy: Sample.time(2), leaseUntil: Sample.time(17))
            return ExpressOffer(claim: claim) { _, _ in .now }
        }
        let actions = self.machine.submitted([(1, [Self.task(1)])], now: Sample.now(), offers: offer)
        let first = try #require(actions.inserts.first)
        #expect(first.express == offer(first.cluster)?.claim)
        let moved = self.machine.insertReplied(
            first.cluster, .failure(self.away), now: Sample.now(), offers: offer, using: &self.random)
        #expect(moved.inserts.map(\.express) == [offer(1 - first.cluster)?.claim])
    }

    // MARK: - Copies

    @Test mutating func `a demand for copies goes only to clusters that have as many nodes`() {
        var inserts: [Int] = []
        for id in 0..<6 as Range<UInt64> {
            inserts += self.submit([(id, [Self.task(9, copies: .atLeast(3))])]).inserts.map(\.cluster)
        }
        inserts += self.reply(1, .success([.inserted])).inserts.map(\.cluster)
        #expect(inserts == [1, 1])
    }

    @Test mutating func `a demand that can never be met is wrong at once`() {
        let tasks = [Self.task(1, copies: .atLeast(4)), Self.owned(in: 0, 2, copies: .atLeast(2))]
        let actions = self.submit([(1, tasks)])
        #expect(actions.inserts == [])
        #expect(actions.answers.map { $0.results.map(\.code) } == [[.invalidValue, .invalidValue]])
        #expect(self.submit([(2, [Self.owned(in: 1, 3, copies: .atLeast(3))])]).inserts.count == 1)
    }

    @Test mutating func `different demands of one submission are different inserts`() {
        let tasks = [
            Self.owned(in: 1, 1, copies: .atLeast(2)), Self.owned(in: 1, 2), Self.owned(in: 1, 3, copies: .atLeast(2)),
        ]
        let first = self.submit([(1, tasks)]).inserts
        #expect(first.map(\.copies) == [.atLeast(2)] && first[0].tasks.count == 2)
        let second = self.reply(1, .success([.inserted, .inserted]))
        #expect(second.inserts.map(\.copies) == [.configured] && second.answers == [])
        #expect(self.reply(1, .success([.inserted])).answers.map(\.results.count) == [3])
    }

    // MARK: - The end

    @Test mutating func `an idle machine stops at once, and once`() {
        #expect(self.machine.shutdownRequested(now: Sample.now()) == [.stopped])
        #expect(self.machine.timerFired(now: Sample.now()) == [])
    }

    @Test mutating func `before it stops, everything is stored and answered, wherever it moved`() throws {
        _ = try self.insert(into: 0)
        #expect(self.machine.shutdownRequested(now: Sample.now()).contains(.stopped) == false)
        #expect(self.reply(0, .failure(self.away)).inserts.map(\.cluster) == [1])
        let actions = self.reply(1, .success([.inserted]))
        #expect(actions.answers.count == 1 && actions.last == .stopped)
    }

    @Test mutating func `clusters that are away delay the end no longer than patience`() {
        _ = self.submit([(1, [Self.owned(in: 0)])])
        _ = self.machine.shutdownRequested(now: Sample.now())
        let actions = self.reply(0, .failure(self.away), at: 5)
        #expect(actions.answers.count == 1 && actions.last == .stopped)
    }

    // MARK: - Shorthand

    private static func task(_ number: UInt64, copies: CopiesDemand = .configured) -> SubmittedTask {
        var definition = Sample.definition(number, payload: Int(number))
        definition.id = TaskID(high: 0x8001, low: 1 << 63 | number)
        return SubmittedTask(definition, copies: copies)
    }

    /// A task whose client chose an id with that home.
    private static func owned(
        in cluster: Int, _ number: UInt64 = 1, copies: CopiesDemand = .configured
    ) -> SubmittedTask {
        var definition = Sample.definition(number)
        var low = number << 32
        while self.directory.home(of: TaskID(high: 5, low: low)) != cluster { low += 1 }
        definition.id = TaskID(high: 5, low: low)
        return SubmittedTask(definition, hasOwnID: true, copies: copies)
    }

    private mutating func submit(_ submissions: [(UInt64, [SubmittedTask])]) -> [Machine.Action] {
        self.machine.submitted(submissions, now: Sample.now())
    }

    /// Submits a task that may go anywhere until one goes into that cluster, and empties the other.
    private mutating func insert(into cluster: Int) throws -> TaskDefinition {
        while true {
            let insert = try #require(self.submit([(1000, [Self.task(1)])]).inserts.first)
            if insert.cluster == cluster { return insert.tasks[0] }
            _ = self.reply(insert.cluster, .success([.inserted]))
        }
    }

    /// - Parameter wait: the timer is fired so many seconds before, to begin the insert that is replied to.
    private mutating func reply(
        _ cluster: Int, after wait: Double? = nil, _ reply: Result<[InsertOutcome], TaskStoreError>,
        at seconds: Double = 0
    ) -> [Machine.Action] {
        if let wait { _ = self.machine.timerFired(now: Sample.now(seconds - wait)) }
        return self.machine.insertReplied(
            cluster, reply.map { InsertReply($0, nodes: ["n"]) }, now: Sample.now(seconds), using: &self.random)
    }
}

extension Result<Receipt, TaskError> {
    fileprivate var code: TaskError.Code? {
        if case .failure(let error) = self { error.code } else { nil }
    }
}

extension [SubmissionStateMachine.Action] {
    fileprivate struct Insert: Equatable {
        var cluster: Int
        var tasks: [TaskDefinition]
        var express: ExpressClaim?
        var copies: CopiesDemand
    }

    fileprivate var inserts: [Insert] {
        self.compactMap { action in
            if case .insert(let cluster, let tasks, let express, let copies, in: _) = action {
                Insert(cluster: cluster, tasks: tasks, express: express, copies: copies)
            } else {
                nil
            }
        }
    }

    fileprivate var answers: [SubmissionStateMachine.Answer] {
        self.flatMap { action -> [SubmissionStateMachine.Answer] in
            if case .answer(let answers) = action { answers } else { [] }
        }
    }

    fileprivate var timer: MonotonicInstant? {
        for case .setTimer(let instant) in self { return instant }
        return nil
    }
}
