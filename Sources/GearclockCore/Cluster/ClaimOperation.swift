/// A claim. After an unknown outcome, the tasks that stand as claimed are ours; if none does, others are claimed. Tasks
/// of a claim that is committed later still are rescued when its lease has ended.
///
/// An owner must make one claim at a time, as a dispatcher does: rows tell whose a claim is, not which call made it.
package struct ClaimOperation: ClusterOperation {
    package let request: ClaimRequest
    private var pending: [ClaimedTask] = []
    private var claimed: [ClaimedTask]?

    package init(_ request: ClaimRequest) {
        self.request = request
    }

    package var purpose: ClusterStateMachine.Purpose { .claim(by: self.request.owner) }
    package var openCount: Int { self.claimed == nil ? 1 : 0 }
    package var idsToLookUp: [TaskID] { self.pending.map(\.id) }

    package var answer: [ClaimedTask] {
        guard let claimed = self.claimed else { preconditionFailure("It is still open") }
        return claimed
    }

    package mutating func committed(_ answer: [ClaimedTask]) {
        self.claimed = answer
    }

    package mutating func lost(_ answer: [ClaimedTask]?) {
        guard let answer else { return }
        if answer.isEmpty { self.claimed = [] }
        self.pending = answer
    }

    package mutating func looked(_ rows: [TaskID: StandingTask]) {
        let ours = Self.held(self.pending, rows)
        self.pending = []
        if !ours.isEmpty { self.claimed = ours }
    }

    /// Which of the claims hold.
    package static func held(_ tasks: [ClaimedTask], _ rows: [TaskID: StandingTask]) -> [ClaimedTask] {
        tasks.filter { rows[$0.id]?.isHeld(by: $0.claim) ?? false }
    }
}
