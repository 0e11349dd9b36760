package import GearclockCore
package import GearclockEnvironment
package import Gearman
internal import Logging

/// The dispatcher daemon: claims due tasks and hands them over. `DispatcherStateMachine` decides, this performs.
package actor DispatcherService {
    private nonisolated let eventLoop: GearmanEventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.eventLoop.executor.asUnownedSerialExecutor()
    }

    private let store: any TaskStore
    private let handOver: any TaskHandOver
    private let environment: ServiceEnvironment
    private let work = StructuredWork()
    private var machine: DispatcherStateMachine
    private var random: SeededGenerator
    private var wakeUp = WakeUp()
    private var condition = StoreCondition()
    private var clockCondition = ClockCondition()
    private var members: [OwnerID] = []
    /// Calls whoever waits for room in the express lane.
    private var onRoom: @Sendable () -> Void = {}

    package init(
        store: any TaskStore, handOver: any TaskHandOver, policy: DispatcherPolicy = DispatcherPolicy(),
        environment: ServiceEnvironment, eventLoop: GearmanEventLoop = .shared
    ) {
        self.eventLoop = eventLoop
        self.store = store
        self.handOver = handOver
        self.environment = environment
        self.random = SeededGenerator(seed: environment.seed)
        self.machine = DispatcherStateMachine(owner: OwnerID(using: &self.random), policy: policy)
    }

    /// Runs until it is drained after ``beginShutdown()``, or until its task is cancelled.
    package func run() async {
        self.perform(self.machine.started(now: self.environment.now))
        await self.work.run()
    }

    /// Claims nothing more, gives back what is not handed over, then ``run()`` returns.
    package nonisolated func beginShutdown() {
        self.enter { $0.perform($0.machine.shutdownRequested(now: $0.environment.now)) }
    }

    /// For a worker daemon in this process, on the same event loop: what it stores for soon waits for no poll.
    package nonisolated var expressLane: ExpressLane {
        ExpressLane(
            offer: {
                let now = self.assumeIsolated { $0.environment.now }
                let claim = self.assumeIsolated { $0.machine.expressClaim(now: now) }
                return claim.map { claim in
                    ExpressOffer(claim: claim) { function, dueAt in
                        self.assumeIsolated { $0.machine.admitsExpress(function, dueAt: dueAt, now: now) }
                    }
                }
            },
            stored: { tasks in self.assumeIsolated { $0.stored(tasks) } },
            awaitRoom: { call in self.assumeIsolated { $0.awaitRoom(call) } })
    }

    private func awaitRoom(_ call: @escaping @Sendable () -> Void) {
        self.onRoom = call
        self.machine.roomAwaited()
    }

    private func stored(_ tasks: StoredTasks) {
        let now = self.environment.now
        if !tasks.claimed.isEmpty { self.perform(self.machine.expressStored(tasks.claimed, now: now)) }
        if let due = tasks.nextDue { self.perform(self.machine.taskStored(dueAt: due, now: now)) }
    }

    private nonisolated func enter(_ body: @escaping @Sendable (isolated DispatcherService) -> Void) {
        self.eventLoop.executor.execute { self.assumeIsolated(body) }
    }

    // MARK: - What the machine asks for

    private func perform(_ actions: [DispatcherStateMachine.Action]) {
        for action in actions {
            switch action {
            case .askDueLanes:
                self.work.add { await self.askDueLanes() }
            case .claimDue(let request):
                self.work.add { await self.claimDue(request) }
            case .rescueExpired(let endedBefore, let limit):
                self.work.add { await self.rescueExpired(endedBefore: endedBefore, limit: limit) }
            case .handOver(let id, let tasks, let lane):
                self.work.add { await self.handOver(id, tasks, in: lane) }
            case .offerRoom:
                self.onRoom()
            case .settle(let settlements):
                self.work.add { await self.settle(settlements) }
            case .beat(let owner):
                self.work.add { await self.beat(owner) }
            case .leave(let owner):
                self.work.add { await self.leave(owner) }
            case .askSettings:
                self.work.add { await self.askSettings() }
            case .askClocks:
                self.work.add { await self.askClocks() }
            case .setTimer(let moment):
                if self.wakeUp.schedule(moment) { self.work.add { await self.sleep(until: moment) } }
            case .stopped:
                self.work.finish()
            }
        }
    }

    private func sleep(until moment: MonotonicInstant) async {
        do { try await self.environment.clock.sleep(until: moment) } catch { return }
        self.wakeUp.fired(moment)
        self.perform(self.machine.timerFired(now: self.environment.now))
    }

    private func askDueLanes() async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in try await self.store.dueLanes() }
        self.observe(reply, to: .read, since: began)
        self.perform(self.machine.dueLanesReplied(reply, now: self.environment.now, using: &self.random))
    }

    private func claimDue(_ request: ClaimRequest) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.claimDue(request, now: began.wall)
        }
        self.observe(reply, to: .write, since: began)
        self.perform(self.machine.claimReplied(reply, now: self.environment.now, using: &self.random))
    }

    private func rescueExpired(endedBefore: Timestamp, limit: Int) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.rescueExpired(endedBefore: endedBefore, limit: limit, now: began.wall)
        }
        self.observe(reply, to: .write, since: began)
        if case .success(let count) = reply, count > 0 {
            self.environment.logger.warning("Took back tasks of dead daemons", metadata: ["tasks": "\(count)"])
        }
        self.perform(self.machine.rescueReplied(reply, now: self.environment.now, using: &self.random))
    }

    private func handOver(
        _ id: DispatcherStateMachine.HandOverID, _ tasks: [ClaimedTask], in lane: Lane?
    ) async {
        let reply = await self.handOver.handOver(tasks, in: lane)
        self.perform(self.machine.handOverReplied(id, reply, now: self.environment.now, using: &self.random))
    }

    private func settle(_ settlements: [Settlement]) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.settle(settlements, now: began.wall)
        }
        self.observe(reply, to: .write, since: began)
        self.perform(self.machine.settleReplied(reply, now: self.environment.now, using: &self.random))
    }

    private func beat(_ owner: OwnerID) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.beat(owner, role: .dispatcher, now: began.wall)
        }
        self.observe(reply, to: .write, since: began)
        self.perform(self.machine.beatReplied(reply, now: self.environment.now, using: &self.random))
        if self.members != self.machine.members {
            self.members = self.machine.members
            self.environment.logger.info(
                "The dispatchers of the cluster have changed", metadata: ["dispatchers": "\(self.members.count)"])
        }
    }

    private func leave(_ owner: OwnerID) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in try await self.store.leave(owner) }
        self.observe(reply, to: .write, since: began)
        self.perform(self.machine.leaveReplied(now: self.environment.now))
    }

    private func askSettings() async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.functionSettings()
        }
        self.observe(reply, to: .read, since: began)
        self.perform(self.machine.settingsReplied(reply, now: self.environment.now))
    }

    private func askClocks() async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in try await self.store.nodeClocks() }
        self.observe(reply, to: .read, since: began)
        self.clockCondition.observe(reply, logger: self.environment.logger)
        self.perform(self.machine.clocksReplied(reply, now: self.environment.now))
    }

    private func observe<Success>(
        _ reply: Result<Success, TaskStoreError>, to call: StoreCondition.Call, since began: Now
    ) {
        self.condition.observe(
            reply, to: call, began: began.monotonic, now: self.environment.now, logger: self.environment.logger)
    }
}
