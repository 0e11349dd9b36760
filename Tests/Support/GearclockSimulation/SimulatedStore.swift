internal import GearclockCore

/// Who asked the store, and for what: the answer is reported to it if it still lives.
struct StoreCaller {
    enum Question: Int {
        case intake, dueLanes, claim, rescue, dispatcherSettle, dispatcherBeat, dispatcherLeave, dispatcherSettings,
            dispatcherClocks, controllerSettle, extend, client, controllerBeat, controllerLeave, settings
    }

    var node: Int
    var incarnation: Int
    var question: Question
    /// Of an insert, among those that are under way.
    var place: IntakeStateMachine.Place = 0
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
    case dueLanes
    case cancel([TaskID], removeAt: Timestamp)
    case eject([TaskID])
    case beat(OwnerID, MemberRole)
    case leave(OwnerID)
    case functionSettings
    case setFunctionSettings([FunctionSettings])
    case nodeClocks
}

enum StoreReply {
    case inserted([InsertOutcome])
    case claimed([ClaimedTask])
    case fenced([FencedOutcome])
    case rescued(Int)
    case dueLanes([LaneDue])
    case cancelled([CancelOutcome])
    case ejected
    case members([Member])
    case settings([FunctionSettings])
    /// What the clocks of its nodes show.
    case clocks([Timestamp])
    /// There is nothing to say.
    case done
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

        /// Whether any call may go wrong.
        var hasFaults: Bool { self.weights.dropFirst().contains { $0 > 0 } }

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
    /// How far the clocks of its nodes are ahead of the truth, in microseconds.
    private let clockOffsets: [Int64]

    init(seed: UInt64, clockLimit: Int64) {
        var dice = Dice(seed: seed, .clocks, 0)
        self.clockOffsets = (0..<dice.below(4)).map { _ in dice.between(-clockLimit, clockLimit) }
    }

    func isAway(at time: Int64) -> Bool { time < self.awayUntil }

    /// - Parameters:
    ///   - now: the clock of whoever asks, when he asked.
    ///   - trueNow: when the question arrives.
    mutating func perform(_ request: StoreRequest, now: Timestamp, trueNow: Timestamp) -> StoreReply {
        switch request {
        case .insert(let tasks, let express): .inserted(self.model.insert(tasks, express: express))
        case .claimDue(let request): .claimed(self.model.claimDue(request))
        case .extend(let claims, let leaseUntil): .fenced(self.model.extend(claims, leaseUntil: leaseUntil))
        case .settle(let settlements): .fenced(self.model.settle(settlements, now: now))
        case .rescueExpired(let endedBefore, let limit):
            .rescued(self.model.rescueExpired(endedBefore: endedBefore, limit: limit, now: now))
        case .dueLanes: .dueLanes(self.model.dueLanes())
        case .cancel(let ids, let removeAt): .cancelled(self.model.cancel(ids, removeAt: removeAt, now: now))
        case .eject(let ids): self.eject(ids)
        case .beat(let id, let role): .members(self.model.beat(id, role: role, now: now))
        case .leave(let id): self.leave(id)
        case .functionSettings: .settings(self.model.functionSettings())
        case .setFunctionSettings(let settings): self.setFunctionSettings(settings)
        case .nodeClocks: .clocks(self.clocks(at: trueNow))
        }
    }

    func clocks(at trueNow: Timestamp) -> [Timestamp] {
        self.clockOffsets.map { trueNow.advanced(by: .microseconds($0)) }
    }

    mutating func prune(now: Timestamp) -> Int {
        self.model.prune(limit: Limits.settleBatch, now: now)
    }

    /// The planted bug: one task that has ended is scheduled again.
    mutating func revive() {
        let ended = self.model.records.values.filter { $0.state.isFinal }
        guard var record = ended.min(by: { $0.id < $1.id }) else { return }
        record.state = .scheduled
        record.finishedAt = nil
        record.removeAt = nil
        self.model.replicate(record.id, record)
    }

    /// The planted bug: how a task ended is not written down.
    mutating func forget(_ outcome: AttemptOutcome) {
        for var record in self.model.records.values where record.history.last?.outcome == outcome {
            record.history.removeLast()
            self.model.replicate(record.id, record)
        }
    }

    private mutating func eject(_ ids: [TaskID]) -> StoreReply {
        self.model.eject(ids)
        return .ejected
    }

    private mutating func leave(_ id: OwnerID) -> StoreReply {
        self.model.leave(id)
        return .done
    }

    mutating func changeFunctions(_ functions: [FunctionName], _ change: FunctionChange) -> [FunctionSettings] {
        self.model.changeFunctions(functions, change)
    }

    private mutating func setFunctionSettings(_ settings: [FunctionSettings]) -> StoreReply {
        for wanted in settings {
            let limit = { (value: UInt32?) in value.map(FunctionChange.Limit.set) ?? .removed }
            let change = FunctionChange(
                isPaused: wanted.isPaused, inFlight: limit(wanted.inFlight),
                perThousandSeconds: limit(wanted.perThousandSeconds), queueWatermark: limit(wanted.queueWatermark))
            _ = self.changeFunctions([wanted.function], change)
        }
        return .done
    }
}

extension NodeClock {
    /// What somebody makes of the answer to his question.
    /// - Parameter took: from the question to the answer.
    static func compared(_ times: [Timestamp], took: Duration, now: Timestamp) -> [NodeClock] {
        let asked = now.advanced(by: took / 2 * -1)
        return times.enumerated().map { index, time in
            NodeClock(node: "n\(index)", offset: asked.duration(to: time), uncertainty: took / 2)
        }
    }
}

extension StoreRequest {
    /// The same request as a store with a planted bug understands it.
    func sabotaged(by canary: Canary, _ model: TaskStoreModel) -> StoreRequest {
        switch (canary, self) {
        case (.storeIgnoresClaims, .settle(let settlements)):
            .settle(settlements.map { Settlement(model.present($0.claim), $0.change) })
        case (.storeIgnoresClaims, .extend(let claims, let leaseUntil)):
            .extend(claims.map(model.present), leaseUntil: leaseUntil)
        case (.storeMixesHistory, .settle(let settlements)):
            .settle(settlements.map { Settlement($0.claim, $0.change.withOutcome(.handedOut)) })
        default:
            self
        }
    }

    /// The request of a daemon with a planted bug.
    func mistaken(by canary: Canary) -> StoreRequest {
        guard case .settle(let settlements) = self else { return self }
        return .settle(
            settlements.map { settlement in
                switch (canary, settlement.change) {
                case (.discardsEarly, .retry(let at, let record)):
                    Settlement(settlement.claim, .discard(keepUntil: at.advanced(by: .seconds(3600)), record))
                case (.hastyRetry, .retry(_, let record)):
                    Settlement(settlement.claim, .retry(at: record.endedAt, record))
                default:
                    settlement
                }
            })
    }
}

extension Settlement.Change {
    fileprivate func withOutcome(_ outcome: AttemptOutcome) -> Settlement.Change {
        switch self {
        case .retry(let at, var record):
            record.outcome = outcome
            return .retry(at: at, record)
        case .complete, .release, .discard, .expire:
            return self
        }
    }
}

extension TaskStoreModel {
    /// The claim that holds now, whoever has it.
    fileprivate func present(_ claim: Claim) -> Claim {
        guard let record = self.records[claim.id], let owner = record.owner else { return claim }
        return Claim(id: claim.id, owner: owner, attempt: record.attempt)
    }
}
