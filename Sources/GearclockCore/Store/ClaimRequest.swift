/// What a dispatcher asks for.
package struct ClaimRequest: Equatable, Sendable {
    package var owner: OwnerID
    /// Tasks due at this moment or before: now, or a little ahead.
    package var dueBy: Timestamp
    /// At most so many, 1 ... ``Limits/claimBatch``.
    package var limit: Int
    /// The claim ends before the task with which the tasks would weigh more (``TaskDefinition/weightBytes``), but it
    /// has at least one.
    package var limitBytes: Int
    package var leaseUntil: Timestamp
    /// Only tasks of these lanes, and at most so many of each, no lane twice; `nil`: of any.
    package var lanes: [LaneShare]?
    /// Only tasks of these buckets.
    package var buckets: BucketSet

    package init(
        owner: OwnerID, dueBy: Timestamp, limit: Int, limitBytes: Int = .max, leaseUntil: Timestamp,
        lanes: [LaneShare]? = nil, buckets: BucketSet = .all
    ) {
        self.owner = owner
        self.dueBy = dueBy
        self.limit = limit
        self.limitBytes = limitBytes
        self.leaseUntil = leaseUntil
        self.lanes = lanes
        self.buckets = buckets
    }
}

/// The express lane: tasks that are due soon are stored already claimed by the process that takes them in.
package struct ExpressClaim: Equatable, Sendable {
    package var owner: OwnerID
    /// Tasks due at this moment or before are stored `running`, with attempt 1.
    package var dueBy: Timestamp
    package var leaseUntil: Timestamp

    package init(owner: OwnerID, dueBy: Timestamp, leaseUntil: Timestamp) {
        self.owner = owner
        self.dueBy = dueBy
        self.leaseUntil = leaseUntil
    }

    /// Whether a new task is stored claimed.
    package func takes(_ task: TaskDefinition) -> Bool { task.dueAt <= self.dueBy }

    /// A task of the batch, if it was stored claimed.
    package func claimed(_ task: TaskDefinition, _ outcome: InsertOutcome) -> ClaimedTask? {
        guard outcome == .inserted, self.takes(task) else { return nil }
        return ClaimedTask(
            definition: task, claim: Claim(id: task.id, owner: self.owner, attempt: 1), failures: 0,
            leaseUntil: self.leaseUntil)
    }
}
