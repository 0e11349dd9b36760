import GearclockCore
import Testing

/// The express lane: tasks that are stored claimed by this dispatcher.
@Suite struct DispatcherExpressTests {
    var dispatcher = DispatcherFixture()
    let function = FunctionName("f")!

    @Test mutating func `a task that was stored claimed is handed over at its time without a poll`() {
        self.dispatcher.start()
        let claim = self.dispatcher.machine.expressClaim(now: Sample.now())
        #expect(
            claim == ExpressClaim(owner: Sample.owner, dueBy: Sample.time(2), leaseUntil: Sample.time(12)))
        let tasks = DispatcherFixture.tasks(1, dueIn: 0.05)
        #expect(self.dispatcher.machine.expressStored(tasks, now: Sample.now()).timer?.seconds == 0.05)
        #expect(self.dispatcher.machine.inHand == 1)
        #expect(self.dispatcher.timer(at: 0.05).handOvers == [tasks])
    }

    @Test mutating func `nothing is stored claimed before it is known what is paused`() {
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.machine.clocksReplied(.success([]), now: Sample.now())
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) == nil)
        _ = self.dispatcher.settings([])
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) != nil)
    }

    @Test mutating func `nothing is stored claimed while half of the room is taken`() {
        self.dispatcher = DispatcherFixture { $0.heldTasks = 4 }
        self.dispatcher.start()
        _ = self.dispatcher.machine.expressStored(DispatcherFixture.tasks(1, dueIn: 1), now: Sample.now())
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) != nil)
        _ = self.dispatcher.machine.expressStored(DispatcherFixture.tasks(1, dueIn: 1, first: 2), now: Sample.now())
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) == nil)
    }

    @Test mutating func `nothing is stored claimed while half of the bytes are taken`() {
        self.dispatcher = DispatcherFixture { $0.heldBytes = 2000 }
        self.dispatcher.start()
        _ = self.dispatcher.machine.expressStored(
            DispatcherFixture.tasks(1, dueIn: 1, payload: 1000), now: Sample.now())
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) == nil)
    }

    @Test mutating func `nothing is stored claimed while controllers defer, the store is away, or it drains`() {
        self.dispatcher.handOver()
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) != nil)
        _ = self.dispatcher.handedOver(.success([.deferred]))
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) == nil)
        _ = self.dispatcher.timer(at: 0.05)
        _ = self.dispatcher.handedOver(.success([.accepted]), id: 1, at: 0.05)
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now(0.05)) != nil)
        _ = self.dispatcher.timer(at: 0.1)
        _ = self.dispatcher.dueLanes(.failure(.unavailable("away")), at: 0.1)
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now(0.1)) == nil)
        _ = self.dispatcher.timer(at: 0.2)
        _ = self.dispatcher.dueLanes([], at: 0.2)
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now(0.2)) != nil)
        _ = self.dispatcher.machine.shutdownRequested(now: Sample.now(0.2))
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now(0.2)) == nil)
    }

    @Test mutating func `what has no room any more goes back at once`() {
        self.dispatcher = DispatcherFixture { $0.heldTasks = 4 }
        self.dispatcher.claim()
        let claimed = self.dispatcher.claimed(.success(DispatcherFixture.tasks(3, dueIn: 1)))
        #expect(claimed.settlements.isEmpty)
        let stored = DispatcherFixture.tasks(3, dueIn: 1, first: 10)
        let actions = self.dispatcher.machine.expressStored(stored, now: Sample.now())
        #expect(actions.settlements == stored.dropFirst().map { Settlement($0.claim, .release(at: $0.dueAt)) })
        #expect(self.dispatcher.machine.inHand == 4)
    }

    @Test mutating func `room that a claim may fill is not given away`() {
        self.dispatcher = DispatcherFixture { $0.heldTasks = 4 }
        self.dispatcher.claim()
        let stored = DispatcherFixture.tasks(1, dueIn: 1, first: 10)
        #expect(self.dispatcher.machine.expressStored(stored, now: Sample.now()).settlements.count == 1)
        _ = self.dispatcher.claimed(.success(DispatcherFixture.tasks(4, dueIn: 1)))
        #expect(self.dispatcher.machine.inHand == 4)
    }

    @Test mutating func `tasks do not overtake those of their function that are held back`() {
        self.dispatcher.handOver()
        #expect(self.admission() == .now)
        _ = self.dispatcher.handedOver(.success([.deferredFunction]))
        #expect(self.admission() == .no)
        #expect(self.admission(of: FunctionName("g")!) == .now)
        _ = self.dispatcher.timer(at: 1)
        _ = self.dispatcher.settings(["g"], at: 1)
        #expect(self.admission(of: FunctionName("g")!) == .no)
    }

    @Test mutating func `a function that was deferred is tried after a rest, while none of it is here or due`() {
        self.dispatcher.handOver()
        _ = self.dispatcher.handedOver(.success([.deferredFunction]))
        _ = self.dispatcher.timer(at: 0.01)
        #expect(self.admission() == .no, "the one that was deferred is under way")
        _ = self.dispatcher.handedOver(.success([.accepted]), id: 1, at: 0.01)
        #expect(self.admission() == .no, "older ones are due, as far as is known")
        _ = self.dispatcher.timer(at: 0.1)
        _ = self.dispatcher.dueLanes([], at: 0.1)
        #expect(self.admission() == .now)
        _ = self.dispatcher.machine.expressStored(DispatcherFixture.tasks(1, first: 2), now: Sample.now(0.1))
        #expect(self.admission() == .no)
        _ = self.dispatcher.handedOver(.success([.deferredFunction]), id: 2, at: 0.1)
        #expect(self.admission() == .no, "it rests")
    }

    @Test mutating func `after some trials that go well a function has the express lane for itself again`() {
        self.dispatcher = DispatcherFixture { $0.isExpressOnly = true }
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.settings([])
        _ = self.dispatcher.machine.expressStored(DispatcherFixture.tasks(1), now: Sample.now())
        _ = self.dispatcher.handedOver(.success([.deferredFunction]))
        _ = self.dispatcher.timer(at: 0.1)
        for trial in 1...7 as ClosedRange<UInt64> {
            #expect(self.admission() == .no, "the task of the trial is here")
            _ = self.dispatcher.handedOver(.success([.accepted]), id: trial, at: 0.1)
            #expect(self.admission() == .now)
            let tasks = DispatcherFixture.tasks(1, first: trial + 1)
            #expect(self.dispatcher.machine.expressStored(tasks, now: Sample.now(0.1)).handOvers == [tasks])
        }
        #expect(self.admission() == .now, "whatever is here")
    }

    @Test mutating func `whoever waits for room is told once when tasks have gone`() {
        self.dispatcher = DispatcherFixture { $0.laneTasks = 2 }
        self.dispatcher.start()
        _ = self.dispatcher.machine.expressStored(DispatcherFixture.tasks(2), now: Sample.now())
        #expect(self.admission() == .soon)
        self.dispatcher.machine.roomAwaited()
        #expect(!self.dispatcher.timer(at: 0.01).contains(.offerRoom))
        let answers: [HandOverAnswer] = [.accepted, .accepted]
        #expect(self.dispatcher.handedOver(.success(answers), at: 0.02).contains(.offerRoom))
        #expect(self.admission() == .now)
        _ = self.dispatcher.machine.expressStored(DispatcherFixture.tasks(2, first: 3), now: Sample.now(0.03))
        let next = self.dispatcher.handedOver(.success(answers), id: 1, at: 0.04)
        #expect(!next.contains(.offerRoom), "nobody waits")
    }

    @Test mutating func `whoever waits for room is told when the function is held back`() {
        self.dispatcher.handOver(DispatcherFixture.tasks(1))
        self.dispatcher.machine.roomAwaited()
        let actions = self.dispatcher.handedOver(.success([.deferredFunction]))
        #expect(actions.contains(.offerRoom))
    }

    @Test mutating func `what was being stored when a flowing function was full is kept when it is deferred`() {
        let batches = self.dispatcher.handOver(DispatcherFixture.tasks(300))
        _ = self.dispatcher.handedOver(.success(batches[0].map { _ in .accepted }))
        let stored = DispatcherFixture.tasks(1500, first: 1000)
        #expect(self.dispatcher.machine.expressStored(stored, now: Sample.now()).settlements.isEmpty)
        let actions = self.dispatcher.handedOver(.success(batches[1].map { _ in .deferredFunction }), id: 1)
        #expect(actions.settlements.isEmpty)
        #expect(self.dispatcher.machine.inHand == 1544)
    }

    @Test mutating func `tasks that wait for their time leave room for other functions and for those that are due`() {
        self.dispatcher = DispatcherFixture { $0.heldTasks = 16 }
        self.dispatcher.start()
        let other = FunctionName("g")!
        for count in 0..<4 as Range<UInt64> {
            #expect(self.admission(dueIn: 1) == .now)
            let task = DispatcherFixture.tasks(1, dueIn: 1, first: count + 1)
            _ = self.dispatcher.machine.expressStored(task, now: Sample.now())
        }
        #expect(self.admission(dueIn: 1) == .no, "it has as much as is left")
        #expect(self.admission() == .now)
        #expect(self.admission(of: other, dueIn: 1) == .now)
        #expect(self.dispatcher.timer(at: 1).handOvers.map(\.count) == [4])
        #expect(self.admission(dueIn: 2, at: 1) == .now)
    }

    @Test mutating func `a function whose due tasks are many goes on with those that wait for their time`() {
        self.dispatcher = DispatcherFixture { $0.laneTasks = 2 }
        self.dispatcher.start()
        _ = self.dispatcher.machine.expressStored(DispatcherFixture.tasks(2), now: Sample.now())
        #expect(self.admission() == .soon)
        #expect(self.admission(dueIn: 1) == .now)
        #expect(self.admission(of: FunctionName("g")!) == .now)
    }

    @Test mutating func `what waits for its time is kept while a function that gets on is full`() {
        let batches = self.dispatcher.handOver(DispatcherFixture.tasks(300))
        _ = self.dispatcher.handedOver(.success(batches[0].map { _ in .accepted }))
        let later = DispatcherFixture.tasks(5000, dueIn: 1, first: 1000)
        #expect(self.dispatcher.machine.expressStored(later, now: Sample.now()).settlements.isEmpty)
        let actions = self.dispatcher.handedOver(.success(batches[1].map { _ in .deferredFunction }), id: 1)
        #expect(actions.settlements.isEmpty)
    }

    @Test mutating func `nothing is early after the clock was set back`() {
        self.dispatcher.start()
        // So many that some are not handed over when they are due.
        let tasks = DispatcherFixture.tasks(1100, dueIn: 1)
        _ = self.dispatcher.machine.expressStored(tasks, now: Sample.now())
        #expect(self.dispatcher.timer(at: 1).handOvers.count == 4)
        let setBack = Now(wall: Sample.time(0.5), monotonic: Sample.now(1.1).monotonic)
        let accepted = [HandOverAnswer](repeating: .accepted, count: 256)
        let actions = self.dispatcher.machine.handOverReplied(
            0, .success(accepted), now: setBack, using: &self.dispatcher.random)
        #expect(actions.handOvers.isEmpty)
        #expect(self.dispatcher.machine.inHand == 844)
        let again = Now(wall: Sample.time(1), monotonic: Sample.now(1.6).monotonic)
        #expect(self.dispatcher.machine.timerFired(now: again).handOvers.map(\.count) == [76])
    }

    @Test mutating func `what was stored claimed for a draining dispatcher goes back, and nothing after its stop`() {
        self.dispatcher.start()
        _ = self.dispatcher.dueLanes([])
        #expect(self.dispatcher.machine.shutdownRequested(now: Sample.now()) == [.leave(Sample.owner)])
        let tasks = DispatcherFixture.tasks(1, dueIn: 1)
        #expect(self.dispatcher.machine.expressStored(tasks, now: Sample.now()).settlements.count == 1)
        _ = self.dispatcher.settled(.success([.done]))
        #expect(self.dispatcher.machine.leaveReplied(now: Sample.now()) == [.stopped])
        #expect(self.dispatcher.machine.expressStored(tasks, now: Sample.now()).isEmpty)
    }

    // MARK: - Functions that are fast

    @Test mutating func `where controllers take tasks by the dozen, the rest is kept, and new ones may follow`() {
        let tasks = DispatcherFixture.tasks(300)
        let batches = self.dispatcher.handOver(tasks)
        _ = self.dispatcher.handedOver(.success(batches[0].map { _ in .accepted }))
        let actions = self.dispatcher.handedOver(.success(batches[1].map { _ in .deferredFunction }), id: 1)
        #expect(actions.settlements.isEmpty)
        #expect(self.dispatcher.machine.inHand == 44)
        #expect(self.admission() == .now)
        let stored = DispatcherFixture.tasks(1000, first: 1000)
        let held = self.dispatcher.machine.expressStored(stored, now: Sample.now())
        #expect(held.handOvers.isEmpty && held.settlements.isEmpty, "the lane rests")
        #expect(self.admission() == .soon)
        #expect(self.dispatcher.timer(at: 0.01).handOvers.map(\.count) == [128], "what was accepted lately")
    }

    @Test mutating func `a function that takes nothing any more is held back`() {
        let batches = self.dispatcher.handOver(DispatcherFixture.tasks(300))
        _ = self.dispatcher.handedOver(.success(batches[0].map { _ in .accepted }))
        var answered = batches[1]
        for hand in 1...40 as ClosedRange<UInt64> {
            #expect(self.admission() == .now)
            let seconds = 0.1 * Double(hand)
            _ = self.dispatcher.handedOver(.success(answered.map { _ in .deferredFunction }), id: hand, at: seconds)
            answered = self.dispatcher.timer(at: seconds + 0.09).handOvers.first ?? []
        }
        #expect(self.admission() == .no)
    }

    @Test mutating func `where operators have set a limit, nothing follows what was deferred`() {
        self.dispatcher.start()
        _ = self.dispatcher.timer(at: 1)
        let settings = [FunctionSettings(function: self.function, inFlight: 1000)]
        _ = self.dispatcher.machine.settingsReplied(.success(settings), now: Sample.now(1))
        _ = self.dispatcher.dueLanes(["f"], at: 1)
        let batches = self.dispatcher.claimed(.success(DispatcherFixture.tasks(300)), at: 1).handOvers
        _ = self.dispatcher.handedOver(.success(batches[0].map { _ in .accepted }), at: 1)
        #expect(self.admission() == .now)
        _ = self.dispatcher.handedOver(.success(batches[1].map { _ in .deferredFunction }), id: 1, at: 1)
        #expect(self.admission() == .no)
    }

    // MARK: - Express only

    @Test mutating func `one that is for the express lane only asks for nothing but settings and clocks`() {
        self.dispatcher = DispatcherFixture { $0.isExpressOnly = true }
        let actions = self.dispatcher.machine.started(now: Sample.now())
        #expect(actions.dropLast() == [.askSettings, .askClocks])
        _ = self.dispatcher.settings([])
        _ = self.dispatcher.machine.clocksReplied(.success([]), now: Sample.now())
        _ = self.dispatcher.machine.taskStored(dueAt: Sample.time(0), now: Sample.now())
        #expect(self.dispatcher.timer(at: 0.9).dropLast().isEmpty)
        #expect(self.dispatcher.timer(at: 1).dropLast() == [.askSettings])
    }

    @Test mutating func `one that is for the express lane only hands over, gives back and stops`() {
        self.dispatcher = DispatcherFixture { $0.isExpressOnly = true }
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.settings([])
        _ = self.dispatcher.machine.clocksReplied(.success([]), now: Sample.now())
        let tasks = DispatcherFixture.tasks(2)
        let actions = self.dispatcher.machine.expressStored(tasks, now: Sample.now())
        #expect(actions.handOvers == [tasks])
        #expect(self.dispatcher.machine.shutdownRequested(now: Sample.now()).timer?.seconds == 3)
        #expect(self.dispatcher.handedOver(.success([.accepted, .deferred])).settlements.count == 1)
        #expect(self.dispatcher.settled(.success([.done])) == [.stopped])
    }

    // MARK: - Shorthand

    private func admission(
        of function: FunctionName = FunctionName("f")!, dueIn delay: Double = 0, at seconds: Double = 0
    ) -> ExpressAdmission {
        self.dispatcher.machine.admitsExpress(
            function, dueAt: Sample.time(seconds + delay), now: Sample.now(seconds))
    }
}
