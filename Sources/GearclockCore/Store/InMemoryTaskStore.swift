/// The reference of every store: the contract of ``TaskStore`` in plain collections. Volatile, for tests and
/// simulation.
package actor InMemoryTaskStore: TaskStore {
    private var model = TaskStoreModel()

    package init() {}

    package func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand, now: Timestamp
    ) throws(TaskStoreError) -> InsertReply {
        try copies.requireOneCopy()
        return InsertReply(self.model.insert(tasks, express: express), nodes: ["memory"])
    }

    package func claimDue(_ request: ClaimRequest, now: Timestamp) -> [ClaimedTask] {
        self.model.claimDue(request)
    }

    package func extend(_ claims: [Claim], leaseUntil: Timestamp, now: Timestamp) -> [FencedOutcome] {
        self.model.extend(claims, leaseUntil: leaseUntil)
    }

    package func settle(_ settlements: [Settlement], now: Timestamp) -> [FencedOutcome] {
        self.model.settle(settlements, now: now)
    }

    package func rescueExpired(endedBefore: Timestamp, limit: Int, now: Timestamp) -> Int {
        self.model.rescueExpired(endedBefore: endedBefore, limit: limit, now: now)
    }

    package func dueLanes() -> [LaneDue] {
        self.model.dueLanes()
    }

    package func cancel(_ ids: [TaskID], removeAt: Timestamp, now: Timestamp) -> [CancelOutcome] {
        self.model.cancel(ids, removeAt: removeAt, now: now)
    }

    package func eject(_ ids: [TaskID], now: Timestamp) {
        self.model.eject(ids)
    }

    package func records(of ids: [TaskID]) -> [TaskRecord?] {
        self.model.records(of: ids)
    }

    package func list(_ filter: ListFilter) -> [TaskRecord] {
        self.model.list(filter)
    }

    package func counts(now: Timestamp) -> TaskCounts {
        self.model.counts(now: now)
    }

    package func prune(limit: Int, now: Timestamp) -> Int {
        self.model.prune(limit: limit, now: now)
    }

    package func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) -> [Member] {
        self.model.beat(id, role: role, now: now)
    }

    package func leave(_ id: OwnerID) {
        self.model.leave(id)
    }

    package func functionSettings() -> [FunctionSettings] {
        self.model.functionSettings()
    }

    package func changeFunctions(_ functions: [FunctionName], _ change: FunctionChange) -> [FunctionSettings] {
        self.model.changeFunctions(functions, change)
    }

    package func nodeClocks() -> [NodeClock] { [] }
}
