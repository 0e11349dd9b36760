internal import GearclockCore

/// Who asked the store, and for what: the answer is reported to it if it still lives.
struct StoreCaller {
    enum Question {
        case intake, nextDue, claim, rescue, dispatcherSettle, controllerSettle, extend, client
    }

    var node: Int
    var incarnation: Int
    var question: Question
}

struct StoreCall {
    var caller: StoreCaller
    var request: StoreRequest
    /// The caller's clock when it asked.
    var now: Timestamp
}

enum StoreRequest {
    case insert([TaskDefinition], express: ExpressClaim?)
    case claimDue(ClaimRequest)
    case extend([Claim], leaseUntil: Timestamp)
    case settle([Settlement])
    case rescueExpired(endedBefore: Timestamp, limit: Int)
    case nextDue
    case cancel([TaskID], removeAt: Timestamp)
    case eject([TaskID])
}

enum StoreReply {
    case inserted([InsertOutcome])
    case claimed([ClaimedTask])
    case fenced([FencedOutcome])
    case rescued(Int)
    case nextDue(Timestamp?)
    case cancelled([CancelOutcome])
    case ejected
}

/// What becomes of a call.
enum StoreFate: Int, CaseIterable {
    case answered
    /// Refused; nothing happens.
    case unavailable
    case conflict
    /// The answer is lost, and it happens.
    case unknownDone
    /// The answer is lost, and it does not happen.
    case unknownNotDone
    /// The answer is lost, and it happens after the caller was told.
    case unknownDoneLater

    struct Weights {
        var weights = [Double](repeating: 0, count: StoreFate.allCases.count)

        init() {
            self.weights[StoreFate.answered.rawValue] = 1
        }

        init(_ dice: inout Dice) {
            self.init()
            for fate in StoreFate.allCases.dropFirst() where dice.chance(0.4) {
                self.weights[fate.rawValue] = dice.pick([0.002, 0.02, 0.2])
            }
        }
    }
}

/// The reference of all stores, which may be away, slow, or full of planted bugs.
struct SimulatedStore {
    private(set) var model = TaskStoreModel()
    /// It is away until then.
    var awayUntil: Int64 = 0
    /// Every call takes this much longer until then.
    var slowUntil: Int64 = 0
    var slowness: Int64 = 0

    func isAway(at time: Int64) -> Bool { time < self.awayUntil }

    mutating func perform(_ request: StoreRequest, now: Timestamp) -> StoreReply {
        switch request {
        case .insert(let tasks, let express): .inserted(self.model.insert(tasks, express: express))
        case .claimDue(let request): .claimed(self.model.claimDue(request))
        case .extend(let claims, let leaseUntil): .fenced(self.model.extend(claims, leaseUntil: leaseUntil))
        case .settle(let settlements): .fenced(self.model.settle(settlements, now: now))
        case .rescueExpired(let endedBefore, let limit):
            .rescued(self.model.rescueExpired(endedBefore: endedBefore, limit: limit, now: now))
        case .nextDue: .nextDue(self.model.nextDue())
        case .cancel(let ids, let removeAt): .cancelled(self.model.cancel(ids, removeAt: removeAt, now: now))
        case .eject(let ids): self.eject(ids)
        }
    }

    mutating func prune(now: Timestamp) -> Int {
        self.model.prune(limit: Limits.settleBatch, now: now)
    }

    private mutating func eject(_ ids: [TaskID]) -> StoreReply {
        self.model.eject(ids)
        return .ejected
    }
}

extension StoreRequest {
    /// The same request as a store with a planted bug understands it.
    func sabotaged(by canary: Canary, _ model: TaskStoreModel, _ dice: inout Dice) -> StoreRequest {
        switch (canary, self) {
        case (.storeIgnoresAttempt, .settle(let settlements)):
            .settle(settlements.map { Settlement(model.present($0.claim), $0.change) })
        case (.storeIgnoresAttempt, .extend(let claims, let leaseUntil)):
            .extend(claims.map(model.present), leaseUntil: leaseUntil)
        case (.noRescue, .rescueExpired(let endedBefore, _)):
            .rescueExpired(endedBefore: endedBefore, limit: 0)
        default:
            self
        }
    }
}

extension TaskStoreModel {
    /// The claim that holds now, if it is the same owner's.
    fileprivate func present(_ claim: Claim) -> Claim {
        guard let record = self.records[claim.id], record.owner == claim.owner else { return claim }
        return Claim(id: claim.id, owner: claim.owner, attempt: record.attempt)
    }
}
