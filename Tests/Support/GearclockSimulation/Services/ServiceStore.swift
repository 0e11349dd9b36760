internal import GearclockCore

/// The store as one simulated process reaches it: calls take their time, fail, or are answered by nobody.
struct ServiceStore: TaskStore {
    let world: ServiceWorld
    let process: ProcessName
    let role: Machine

    func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand, now: Timestamp
    ) async throws(TaskStoreError) -> InsertReply {
        try copies.requireOneCopy()
        self.world.enter { $0.takenIn(tasks, by: self.process) }
        let outcomes = try await self.ask(.intake, .insert(tasks, express: express), now).inserted
        return InsertReply(outcomes, nodes: ["simulated"])
    }

    func claimDue(_ request: ClaimRequest, now: Timestamp) async throws(TaskStoreError) -> [ClaimedTask] {
        try await self.ask(.claim, .claimDue(request), now).claimed
    }

    func extend(
        _ claims: [Claim], leaseUntil: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [FencedOutcome] {
        try await self.ask(.extend, .extend(claims, leaseUntil: leaseUntil), now).fenced
    }

    func settle(_ settlements: [Settlement], now: Timestamp) async throws(TaskStoreError) -> [FencedOutcome] {
        let question: StoreCaller.Question = self.role == .controller ? .controllerSettle : .dispatcherSettle
        return try await self.ask(question, .settle(settlements), now).fenced
    }

    func rescueExpired(endedBefore: Timestamp, limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.ask(.rescue, .rescueExpired(endedBefore: endedBefore, limit: limit), now).rescued
    }

    func dueLanes() async throws(TaskStoreError) -> [LaneDue] {
        try await self.ask(.dueLanes, .dueLanes, .epoch).dueLanes
    }

    func cancel(
        _ ids: [TaskID], removeAt: Timestamp, now: Timestamp
    ) async throws(TaskStoreError) -> [CancelOutcome] {
        if self.world.canary == .falseCancel { return ids.map { _ in .cancelled } }
        return try await self.ask(.client, .cancel(ids, removeAt: removeAt), now).cancelled
    }

    func eject(_ ids: [TaskID], now: Timestamp) async throws(TaskStoreError) {
        _ = try await self.ask(.client, .eject(ids), now)
    }

    func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) async throws(TaskStoreError) -> [Member] {
        let question: StoreCaller.Question = role == .controller ? .controllerBeat : .dispatcherBeat
        let members = try await self.ask(question, .beat(id, role), now).members
        if role == .controller { self.world.enter { $0.nodes[self.process.node].hearsBeats.heard(at: $0.time) } }
        return members
    }

    func leave(_ id: OwnerID) async throws(TaskStoreError) {
        let question: StoreCaller.Question = self.role == .controller ? .controllerLeave : .dispatcherLeave
        _ = try await self.ask(question, .leave(id), .epoch)
    }

    func functionSettings() async throws(TaskStoreError) -> [FunctionSettings] {
        guard self.role == .controller else {
            let settings = try await self.ask(.dispatcherSettings, .functionSettings, .epoch).settings
            return self.world.canary == .ignoresPause ? [] : settings
        }
        var settings = try await self.ask(.settings, .functionSettings, .epoch).settings
        self.world.enter { $0.nodes[self.process.node].hearsSettings.heard(at: $0.time) }
        if self.world.canary == .looseLimits {
            for index in settings.indices { settings[index].inFlight = settings[index].inFlight.map { 10 * $0 } }
        }
        return settings
    }

    func changeFunctions(
        _ functions: [FunctionName], _ change: FunctionChange
    ) async throws(TaskStoreError) -> [FunctionSettings] {
        try await self.call(.client) { $0.changeFunctions(functions, change) }
    }

    func nodeClocks() async throws(TaskStoreError) -> [NodeClock] {
        let asked = self.world.enter { $0.clocks(of: self.process) }
        let times = try await self.ask(.dispatcherClocks, .nodeClocks, asked.wall).clocks
        if self.world.canary == .ignoresNodeClocks { return [] }
        return self.world.enter { world in
            let now = world.clocks(of: self.process)
            let took = asked.monotonic.duration(to: now.monotonic)
            world.nodes[self.process.node].clockPlay = took
            return NodeClock.compared(times, took: took, now: now.wall)
        }
    }

    // MARK: - What clients ask about

    func records(of ids: [TaskID]) async throws(TaskStoreError) -> [TaskRecord?] {
        if self.world.canary == .hidesTasks { return ids.map { _ in nil } }
        return try await self.call(.client) { $0.store.model.records(of: ids) }
    }

    func list(_ filter: ListFilter) async throws(TaskStoreError) -> [TaskRecord] {
        let records = try await self.call(.client) { $0.store.model.list(filter) }
        return self.world.canary == .cutsLists ? records.dropLast() : records
    }

    func counts(now: Timestamp) async throws(TaskStoreError) -> TaskCounts {
        var counts = try await self.call(.client) { $0.store.model.counts(now: now) }
        if self.world.canary == .miscounts { counts.scheduled = 0 }
        return counts
    }

    func prune(limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int {
        try await self.call(.client) { $0.prune(limit: limit, now: now) }
    }

    // MARK: - The way there and back

    private func ask(
        _ question: StoreCaller.Question, _ request: StoreRequest, _ now: Timestamp
    ) async throws(TaskStoreError) -> StoreReply {
        let canary = self.world.canary
        if canary == .dropsSettlement, question == .controllerSettle, self.world.enter({ $0.dice.chance(0.1) }) {
            await self.world.silence(self.process)
            throw .unavailable("a planted bug")
        }
        do throws(TaskStoreError) {
            return try await self.call(question) { $0.apply(request, now: now) }
        } catch {
            guard canary == .swallowsError, case .insert(let tasks, _) = request else { throw error }
            return .inserted(tasks.map { _ in .inserted })
        }
    }

    private func call<Reply: Sendable>(
        _ question: StoreCaller.Question, _ body: @escaping @Sendable (isolated ServiceWorld) -> Reply
    ) async throws(TaskStoreError) -> Reply {
        try await withCheckedContinuation { continuation in
            self.world.enter { $0.call(question, self.process, continuation, body) }
        }.get()
    }
}

extension StoreReply {
    fileprivate var cancelled: [CancelOutcome] {
        guard case .cancelled(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }
}
