/// A beat of a daemon. After an unknown outcome it is made again, unless its row has counted it. One that is committed
/// later still counts once more: whoever looks whether a number has grown does not mind.
package struct BeatOperation: ClusterOperation {
    package let id: OwnerID
    /// What the number of beats is if a transaction with an unknown outcome was committed.
    package private(set) var pending: UInt64?
    private var members: [Member]?

    package init(_ id: OwnerID) {
        self.id = id
    }

    package var purpose: ClusterStateMachine.Purpose { .claim(by: nil) }
    package var openCount: Int { self.members == nil ? 1 : 0 }
    package var idsToLookUp: [TaskID] { [] }

    package var answer: [Member] {
        guard let members = self.members else { preconditionFailure("It is still open") }
        return members
    }

    package mutating func committed(_ answer: [Member]) {
        self.members = answer
    }

    package mutating func lost(_ answer: [Member]?) {
        if let beats = answer?.first(where: { $0.id == self.id })?.beats { self.pending = beats }
    }

    package mutating func looked(_ rows: [TaskID: StandingTask]) {}
}
