internal import GearclockCore

/// Sequences of calls around one task, in a small alphabet: all of them up to a length, without those that only add
/// calls which change nothing in between.
struct ShortSequences {
    enum Letter: CaseIterable {
        case insert, claim, extend, complete, retry, release, discard, expire, settleWithFirstClaim, rescue, cancel,
            eject
        case prune
    }

    private(set) var model = TaskStoreModel()
    let ids: [TaskID]
    private var claims: [Claim] = []
    private let number: UInt64

    init(number: UInt64) {
        self.number = number
        self.ids = [Sample.id(1_000_000 + number)]
    }

    func operation(for letter: Letter) -> StoreOperation {
        let nobody = Claim(id: self.ids[0], owner: Sample.alice, attempt: 1)
        let latest = self.claims.last ?? nobody
        let attempt = Sample.attempt(latest.attempt)
        let soon = Sample.now + .seconds(1)
        switch letter {
        case .insert:
            var task = Sample.task(1)
            task.id = self.ids[0]
            return .insert([task])
        case .claim:
            return .claimDue(
                ClaimRequest(owner: Sample.alice, dueBy: Sample.now, limit: 5, leaseUntil: Sample.now + .seconds(9)))
        case .extend: return .extend([latest], leaseUntil: Sample.now + .seconds(20))
        case .complete: return .settle([Settlement(latest, .complete(keepUntil: nil))])
        case .retry: return .settle([Settlement(latest, .retry(at: Sample.now, attempt))])
        case .release: return .settle([Settlement(latest, .release(at: Sample.now))])
        case .discard: return .settle([Settlement(latest, .discard(keepUntil: soon, attempt))])
        case .expire:
            return .settle([Settlement(latest, .expire(keepUntil: Sample.now, Sample.expired(latest.attempt)))])
        case .settleWithFirstClaim:
            return .settle([Settlement(self.claims.first ?? nobody, .complete(keepUntil: Sample.now))])
        case .rescue: return .rescueExpired(endedBefore: Sample.now + .seconds(10), limit: 5)
        case .cancel: return .cancel(self.ids, removeAt: soon)
        case .eject: return .eject(self.ids)
        case .prune: return .prune(limit: 5)
        }
    }

    mutating func perform(_ operation: StoreOperation) -> StoreAnswer {
        let answer = self.model.perform(operation, now: Sample.now)
        if case .claimed(let tasks) = answer { self.claims += tasks.map(\.claim) }
        return answer
    }

    /// All sequences of at most `length` letters after an insertion and a claim, and the shorter ones before those.
    static func all(length: Int) -> [[Letter]] {
        Letter.allCases.map { [$0] } + Letter.allCases.map { [.insert, $0] }
            + self.extended([.insert, .claim], by: length)
    }

    /// Each sequence ends where its last letter changes nothing: what came after would be another sequence again.
    private static func extended(_ letters: [Letter], by length: Int) -> [[Letter]] {
        guard length > 0 else { return [letters] }
        return Letter.allCases.flatMap { letter -> [[Letter]] in
            var sequence = ShortSequences(number: 0)
            for letter in letters { _ = sequence.perform(sequence.operation(for: letter)) }
            let before = sequence.model.records
            _ = sequence.perform(sequence.operation(for: letter))
            let next = letters + [letter]
            return sequence.model.records == before ? [next] : self.extended(next, by: length - 1)
        }
    }
}
