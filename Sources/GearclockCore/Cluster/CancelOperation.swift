/// A cancellation. Repeated after an unknown outcome it finds the tasks cancelled, by itself as far as anybody can
/// tell.
package struct CancelOperation: ClusterOperation {
    package let ids: [TaskID]
    private var pending: [CancelOutcome]?
    private var isDoubtful = false
    private var outcomes: [CancelOutcome]?

    package init(_ ids: [TaskID]) {
        self.ids = ids
    }

    package var purpose: ClusterStateMachine.Purpose { .claim(by: nil) }
    package var openCount: Int { self.outcomes == nil ? 1 : 0 }
    package var idsToLookUp: [TaskID] { [] }

    package var answer: [CancelOutcome] {
        guard let outcomes = self.outcomes else { preconditionFailure("It is still open") }
        return outcomes
    }

    package mutating func committed(_ answer: [CancelOutcome]) {
        self.outcomes = answer.enumerated().map { place, outcome in
            Self.resolved(outcome, self.pending?[place], self.isDoubtful)
        }
    }

    package mutating func lost(_ answer: [CancelOutcome]?) {
        self.isDoubtful = true
        if self.pending == nil { self.pending = answer }
    }

    package mutating func looked(_ rows: [TaskID: StandingTask]) {}

    /// - Parameters:
    ///   - outcome: what the repetition found.
    ///   - pending: what the transaction with the unknown outcome would have answered, if that is known.
    static func resolved(_ outcome: CancelOutcome, _ pending: CancelOutcome?, _ isDoubtful: Bool) -> CancelOutcome {
        guard isDoubtful else { return outcome }
        switch outcome {
        case .cancelled, .cancelledWhileRunning, .alreadyFinal(.completed), .alreadyFinal(.discarded),
            .alreadyFinal(.expired), .alreadyFinal(.scheduled), .alreadyFinal(.running):
            return outcome
        case .alreadyFinal(.cancelled):
            switch pending {
            case .cancelled?, .cancelledWhileRunning?, .alreadyFinal(.cancelled)?: return pending ?? outcome
            // Whether it ran is not known: the more careful answer.
            case nil: return .cancelledWhileRunning
            case .alreadyFinal?, .notFound?: return outcome
            }
        case .notFound:
            // It was there; it may have been cancelled and removed, or run and removed. Nothing is there to be run.
            return outcome
        }
    }
}
