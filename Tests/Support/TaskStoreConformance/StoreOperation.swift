internal import GearclockCore

/// One call of a store as a value, so that sequences of calls can be made up, played and shown.
enum StoreOperation: Equatable, Sendable {
    case insert([TaskDefinition], express: ExpressClaim? = nil)
    case claimDue(ClaimRequest)
    case extend([Claim], leaseUntil: Timestamp)
    case settle([Settlement])
    case rescueExpired(endedBefore: Timestamp, limit: Int)
    case dueLanes
    case cancel([TaskID], removeAt: Timestamp)
    case eject([TaskID])
    case list(ListFilter)
    case counts
    case prune(limit: Int)
}

/// What a store answered.
enum StoreAnswer: Equatable, Sendable {
    case inserted([InsertOutcome])
    case claimed([ClaimedTask])
    case fenced([FencedOutcome])
    case count(Int)
    case due([LaneDue])
    case cancelled([CancelOutcome])
    case ejected
    case listed([TaskRecord])
    case counted(TaskCounts)
}

extension TaskStore {
    func perform(_ operation: StoreOperation, now: Timestamp) async throws -> StoreAnswer {
        switch operation {
        case .insert(let tasks, let express):
            .inserted(try await self.insert(tasks, express: express, copies: .configured, now: now).outcomes)
        case .claimDue(let request): .claimed(try await self.claimDue(request, now: now))
        case .extend(let claims, let leaseUntil):
            .fenced(try await self.extend(claims, leaseUntil: leaseUntil, now: now))
        case .settle(let settlements): .fenced(try await self.settle(settlements, now: now))
        case .rescueExpired(let endedBefore, let limit):
            .count(try await self.rescueExpired(endedBefore: endedBefore, limit: limit, now: now))
        case .dueLanes: .due(try await self.dueLanes())
        case .cancel(let ids, let removeAt):
            .cancelled(try await self.cancel(ids, removeAt: removeAt, now: now))
        case .eject(let ids): try await self.ejected(ids, now: now)
        case .list(let filter): .listed(try await self.list(filter))
        case .counts: .counted(try await self.counts(now: now))
        case .prune(let limit): .count(try await self.prune(limit: limit, now: now))
        }
    }

    private func ejected(_ ids: [TaskID], now: Timestamp) async throws -> StoreAnswer {
        try await self.eject(ids, now: now)
        return .ejected
    }
}

extension TaskStoreModel {
    mutating func perform(_ operation: StoreOperation, now: Timestamp) -> StoreAnswer {
        switch operation {
        case .insert(let tasks, let express): return .inserted(self.insert(tasks, express: express))
        case .claimDue(let request): return .claimed(self.claimDue(request))
        case .extend(let claims, let leaseUntil): return .fenced(self.extend(claims, leaseUntil: leaseUntil))
        case .settle(let settlements): return .fenced(self.settle(settlements, now: now))
        case .rescueExpired(let endedBefore, let limit):
            return .count(self.rescueExpired(endedBefore: endedBefore, limit: limit, now: now))
        case .dueLanes: return .due(self.dueLanes())
        case .cancel(let ids, let removeAt): return .cancelled(self.cancel(ids, removeAt: removeAt, now: now))
        case .eject(let ids):
            self.eject(ids)
            return .ejected
        case .list(let filter): return .listed(self.list(filter))
        case .counts: return .counted(self.counts(now: now))
        case .prune(let limit): return .count(self.prune(limit: limit, now: now))
        }
    }
}
