import GearclockCore
import Testing

/// What the functions of a dispatcher's tasks have to do with each other: nothing.
@Suite struct DispatcherLaneTests {
    var dispatcher = DispatcherFixture()

    // MARK: - Claims

    @Test mutating func `a claim is shared out evenly among the lanes that are due`() {
        self.dispatcher.start()
        let actions = self.dispatcher.dueLanes(["a", "b", "c"])
        #expect(actions.shares("a", "b", "c") == [170, 170, 170])
        let tasks = DispatcherFixture.tasks(170, "a", dueIn: 1) + DispatcherFixture.tasks(1, "b", dueIn: 1, first: 900)
        let next = self.dispatcher.claimed(.success(tasks))
        #expect(next.shares("a", "b", "c") == [512, 0, 0], "only one of them may have more")
    }

    @Test mutating func `lanes that do not fit into one claim have their turn in the next, before the others again`() {
        self.dispatcher.start()
        let functions = (0..<100).map { "f\($0)" }
        var actions = self.dispatcher.dueLanes(functions)
        let first = Set(actions.claim!.lanes!.map(\.lane))
        #expect(first.count == Limits.claimLanes)
        // Each lane of the first claim has more.
        let tasks = functions.enumerated().flatMap { index, function in
            let limit = actions.shares(function)[0]
            return DispatcherFixture.tasks(limit, function, dueIn: 1, first: UInt64(1000 * index))
        }
        actions = self.dispatcher.claimed(.success(tasks))
        let second = Set(actions.claim!.lanes!.map(\.lane))
        #expect(Set(functions.map(DispatcherFixture.lane)).subtracting(first).isSubset(of: second))
        // And if the store is asked in between, nobody loses its turn.
        _ = self.dispatcher.claimed(.failure(.unavailable("away")), at: 0.2)
        #expect(self.dispatcher.timer(at: 0.3).contains(.askDueLanes))
        let third = Set(self.dispatcher.dueLanes(functions, at: 0.3).claim!.lanes!.map(\.lane))
        #expect(!third.isSubset(of: second))
    }

    @Test(arguments: [0, 1] as [Double])
    mutating func `a lane has no more tasks in hand than its part, due or not, the others have the rest`(dueIn: Double)
    {
        self.dispatcher = DispatcherFixture { $0.heldTasks = 4096 }
        self.dispatcher.claim(["a"], dueIn: dueIn)
        var count = 512
        for round in 0..<2 as Range<UInt64> {
            let tasks = DispatcherFixture.tasks(count, "a", dueIn: dueIn, first: 1000 * round)
            count = self.dispatcher.claimed(.success(tasks)).shares("a")[0]
        }
        #expect(count == 0 && self.dispatcher.machine.inHand == 1024)
        _ = self.dispatcher.timer(at: 0.1)
        #expect(self.dispatcher.dueLanes(["a", "b"], dueIn: dueIn, at: 0.1).shares("a", "b") == [0, 512])
    }

    // MARK: - Hand-overs

    @Test mutating func `lanes take turns where hand-overs are scarce`() {
        self.dispatcher = DispatcherFixture { $0.handOversAtOnce = 1 }
        let many = DispatcherFixture.tasks(400, "a")
        let few = DispatcherFixture.tasks(2, "b", first: 900)
        let batch = self.dispatcher.handOver(many + few)[0]
        #expect(batch.count == Limits.handOverBatch)
        #expect(batch.prefix(4).map(\.definition.function.description).sorted() == ["a", "a", "b", "b"])
        #expect(batch.dropFirst(4).allSatisfy { $0.definition.function == FunctionName("a") })
    }

    @Test mutating func `a task that does not fit is the first of the next hand-over`() {
        self.dispatcher = DispatcherFixture { $0.handOversAtOnce = 1 }
        let large = DispatcherFixture.tasks(1, "b", first: 900, payload: Limits.handOverBatchBytes)
        let batch = self.dispatcher.handOver(DispatcherFixture.tasks(4, "a") + large)[0]
        let next = self.dispatcher.handedOver(.success(batch.map { _ in .accepted })).handOvers[0]
        #expect(batch == large || next == large)
        #expect(batch.count + next.count <= 5)
    }

    // MARK: - Functions that are deferred

