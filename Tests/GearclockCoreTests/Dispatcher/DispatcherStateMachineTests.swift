import GearclockCore
import Testing

@Suite struct DispatcherStateMachineTests {
    var dispatcher = DispatcherFixture()
    let away = TaskStoreError.unavailable("away")

    // MARK: - Asking

    @Test mutating func `at its start it looks at everything that the store knows`() {
        let actions = self.dispatcher.machine.started(now: Sample.now())
        #expect(
            actions.dropLast() == [
                .beat(Sample.owner), .askSettings, .askClocks,
                .rescueExpired(endedBefore: Sample.time(-2), limit: Limits.settleBatch), .askDueLanes,
            ])
        #expect(actions.timer?.seconds == 0.1)
    }

    @Test mutating func `what is due beyond the look-ahead is left alone, and asked for again`() {
        self.dispatcher.start()
        let actions = self.dispatcher.dueLanes(["f"], dueIn: 2.5)
        #expect(actions.claim == nil)
        #expect(actions.timer?.seconds == 0.1)
        #expect(self.dispatcher.timer(at: 0.1).contains(.askDueLanes))
    }

    @Test mutating func `what is due within the look-ahead is claimed with a lease from there`() {
        self.dispatcher.start()
        let request = ClaimRequest(
            owner: Sample.owner, dueBy: Sample.time(2), limit: Limits.claimBatch, limitBytes: 64 << 20,
            leaseUntil: Sample.time(12), lanes: [LaneShare(lane: DispatcherFixture.lane("f"), limit: 512)],
            buckets: .all)
        #expect(self.dispatcher.dueLanes(["f"], dueIn: 2).claim == request)
    }

    @Test mutating func `nothing is claimed before it is known what is paused`() {
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.machine.clocksReplied(.success([]), now: Sample.now())
        #expect(self.dispatcher.dueLanes(["f"]).claim == nil)
        #expect(self.dispatcher.machine.settingsReplied(.failure(self.away), now: Sample.now()).claim == nil)
        #expect(self.dispatcher.timer(at: 0.05).contains(.askSettings) == false)
        #expect(self.dispatcher.timer(at: 0.1).contains(.askSettings))
        #expect(self.dispatcher.settings([], at: 0.1).claim == nil, "the store is being asked again")
        #expect(self.dispatcher.dueLanes(["f"], at: 0.1).claim != nil)
    }

    @Test mutating func `a poll that takes long is made less often, but once a second`() {
        self.dispatcher.start()
        #expect(!self.dispatcher.dueLanes([], at: 0.03).contains(.askDueLanes))
        #expect(!self.dispatcher.timer(at: 0.32).contains(.askDueLanes))
        #expect(self.dispatcher.timer(at: 0.33).contains(.askDueLanes))
        _ = self.dispatcher.dueLanes([], at: 2.33)
        #expect(!self.dispatcher.timer(at: 3.32).contains(.askDueLanes))
        #expect(self.dispatcher.timer(at: 3.33).contains(.askDueLanes))
    }

    @Test mutating func `what happens between two polls does not push the next one away`() throws {
        self.dispatcher.start()
        _ = self.dispatcher.dueLanes([])
        #expect(try #require(self.dispatcher.timer(at: 0.06).timer).seconds == 0.1)
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .outcomeUnknown("lost")])
    mutating func `after a failed question nothing is asked until a pause is over`(error: TaskStoreError) throws {
        self.dispatcher.start()
        #expect(try #require(self.dispatcher.dueLanes(.failure(error)).timer).seconds > 0)
        #expect(!self.dispatcher.timer(at: 0.01).contains(.askDueLanes))
        #expect(self.dispatcher.timer(at: 0.2).contains(.askDueLanes))
    }

    @Test mutating func `a full claim is followed by another one`() {
        self.dispatcher.claim(dueIn: 1)
        #expect(self.dispatcher.claimed(.success(DispatcherFixture.tasks(512, dueIn: 1))).claim != nil)
        #expect(self.dispatcher.claimed(.success(DispatcherFixture.tasks(511, dueIn: 1, first: 600))).claim == nil)
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `a failed claim leaves nothing in hand, and is made again`(error: TaskStoreError) {
        self.dispatcher.claim()
        #expect(self.dispatcher.claimed(.failure(error)).claim == nil)
        #expect(self.dispatcher.machine.inHand == 0)
        #expect(self.dispatcher.timer(at: 0.06).claim != nil)
    }

    @Test mutating func `a task that was stored in this process is asked for without waiting for a poll`() {
        self.dispatcher.start()
        _ = self.dispatcher.dueLanes([])
        #expect(self.dispatcher.machine.taskStored(dueAt: Sample.time(3), now: Sample.now()).isEmpty, "far ahead")
        #expect(self.dispatcher.machine.taskStored(dueAt: Sample.time(1), now: Sample.now()).contains(.askDueLanes))
    }

    @Test mutating func `a task stored during a question is asked for after its answer was made use of`() {
        self.dispatcher.start()
        _ = self.dispatcher.machine.taskStored(dueAt: Sample.time(0), now: Sample.now())
        let actions = self.dispatcher.dueLanes(["f"])
        #expect(actions.claim != nil && !actions.contains(.askDueLanes))
        #expect(self.dispatcher.claimed(.success([])).contains(.askDueLanes))
    }

    // MARK: - Taking back leases

    @Test mutating func `leases are looked for twice a second, and again at once while there are many`() {
        _ = self.dispatcher.machine.started(now: Sample.now())
        #expect(self.dispatcher.rescued(.success(Limits.settleBatch)).rescues)
        #expect(!self.dispatcher.rescued(.success(0)).rescues)
        #expect(!self.dispatcher.timer(at: 0.49).rescues)
        #expect(self.dispatcher.timer(at: 0.5).rescues)
    }

    @Test mutating func `tasks that were taken back are asked for at once`() {
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.dueLanes([])
        #expect(self.dispatcher.rescued(.success(1)).contains(.askDueLanes))
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .outcomeUnknown("lost")])
    mutating func `a failed rescue is repeated`(error: TaskStoreError) {
        _ = self.dispatcher.machine.started(now: Sample.now())
        #expect(!self.dispatcher.rescued(.failure(error)).rescues)
        #expect(self.dispatcher.timer(at: 1).rescues)
    }

    // MARK: - Time

    @Test mutating func `a claimed task waits until it is due, to the microsecond`() throws {
        self.dispatcher.claim()
        let tasks = DispatcherFixture.tasks(1, dueIn: 0.05)
        let actions = self.dispatcher.claimed(.success(tasks))
        #expect(actions.handOvers.isEmpty)
        #expect(try #require(actions.timer).seconds == 0.05)
        #expect(self.dispatcher.timer(at: 0.049_999).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 0.05).handOvers == [tasks])
        #expect(self.dispatcher.machine.inHand == 1, "nobody has accepted it yet")
    }

    @Test mutating func `a wall clock that is set back delays the hand-over`() {
        self.dispatcher.claim()
        _ = self.dispatcher.claimed(.success(DispatcherFixture.tasks(1, dueIn: 0.05)))
        let early = Now(wall: Sample.time(-1), monotonic: Sample.now(0.05).monotonic)
        #expect(self.dispatcher.machine.timerFired(now: early).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 0.06).handOvers.count == 1)
    }

    @Test mutating func `a clock that is set back while tasks wait for a hand-over fires nothing early`() {
        self.dispatcher = DispatcherFixture { $0.handOversAtOnce = 1 }
        self.dispatcher.claim()
        _ = self.dispatcher.claimed(.success(DispatcherFixture.tasks(300, dueIn: 0.05)))
        #expect(self.dispatcher.timer(at: 0.06).handOvers.map(\.count) == [256])
        let early = Now(wall: Sample.time(-1), monotonic: Sample.now(0.07).monotonic)
        let actions = self.dispatcher.machine.handOverReplied(
            0, .success((0..<256).map { _ in .accepted }), now: early, using: &self.dispatcher.random)
        #expect(actions.handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 0.08).handOvers.map(\.count) == [44])
    }

    @Test mutating func `a task is handed over when it is due by the slowest clock of the database, too`() {
        let tasks = DispatcherFixture.tasks(1, dueIn: 0.05)
        let clocks = [500, -300, -200].map { offset in
            NodeClock(node: "n", offset: .milliseconds(offset), uncertainty: .milliseconds(10))
        }
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.machine.clocksReplied(.success(clocks), now: Sample.now())
        _ = self.dispatcher.settings([])
        let dueBy = self.dispatcher.dueLanes(["f"]).claim?.dueBy
        #expect(dueBy == Sample.time(2).advanced(by: .milliseconds(-290)))
        let actions = self.dispatcher.claimed(.success(tasks))
        #expect(actions.handOvers.isEmpty && actions.timer == Sample.now(0.1).monotonic)
        #expect(self.dispatcher.timer(at: 0.339).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 0.340_001).handOvers == [tasks])
    }

    @Test mutating func `nothing is claimed before the clocks of database nodes were compared`() {
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.settings([])
        #expect(self.dispatcher.dueLanes(["f"]).claim == nil)
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) == nil)
        let actions = self.dispatcher.machine.clocksReplied(.success([]), now: Sample.now())
        #expect(actions.claim != nil)
        #expect(self.dispatcher.machine.expressClaim(now: Sample.now()) != nil)
    }

    @Test mutating func `a clock that jumps ahead of those of database nodes makes nothing early`() {
        let clock = NodeClock(node: "n", offset: .zero, uncertainty: .zero)
        _ = self.dispatcher.machine.started(now: Sample.now())
        _ = self.dispatcher.settings([])
        _ = self.dispatcher.dueLanes(["f"])
        _ = self.dispatcher.machine.clocksReplied(.success([clock]), now: Sample.now())
        let tasks = DispatcherFixture.tasks(1, dueIn: 1)
        #expect(self.dispatcher.claimed(.success(tasks)).handOvers.isEmpty)
        var jumped = Sample.now(0.5)
        jumped.wall = jumped.wall.advanced(by: .seconds(2))
        #expect(self.dispatcher.machine.timerFired(now: jumped).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 1).handOvers == [tasks])
    }

    @Test mutating func `clocks are compared once a minute`() {
        self.dispatcher.start()
        #expect(!self.dispatcher.timer(at: 59).contains(.askClocks))
        #expect(self.dispatcher.timer(at: 60).contains(.askClocks))
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `clocks that cannot be compared are compared a second later`(error: TaskStoreError) {
        _ = self.dispatcher.machine.started(now: Sample.now())
        #expect(!self.dispatcher.machine.clocksReplied(.failure(error), now: Sample.now()).contains(.askClocks))
        #expect(self.dispatcher.timer(at: 1).contains(.askClocks))
    }

    @Test mutating func `the earliest goes first, and all that is due goes together`() {
        self.dispatcher.claim()
        let tasks = [
            Sample.definition(1, dueIn: 0.03), Sample.definition(2, dueIn: 0.01), Sample.definition(3, dueIn: 1),
        ]
        .map { Sample.claimed($0) }
        _ = self.dispatcher.claimed(.success(tasks))
        #expect(self.dispatcher.timer(at: 0.05).handOvers == [[tasks[1], tasks[0]]])
    }

    // MARK: - The answers of a controller

    @Test(arguments: [HandOverAnswer.accepted, .stale])
    mutating func `what a controller accepted, or will not have, is no longer in hand`(answer: HandOverAnswer) {
        self.dispatcher.handOver()
        #expect(self.dispatcher.handedOver(.success([answer])).settlements.isEmpty)
        #expect(self.dispatcher.machine.inHand == 0)
    }

    @Test mutating func `what a controller deferred is handed over again after a pause that doubles`() {
        self.dispatcher.handOver()
        var now = 0.0
        for (id, pause) in [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 0.64].enumerated() {
            #expect(self.dispatcher.handedOver(.success([.deferred]), id: UInt64(id), at: now).handOvers.isEmpty)
            #expect(self.dispatcher.timer(at: now + pause - 0.001).handOvers.isEmpty)
            now += pause
            #expect(self.dispatcher.timer(at: now).handOvers.count == 1)
        }
        #expect(self.dispatcher.machine.inHand == 1)
    }

    @Test mutating func `a controller that accepts some is asked again after the shortest pause`() {
        self.dispatcher.handOver(DispatcherFixture.tasks(2))
        _ = self.dispatcher.handedOver(.success([.deferred, .deferred]))
        _ = self.dispatcher.timer(at: 0.02)
        _ = self.dispatcher.handedOver(.success([.accepted, .deferred]), id: 1, at: 0.02)
        #expect(self.dispatcher.timer(at: 0.04).handOvers.count == 1)
    }

    @Test mutating func `an answer that is too short leaves the rest to their leases`() {
        self.dispatcher.handOver(DispatcherFixture.tasks(2))
        #expect(self.dispatcher.handedOver(.success([.accepted])).settlements.isEmpty)
        #expect(self.dispatcher.machine.inHand == 0)
    }

    @Test mutating func `what was certainly not delivered is handed over again`() {
        self.dispatcher.handOver()
        #expect(self.dispatcher.handedOver(.failure(.notDelivered)).handOvers.isEmpty)
        #expect(self.dispatcher.timer(at: 0.02).handOvers.count == 1)
    }

    @Test mutating func `what may have been delivered is left to its lease`() {
        self.dispatcher.handOver()
        let actions = self.dispatcher.handedOver(.failure(.unknown))
        #expect(actions.settlements.isEmpty && actions.handOvers.isEmpty)
        #expect(self.dispatcher.machine.inHand == 0)
    }

    @Test mutating func `what no controller takes while its lease lasts is given back, due as before`() {
        self.dispatcher.handOver()
        _ = self.dispatcher.handedOver(.success([.deferred]))
        let actions = self.dispatcher.timer(at: 12.5)
        #expect(actions.settlements.map(\.change) == [.release(at: Sample.time(0))])
        #expect(actions.handOvers.isEmpty)
        #expect(self.dispatcher.machine.inHand == 0)
    }

    @Test mutating func `while the store is away it hands over what it holds`() {
        self.dispatcher.claim()
        let tasks = DispatcherFixture.tasks(1, dueIn: 1)
        _ = self.dispatcher.claimed(.success(tasks))
        _ = self.dispatcher.timer(at: 0.5)
        _ = self.dispatcher.dueLanes(.failure(self.away), at: 0.6)
        #expect(self.dispatcher.timer(at: 1).handOvers == [tasks])
    }

    // MARK: - Settling

    @Test mutating func `a settlement that was done is not repeated`() {
        self.release()
        #expect(self.dispatcher.settled(.success([.done]), at: 12.5).settlements.isEmpty)
        #expect(self.dispatcher.timer(at: 14).settlements.isEmpty)
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `a settlement that failed is repeated after a pause`(error: TaskStoreError) {
        let settlements = self.release()
        #expect(self.dispatcher.settled(.failure(error), at: 12.5).settlements.isEmpty)
        #expect(self.dispatcher.timer(at: 14).settlements == settlements)
    }

    /// Up to the settlement that is under way, at 12.5 s.
    @discardableResult
    private mutating func release() -> [Settlement] {
        self.dispatcher.handOver()
        _ = self.dispatcher.handedOver(.success([.deferred]))
        let settlements = self.dispatcher.timer(at: 12.5).settlements
        #expect(settlements.count == 1)
        return settlements
    }

    // MARK: - Limits

    @Test mutating func `no more is claimed than there is room for`() {
        self.dispatcher = DispatcherFixture { $0.heldTasks = 3 }
        #expect(self.dispatcher.claim()?.limit == 3)
        _ = self.dispatcher.claimed(.success(DispatcherFixture.tasks(3, dueIn: 1)))
        let full = self.dispatcher.timer(at: 0.5)
        #expect(full.claim == nil && !full.contains(.askDueLanes))
        _ = self.dispatcher.timer(at: 1)
        #expect(
            self.dispatcher.handedOver(.success([.accepted, .deferred, .accepted]), at: 1).contains(.askDueLanes))
        #expect(self.dispatcher.dueLanes(["f"], at: 1).claim?.limit == 2)
    }

    @Test mutating func `no more bytes are claimed than there is room for`() {
        self.dispatcher = DispatcherFixture { $0.heldBytes = 2000 }
        #expect(self.dispatcher.claim()?.limitBytes == 2000)
        let task = DispatcherFixture.tasks(1, dueIn: 1, payload: 500)
        _ = self.dispatcher.claimed(.success(task))
        _ = self.dispatcher.timer(at: 0.5)
        let room = 2000 - task[0].definition.weightBytes
        #expect(self.dispatcher.dueLanes(["f"], at: 0.5).claim?.limitBytes == room)
        _ = self.dispatcher.claimed(
            .success(DispatcherFixture.tasks(1, dueIn: 1, first: 2, payload: 2000)), at: 0.5)
        let full = self.dispatcher.timer(at: 0.9)
        #expect(full.claim == nil && !full.contains(.askDueLanes))
    }

    @Test mutating func `a claim that the bytes may have cut short is followed by another one`() {
        self.dispatcher = DispatcherFixture { $0.heldBytes = 2000 }
        self.dispatcher.claim()
        let task = DispatcherFixture.tasks(1, payload: 1200)
        #expect(self.dispatcher.claimed(.success(task)).claim != nil)
        #expect(self.dispatcher.claimed(.success([])).claim == nil, "now it is known that there is no more")
    }

    @Test mutating func `hand-overs are batches of a limited size, and only some of them are under way`() {
        self.dispatcher = DispatcherFixture { $0.laneTasks = 4096 }
        self.dispatcher.claim()
        for round in 0..<3 as Range<UInt64> {
            let tasks = DispatcherFixture.tasks(Limits.claimBatch, dueIn: 0.01, first: 1000 * round)
            _ = self.dispatcher.claimed(.success(tasks))
        }
        let batches = self.dispatcher.timer(at: 0.02).handOvers.map(\.count)
        #expect(batches == [Limits.handOverBatch, Limits.handOverBatch, Limits.handOverBatch, Limits.handOverBatch])
        #expect(self.dispatcher.machine.inHand == 3 * Limits.claimBatch)
    }

    // MARK: - The end

    @Test mutating func `an idle dispatcher stops as soon as its questions are answered and it has left`() {
        _ = self.dispatcher.machine.started(now: Sample.now())
        #expect(self.dispatcher.machine.shutdownRequested(now: Sample.now()).isEmpty)
        #expect(self.dispatcher.dueLanes(["f"]).isEmpty, "nothing is claimed any more")
        #expect(self.dispatcher.rescued(.success(0)).isEmpty)
        #expect(self.dispatcher.settings([]).isEmpty)
        #expect(self.dispatcher.machine.clocksReplied(.failure(self.away), now: Sample.now()).isEmpty)
        #expect(self.dispatcher.beat(.success([])) == [.leave(Sample.owner)])
        #expect(self.dispatcher.machine.leaveReplied(now: Sample.now()) == [.stopped])
        #expect(self.dispatcher.timer(at: 1).isEmpty)
    }

    @Test mutating func `what is held is given back before it stops`() {
        self.dispatcher.claim()
        _ = self.dispatcher.claimed(.success(DispatcherFixture.tasks(2, dueIn: 1)))
        let actions = self.dispatcher.machine.shutdownRequested(now: Sample.now())
        #expect(actions.first == .leave(Sample.owner))
        #expect(actions.settlements.map(\.change) == [.release(at: Sample.time(1)), .release(at: Sample.time(1))])
        #expect(self.dispatcher.machine.leaveReplied(now: Sample.now()).isEmpty)
        #expect(self.dispatcher.settled(.success([.done, .done])) == [.stopped])
    }

    @Test mutating func `what is claimed after the shutdown began is given back as well`() {
        self.dispatcher.claim()
        self.shutDown()
        #expect(self.dispatcher.claimed(.success(DispatcherFixture.tasks(1, dueIn: 1))).settlements.count == 1)
        #expect(self.dispatcher.settled(.success([.done])) == [.stopped])
    }

    @Test(arguments: [HandOverAnswer.deferred, .deferredFunction])
    mutating func `it waits for its hand-overs, and gives back what is deferred`(answer: HandOverAnswer) {
        self.dispatcher.handOver(DispatcherFixture.tasks(2))
        self.shutDown()
        let actions = self.dispatcher.handedOver(.success([.accepted, answer]))
        #expect(actions.settlements.map(\.change) == [.release(at: Sample.time(0))])
        #expect(self.dispatcher.settled(.success([.done])) == [.stopped])
    }

    @Test mutating func `it does not wait for a store that is away`() {
        self.dispatcher.claim()
        _ = self.dispatcher.claimed(.success(DispatcherFixture.tasks(1, dueIn: 1)))
        self.shutDown()
        #expect(self.dispatcher.settled(.failure(self.away)) == [.stopped])
    }

    @Test mutating func `a draining dispatcher sets no timer to a moment that has passed`() {
        self.dispatcher.handOver()
        _ = self.dispatcher.timer(at: 1)
        _ = self.dispatcher.rescued(.failure(self.away), at: 1)
        self.shutDown()
        #expect(self.dispatcher.timer(at: 3).isEmpty, "there is nothing to wait for but the answer")
    }

    private mutating func shutDown() {
        let actions = self.dispatcher.machine.shutdownRequested(now: Sample.now())
        #expect(!actions.contains(.stopped))
        if actions.contains(.leave(Sample.owner)) {
            #expect(!self.dispatcher.machine.leaveReplied(now: Sample.now()).contains(.stopped))
        }
    }
}
