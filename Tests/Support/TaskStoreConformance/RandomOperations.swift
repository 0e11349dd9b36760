internal import GearclockCore

/// Makes up calls around few tasks, so that they meet each other: the same ones for the same seed.
struct RandomOperations {
    let ids = Sample.ids(1...12)
    private var random: SeededGenerator
    private var now = Sample.now
    /// Claims that were once given, valid or not.
    private var claims: [Claim] = []

    init(seed: UInt64) {
        self.random = SeededGenerator(seed: seed)
    }

    mutating func next() -> (StoreOperation, now: Timestamp) {
        self.now = self.moment(from: 0, to: 2)
        return (self.operation(), self.now)
    }

    /// Remembers the claims that an answer gave.
    mutating func learn(from answer: StoreAnswer) {
        if case .claimed(let tasks) = answer {
            self.claims += tasks.map(\.claim)
            self.claims.removeFirst(max(0, self.claims.count - 30))
        }
    }

    private mutating func operation() -> StoreOperation {
        switch Int.random(in: 0..<20, using: &self.random) {
        case 0...3: .insert(self.many { $0.task() }, express: self.express())
        case 4...6: .claimDue(self.claimRequest())
        case 7: .dueLanes
        case 8: .extend(self.many { $0.claim() }, leaseUntil: self.moment(from: -5, to: 30))
        case 9...13: .settle(self.many { $0.settlement() })
        case 14: .rescueExpired(endedBefore: self.moment(from: -10, to: 10), limit: self.limit())
        case 15: .cancel(self.many { $0.id() }, removeAt: self.moment(from: -5, to: 15))
        case 16: .eject(self.many { $0.id() })
        case 17: .list(self.filter())
        case 18: .counts
        default: .prune(limit: self.limit())
        }
    }

    private mutating func express() -> ExpressClaim? {
        guard Int.random(in: 0..<3, using: &self.random) == 0 else { return nil }
        return ExpressClaim(
            owner: self.owner(), dueBy: self.moment(from: -5, to: 5), leaseUntil: self.moment(from: -5, to: 20))
    }

    private mutating func claimRequest() -> ClaimRequest {
        var request = ClaimRequest(
            owner: self.owner(), dueBy: self.moment(from: -5, to: 5), limit: self.limit(),
            leaseUntil: self.moment(from: -5, to: 20))
        if Bool.random(using: &self.random) {
            request.lanes = ["a", "b", "c"].shuffled(using: &self.random).prefix(2).map {
                LaneShare(lane: Lane(of: Sample.function($0)), limit: self.limit())
            }
        }
        if Bool.random(using: &self.random) { request.buckets.mask = .random(in: 0 ... .max, using: &self.random) }
        if Bool.random(using: &self.random) { request.limitBytes = .random(in: 0...2000, using: &self.random) }
        return request
    }

    private mutating func many<Value>(_ make: (inout RandomOperations) -> Value) -> [Value] {
        (0..<Int.random(in: 0...5, using: &self.random)).map { _ in make(&self) }
    }

    private mutating func limit() -> Int {
        Int.random(in: 0...6, using: &self.random)
    }

    /// Whole seconds around now, so that moments often coincide.
    private mutating func moment(from earliest: Int64, to latest: Int64) -> Timestamp {
        self.now + .seconds(Int64.random(in: earliest...latest, using: &self.random))
    }

    private mutating func id() -> TaskID {
        self.ids.randomElement(using: &self.random) ?? Sample.id(1)
    }

    private mutating func owner() -> OwnerID {
        Bool.random(using: &self.random) ? Sample.alice : Sample.bob
    }

    private mutating func claim() -> Claim {
        // Mostly a recent one, sometimes one that was never given.
        if let claim = self.claims.suffix(8).randomElement(using: &self.random),
            Int.random(in: 0..<8, using: &self.random) > 0
        {
            return claim
        }
        return Claim(id: self.id(), owner: self.owner(), attempt: .random(in: 0...4, using: &self.random))
    }

    private mutating func settlement() -> Settlement {
        let claim = self.claim()
        let attempt = AttemptRecord(
            attempt: claim.attempt, startedAt: self.now, endedAt: self.moment(from: 0, to: 3),
            outcome: AttemptOutcome.allCases.randomElement(using: &self.random) ?? .failed,
            message: self.bytes())
        let change: Settlement.Change =
            switch Int.random(in: 0..<8, using: &self.random) {
            case 0: .complete(keepUntil: nil)
            case 1: .complete(keepUntil: self.moment(from: -5, to: 15))
            case 2...4: .retry(at: self.moment(from: -5, to: 10), attempt)
            case 5: .release(at: self.moment(from: -5, to: 10))
            case 6: .discard(keepUntil: self.moment(from: -5, to: 15), attempt)
            default: .expire(keepUntil: self.moment(from: -5, to: 15), attempt)
            }
        return Settlement(claim, change)
    }

    private mutating func task() -> TaskDefinition {
        var task = Bool.random(using: &self.random) ? Sample.task(1) : Sample.fullTask(1)
        task.id = self.id()
        task.function = Sample.function(Bool.random(using: &self.random) ? "a" : "b")
        task.dueAt = self.moment(from: -10, to: 10)
        task.payload = self.bytes()
        return task
    }

    private mutating func bytes() -> [UInt8] {
        (0..<Int.random(in: 0...40, using: &self.random)).map { _ in .random(in: 0...255, using: &self.random) }
    }

    private mutating func filter() -> ListFilter {
        ListFilter(
            function: Bool.random(using: &self.random) ? Sample.function("a") : nil,
            state: Bool.random(using: &self.random) ? TaskState.allCases.randomElement(using: &self.random) : nil,
            after: Bool.random(using: &self.random) ? self.id() : nil, limit: self.limit())
    }
}
