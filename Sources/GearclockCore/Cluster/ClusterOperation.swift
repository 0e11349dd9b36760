/// A call of a store on a cluster as a value: what of it is still to be done, and what is known already.
///
/// A node does what is still open in one transaction, so all of it happens or nothing. Every operation can be repeated
/// without harm, because the absence of a change is not final: a node that was frozen or cut off may commit it late.
package protocol ClusterOperation: Equatable, Sendable {
    associatedtype Answer: Equatable, Sendable

    var purpose: ClusterStateMachine.Purpose { get }
    /// How many parts are not concluded; a node is asked to do those.
    var openCount: Int { get }
    /// The tasks whose rows say what became of it; empty: nothing has to be looked at, or looking would not tell.
    var idsToLookUp: [TaskID] { get }
    /// The answer to the caller, once nothing is open.
    var answer: Answer { get }

    /// A node committed what was open.
    mutating func committed(_ answer: Answer)
    /// A node may have committed what was open.
    ///
    /// - Parameter answer: what it answers if it did; `nil`: not known.
    mutating func lost(_ answer: Answer?)
    /// The rows of ``idsToLookUp``, those that are there, as they stand now.
    mutating func looked(_ rows: [TaskID: StandingTask])
}

/// An operation that says the same when it is repeated, or whose difference matters to nobody: everything that reads;
/// an extension, which never shortens a lease; an ejection. A rescue and a pruning answer how many tasks the last
/// transaction changed: those of an earlier one whose answer was lost are not counted.
package struct RepeatableOperation<Answer: Equatable & Sendable>: ClusterOperation {
    package let purpose: ClusterStateMachine.Purpose
    private var result: Answer?

    package init(_ purpose: ClusterStateMachine.Purpose) {
        self.purpose = purpose
    }

    package var openCount: Int { self.result == nil ? 1 : 0 }
    package var idsToLookUp: [TaskID] { [] }

    package var answer: Answer {
        guard let result = self.result else { preconditionFailure("It is still open") }
        return result
    }

    package mutating func committed(_ answer: Answer) {
        self.result = answer
    }

    package mutating func lost(_ answer: Answer?) {}

    package mutating func looked(_ rows: [TaskID: StandingTask]) {}
}
