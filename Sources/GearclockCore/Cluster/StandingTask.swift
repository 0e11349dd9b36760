/// What is read of a task, on a node that shows all that was committed before, to find out what became of a change.
package struct StandingTask: Equatable, Sendable {
    package var id: TaskID
    package var state: TaskState
    /// Only while `running`.
    package var owner: OwnerID?
    package var attempt: UInt32
    package var failures: UInt32
    package var dueAt: Timestamp
    /// Only in a final state.
    package var removeAt: Timestamp?

    package init(
        id: TaskID, state: TaskState, owner: OwnerID?, attempt: UInt32, failures: UInt32, dueAt: Timestamp,
        removeAt: Timestamp?
    ) {
        self.id = id
        self.state = state
        self.owner = owner
        self.attempt = attempt
        self.failures = failures
        self.dueAt = dueAt
        self.removeAt = removeAt
    }

    /// Whether it is held by this claim.
    package func isHeld(by claim: Claim) -> Bool {
        self.state == .running && self.owner == claim.owner && self.attempt == claim.attempt
    }
}