    @Test mutating func `a function that is deferred is left alone, and keeps a few tasks in hand`() {
        let tasks = DispatcherFixture.tasks(100, "a")
        self.dispatcher.handOver(tasks)
        let actions = self.dispatcher.handedOver(.success(tasks.map { _ in .deferredFunction }))
        #expect(actions.handOvers.isEmpty)
        #expect(actions.settlements.count == 84)
        #expect(actions.settlements.allSatisfy { $0.change == .release(at: Sample.time(0)) })
        #expect(self.dispatcher.machine.inHand == 16)
        #expect(self.dispatcher.settled(.success(actions.settlements.map { _ in .done })).settlements.isEmpty)
        _ = self.dispatcher.machine.taskStored(dueAt: Sample.time(0), now: Sample.now(0.002))
        #expect(self.dispatcher.dueLanes(["a"], at: 0.002).claim == nil)
    }

    @Test mutating func `no other function waits for one that is deferred`() {
        let tasks = DispatcherFixture.tasks(1, "a") + DispatcherFixture.tasks(1, "b", first: 2)
        let batch = self.dispatcher.handOver(tasks)[0]
        let answers =
            batch.map { $0.definition.function == FunctionName("a") ? .deferredFunction : .accepted }
            as [HandOverAnswer]
        _ = self.dispatcher.handedOver(.success(answers))
        let actions = self.dispatcher.machine.expressStored(
            DispatcherFixture.tasks(1, "b", first: 3), now: Sample.now(0.001))
        #expect(actions.handOvers.count == 1)
    }

    @Test mutating func `the pause after a deferral grows to five seconds, and nothing is written meanwhile`() {
        let tasks = DispatcherFixture.tasks(8, "a").map { task in
            var task = task
            task.leaseUntil = Sample.time(3600)
            return task
        }
        self.dispatcher.handOver(tasks)
        var (now, id, pauses) = (0.0, 0 as UInt64, [Double]())
        while now < 120 {
            _ = self.dispatcher.handedOver(.success(tasks.map { _ in .deferredFunction }), id: id, at: now)
            let start = now
            var actions: [DispatcherStateMachine.Action] = []
            repeat {
                now += 0.001
                actions = self.dispatcher.timer(at: now)
                #expect(actions.settlements.isEmpty && actions.claim == nil)
                if actions.contains(.askDueLanes) { _ = self.dispatcher.dueLanes(["b"], dueIn: 1000, at: now) }
            } while actions.handOvers.isEmpty
            pauses.append(now - start)
            id += 1
        }
        #expect(pauses[0] < 0.01)
        #expect(pauses.max()! > 3 && pauses.max()! <= 5.01)
        #expect(pauses.count < 60)
        #expect(self.dispatcher.machine.inHand == 8)
    }

    @Test mutating func `a function that comes back gets twice as much each time that all is accepted`() {
        let tasks = DispatcherFixture.tasks(20, "a")
        self.dispatcher.handOver(tasks)
        let released = self.dispatcher.handedOver(.success(tasks.map { _ in .deferredFunction })).settlements
        _ = self.dispatcher.settled(.success(released.map { _ in .done }))
        let probe = self.dispatcher.timer(at: 0.01).handOvers
        #expect(probe.map(\.count) == [16])
        _ = self.dispatcher.handedOver(.success(probe[0].map { _ in .accepted }), id: 1, at: 0.01)
        var (now, limits) = (0.0, [Int]())
        for id in 2..<8 as Range<UInt64> {
            now += 1
            _ = self.dispatcher.timer(at: now)
            let limit = self.dispatcher.dueLanes(["a"], at: now).shares("a")[0]
            limits.append(limit)
            let batch = self.dispatcher.claimed(.success(DispatcherFixture.tasks(1, "a", first: id * 100)), at: now)
            #expect(batch.handOvers.count == 1)
            _ = self.dispatcher.handedOver(.success([.accepted]), id: id, at: now)
        }
        #expect(limits == [16, 32, 64, 128, 256, 512])
    }

    @Test mutating func `a function that accepts some is asked again soon, for as much as it accepted`() {
        let tasks = DispatcherFixture.tasks(100, "a")
        self.dispatcher.handOver(tasks)
        let answers = tasks.indices.map { $0 < 30 ? HandOverAnswer.accepted : .deferredFunction }
        let released = self.dispatcher.handedOver(.success(answers)).settlements
        #expect(released.count == 10 && self.dispatcher.machine.inHand == 60)
        #expect(self.dispatcher.timer(at: 0.005).handOvers.map(\.count) == [60])
    }

    @Test mutating func `hand-overs from before a deferral do not make the pause longer`() {
        self.dispatcher = DispatcherFixture { $0.handOversAtOnce = 4 }
        self.dispatcher.handOver(DispatcherFixture.tasks(512, "a"))
        for id in 0..<2 as Range<UInt64> {
            _ = self.dispatcher.handedOver(.success((0..<256).map { _ in .deferredFunction }), id: id)
        }
        #expect(self.dispatcher.machine.inHand == 16)
        #expect(self.dispatcher.timer(at: 0.008).handOvers.count == 1)
    }

