internal import GearclockCore

/// What a simulated process asks of its store on a cluster.
enum ClusterRequest: Equatable {
    case insert([TaskDefinition], express: ExpressClaim?, copies: CopiesDemand)
    case claim(ClaimRequest)
    case extend([Claim], leaseUntil: Timestamp)
    case settle([Settlement])
    case cancel([TaskID], removeAt: Timestamp)
    case rescue(endedBefore: Timestamp)
}

enum ClusterAnswer: Equatable {
    case inserted([InsertOutcome])
    case claimed([ClaimedTask])
    case fenced([FencedOutcome])
    case cancelled([CancelOutcome])
    case count(Int)

    var inserted: [InsertOutcome] {
        guard case .inserted(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }

    var claimed: [ClaimedTask] {
        guard case .claimed(let tasks) = self else { preconditionFailure("Another answer was expected") }
        return tasks
    }

    var fenced: [FencedOutcome] {
        guard case .fenced(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }

    var cancelled: [CancelOutcome] {
        guard case .cancelled(let outcomes) = self else { preconditionFailure("Another answer was expected") }
        return outcomes
    }

    /// Whether everything was there to be changed. If not, a node that is behind may be wrong.
    var isComplete: Bool {
        switch self {
        case .inserted(let outcomes): outcomes.allSatisfy { $0 == .inserted }
        case .fenced(let outcomes): outcomes.allSatisfy { $0 == .done }
        // A claim that finds what its owner claimed before would take that for its own, if its outcome is unknown.
        case .cancelled, .count, .claimed: false
        }
    }
}

/// All operations of the core in one type, so that one kind of call machine serves a whole world.
enum ClusterWork: ClusterOperation {
    case insert(InsertOperation)
    case claim(ClaimOperation)
    case settle(SettleOperation)
    case cancel(CancelOperation)
    case other(RepeatableOperation<ClusterAnswer>)

    init(_ request: ClusterRequest) {
        self =
            switch request {
            case .insert(let tasks, let express, _): .insert(InsertOperation(tasks, express: express))
            case .claim(let request): .claim(ClaimOperation(request))
            case .settle(let settlements): .settle(SettleOperation(settlements))
            case .cancel(let ids, _): .cancel(CancelOperation(ids))
            case .extend(let claims, _): .other(RepeatableOperation(.claim(by: claims.first?.owner)))
            case .rescue: .other(RepeatableOperation(.claim(by: nil)))
            }
    }

    var purpose: ClusterStateMachine.Purpose {
        switch self {
        case .insert(let operation): operation.purpose
        case .claim(let operation): operation.purpose
        case .settle(let operation): operation.purpose
        case .cancel(let operation): operation.purpose
        case .other(let operation): operation.purpose
        }
    }

    var openCount: Int {
        switch self {
        case .insert(let operation): operation.openCount
        case .claim(let operation): operation.openCount
        case .settle(let operation): operation.openCount
        case .cancel(let operation): operation.openCount
        case .other(let operation): operation.openCount
        }
    }

    var idsToLookUp: [TaskID] {
        switch self {
        case .insert(let operation): operation.idsToLookUp
        case .claim(let operation): operation.idsToLookUp
        case .settle(let operation): operation.idsToLookUp
        case .cancel(let operation): operation.idsToLookUp
        case .other(let operation): operation.idsToLookUp
        }
    }

    var answer: ClusterAnswer {
        switch self {
        case .insert(let operation): .inserted(operation.answer)
        case .claim(let operation): .claimed(operation.answer)
        case .settle(let operation): .fenced(operation.answer)
        case .cancel(let operation): .cancelled(operation.answer)
        case .other(let operation): operation.answer
        }
    }

    mutating func committed(_ answer: ClusterAnswer) {
        self.change(
            { $0.committed(answer.inserted) }, { $0.committed(answer.claimed) }, { $0.committed(answer.fenced) },
            { $0.committed(answer.cancelled) }, { $0.committed(answer) })
    }

    mutating func lost(_ answer: ClusterAnswer?) {
        self.change(
            { $0.lost(answer?.inserted) }, { $0.lost(answer?.claimed) }, { $0.lost(answer?.fenced) },
            { $0.lost(answer?.cancelled) }, { $0.lost(answer) })
    }

    mutating func looked(_ rows: [TaskID: StandingTask]) {
        self.change(
            { $0.looked(rows) }, { $0.looked(rows) }, { $0.looked(rows) }, { $0.looked(rows) }, { $0.looked(rows) })
    }

    /// The request for what is still open.
    func open(of request: ClusterRequest) -> ClusterRequest {
        switch (self, request) {
        case (.insert(let operation), .insert(_, let express, let copies)):
            .insert(operation.openTasks, express: express, copies: copies)
        case (.settle(let operation), .settle): .settle(operation.openSettlements)
        default: request
        }
    }

    private mutating func change(
        _ insert: (inout InsertOperation) -> Void, _ claim: (inout ClaimOperation) -> Void,
        _ settle: (inout SettleOperation) -> Void, _ cancel: (inout CancelOperation) -> Void,
        _ other: (inout RepeatableOperation<ClusterAnswer>) -> Void
    ) {
        switch self {
        case .insert(var operation):
            insert(&operation)
            self = .insert(operation)
        case .claim(var operation):
            claim(&operation)
            self = .claim(operation)
        case .settle(var operation):
            settle(&operation)
            self = .settle(operation)
        case .cancel(var operation):
            cancel(&operation)
            self = .cancel(operation)
        case .other(var operation):
            other(&operation)
            self = .other(operation)
        }
    }
}

extension TaskStoreModel {
    /// Does what is asked, as a transaction of a real store does.
    mutating func perform(_ request: ClusterRequest, now: Timestamp) -> ClusterAnswer {
        switch request {
        case .insert(let tasks, let express, _): .inserted(self.insert(tasks, express: express))
        case .claim(let request): .claimed(self.claimDue(request))
        case .extend(let claims, let leaseUntil): .fenced(self.extend(claims, leaseUntil: leaseUntil))
        case .settle(let settlements): .fenced(self.settle(settlements, now: now))
        case .cancel(let ids, let removeAt): .cancelled(self.cancel(ids, removeAt: removeAt, now: now))
        case .rescue(let endedBefore): .count(self.rescueExpired(endedBefore: endedBefore, limit: 10, now: now))
        }
    }

    func standing(_ ids: [TaskID]) -> [StandingTask] {
        ids.compactMap { self.records[$0] }.map { record in
            StandingTask(
                id: record.id, state: record.state, owner: record.owner, attempt: record.attempt,
                failures: record.failures, dueAt: record.definition.dueAt, removeAt: record.removeAt)
        }
    }
}
