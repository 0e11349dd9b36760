/// A rescue or a pruning: some of the tasks that have waited longest for it, and how many they were.
///
/// After an unknown outcome the rows tell: it is one transaction, so if one of the tasks stands as before, none was
/// changed, and others are sought.
package struct SweepOperation: ClusterOperation {
    package enum Kind: Equatable, Sendable {
        case rescue, prune
    }

    /// A task that was taken back or removed, as it was before.
    package struct Swept: Equatable, Sendable {
        package var id: TaskID
        package var attempt: UInt32

        package init(id: TaskID, attempt: UInt32) {
            self.id = id
            self.attempt = attempt
        }
    }

    package let kind: Kind
    private var pending: [Swept] = []
    private var swept: [Swept]?

    package init(_ kind: Kind) {
        self.kind = kind
    }

    package var purpose: ClusterStateMachine.Purpose { .claim(by: nil) }
    package var openCount: Int { self.swept == nil ? 1 : 0 }
    package var idsToLookUp: [TaskID] { self.pending.map(\.id) }

    package var answer: [Swept] {
        guard let swept = self.swept else { preconditionFailure("It is still open") }
        return swept
    }

    package mutating func committed(_ answer: [Swept]) {
        self.swept = answer
    }

    package mutating func lost(_ answer: [Swept]?) {
        guard let answer else { return }
        if answer.isEmpty { self.swept = [] }
        self.pending = answer
    }

    package mutating func looked(_ rows: [TaskID: StandingTask]) {
        let isMade = !self.pending.contains { task in rows[task.id].map { self.isAsBefore($0, task) } ?? false }
        if isMade { self.swept = self.pending }
        self.pending = []
    }

    private func isAsBefore(_ row: StandingTask, _ task: Swept) -> Bool {
        switch self.kind {
        case .rescue: row.state == .running && row.attempt == task.attempt
        case .prune: row.state.isFinal
        }
    }
}