    @Test(arguments: [(heldTasks: 65_536, kept: 100), (heldTasks: 399, kept: 0)])
    mutating func `many functions that are deferred keep a task each, if that leaves room for others`(
        heldTasks: Int, kept: Int
    ) {
        self.dispatcher = DispatcherFixture {
            $0.laneTasks = 32
            $0.heldTasks = heldTasks
        }
        let tasks = (0..<100 as Range<UInt64>).flatMap { DispatcherFixture.tasks(2, "f\($0)", first: $0 * 10) }
        self.dispatcher.handOver(tasks)
        let actions = self.dispatcher.handedOver(.success(tasks.map { _ in .deferredFunction }))
        #expect(self.dispatcher.machine.inHand == kept)
        #expect(actions.settlements.count == 200 - kept)
    }

    // MARK: - Functions that are paused

    @Test mutating func `a paused function is not claimed, and what is held of it is given back once`() {
        self.dispatcher.claim(["a", "b"])
        let tasks =
            DispatcherFixture.tasks(3, "a", dueIn: 1.5) + DispatcherFixture.tasks(1, "b", dueIn: 1.5, first: 9)
        _ = self.dispatcher.claimed(.success(tasks))
        _ = self.dispatcher.timer(at: 1)
        let released = self.dispatcher.settings(["a"], at: 1).settlements
        #expect(released.map(\.claim) == tasks.prefix(3).map(\.claim))
        #expect(released.allSatisfy { $0.change == .release(at: Sample.time(1.5)) })
        #expect(self.dispatcher.settled(.success(released.map { _ in .done }), at: 1).settlements.isEmpty)
        #expect(self.dispatcher.dueLanes(["a", "b"], at: 1.1).shares("a", "b") == [0, 512])
    }

    @Test mutating func `what was claimed while a function was being paused is given back`() {
        self.dispatcher.claim(["a"])
        _ = self.dispatcher.timer(at: 1)
        _ = self.dispatcher.settings(["a"], at: 1)
        let actions = self.dispatcher.claimed(.success(DispatcherFixture.tasks(3, "a")), at: 1)
        #expect(actions.settlements.count == 3 && actions.handOvers.isEmpty)
    }

    @Test mutating func `what a controller defers of a paused function is given back`() {
        self.dispatcher.handOver(DispatcherFixture.tasks(2, "a"))
        _ = self.dispatcher.timer(at: 1)
        _ = self.dispatcher.settings(["a"], at: 1)
        let actions = self.dispatcher.handedOver(.success([.deferred, .deferredFunction]), at: 1)
        #expect(actions.settlements.count == 2)
        #expect(self.dispatcher.machine.inHand == 0)
    }

    @Test mutating func `a function that is resumed is claimed within two seconds, few tasks first`() {
        self.dispatcher.start()
        _ = self.dispatcher.dueLanes([])
        _ = self.dispatcher.timer(at: 1)
        _ = self.dispatcher.settings(["a"], at: 1)
        #expect(self.dispatcher.dueLanes(["a"], at: 1).claim == nil)
        #expect(self.dispatcher.timer(at: 2).contains(.askSettings))
        _ = self.dispatcher.dueLanes(["a"], at: 2)
        #expect(self.dispatcher.settings([], at: 2).shares("a") == [8])
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `what is paused remains so while settings cannot be read`(error: TaskStoreError) {
        self.dispatcher.start()
        _ = self.dispatcher.dueLanes([])
        _ = self.dispatcher.timer(at: 1)
        _ = self.dispatcher.settings(["a"], at: 1)
        _ = self.dispatcher.dueLanes([], at: 1)
        #expect(self.dispatcher.timer(at: 2).contains(.askSettings))
        _ = self.dispatcher.machine.settingsReplied(.failure(error), now: Sample.now(2))
        #expect(self.dispatcher.dueLanes(["a"], at: 2).claim == nil)
        #expect(self.dispatcher.timer(at: 2.1).contains(.askSettings))
    }

    // MARK: - Buckets

    @Test mutating func `it claims from its own buckets only`() {
        self.dispatcher.start()
        _ = self.dispatcher.dueLanes([])
        #expect(self.dispatcher.timer(at: 2).contains(.beat(Sample.owner)))
        _ = self.dispatcher.beat(
            .success([Member(id: OwnerID(value: 1), role: .dispatcher, beats: 1)]), at: 2)
        let buckets = self.dispatcher.dueLanes(["a"], at: 2).claim?.buckets
        #expect(buckets != nil && buckets != .all)
    }
}
