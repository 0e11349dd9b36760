internal import GearclockCore

extension MariaDBChange {
    /// What the claims of one statement have in common.
    struct Fence: Hashable {
        let owner: OwnerID
        let attempt: UInt32
    }

    /// Claims by what their rows have in common: mostly one group, because one owner claims new tasks.
    static func byFence(_ claims: some Sequence<Claim>) -> [(fence: Fence, ids: [TaskID])] {
        var groups: [(fence: Fence, ids: [TaskID])] = []
        var places: [Fence: Int] = [:]
        var place = 0
        for claim in claims {
            let fence = Fence(owner: claim.owner, attempt: claim.attempt)
            if groups.isEmpty || groups[place].fence != fence {
                place = places[fence] ?? groups.count
                if place == groups.count { groups.append((fence, [])) }
                places[fence] = place
            }
            groups[place].ids.append(claim.id)
        }
        return groups
    }

    /// Changes rows whose claims hold.
    ///
    /// - Parameters:
    ///   - now: rows that break a rule are set aside; `nil`: they are left where they are, and their claims are stale.
    ///   - change: changes the rows of the claims in these places, no id twice, and returns how many it found.
    func fenced(
        _ claims: [Claim], now: Timestamp?, _ change: (_ places: [Int]) throws(MariaDBFailure) -> Int
    ) throws(MariaDBFailure) -> [FencedOutcome] {
        if claims.isEmpty { return [] }
        if Set(claims.lazy.map(\.id)).count == claims.count {
            do {
                if try change(Array(claims.indices)) == claims.count { return claims.map { _ in .done } }
            } catch  where error.meaning == .ruleViolation {}
            try self.connection.rollback()
        }
        var standing = try self.locked(claims.map(\.id))
        let foreign = standing.values.filter(\.breaksRule)
        if let now { try self.setAside(foreign, now: now) }
        for row in foreign { standing[row.record.id] = nil }
        let holds = claims.map { claim in
            guard let row = standing[claim.id], row.holds(claim) else { return false }
            // The same claim a second time finds what the first left.
            standing[claim.id] = nil
            return true
        }
        let holding = holds.indices.filter { holds[$0] }
        let changed = holding.isEmpty ? 0 : try change(holding)
        guard changed == holding.count else { throw .conflict(.statement) }
        return holds.map { $0 ? .done : .stale }
    }
}
