/// Whether a dispatcher takes the tasks of a function as soon as they are stored.
package enum ExpressAdmission: Comparable, Sendable {
    /// They are better off in the store: their function is held back.
    case no
    /// In some milliseconds: those that it has of the function are on their way.
    case soon
    case now
}

/// What a dispatcher would take at once of the tasks that are about to be stored: the express lane.
package struct ExpressOffer {
    package let claim: ExpressClaim
    /// Whether tasks of this function are taken that are due then.
    package let admits: (FunctionName, Timestamp) -> ExpressAdmission

    package init(claim: ExpressClaim, admits: @escaping (FunctionName, Timestamp) -> ExpressAdmission) {
        self.claim = claim
        self.admits = admits
    }

    /// Whether all of these tasks that are due soon are taken; `nil`: none of them is due soon.
    ///
    /// A dispatcher has room for a batch. What is more, is claimed piece by piece.
    func admission(of tasks: [TaskDefinition]) -> ExpressAdmission? {
        var admission: ExpressAdmission?
        var last: (function: FunctionName, dueAt: Timestamp)?
        for task in tasks where task.dueAt <= self.claim.dueBy {
            if let last, last.function == task.function, last.dueAt == task.dueAt { continue }
            last = (task.function, task.dueAt)
            admission = min(admission ?? .now, self.admits(task.function, task.dueAt))
        }
        return tasks.count <= Limits.insertBatch ? admission : admission.map { _ in .no }
    }
}

/// What an insert has in it for the dispatcher of the same process.
///
/// Only what the store says it inserted belongs to that dispatcher. A task that is found when an insert of unknown
/// outcome is repeated may be ours, claimed by that insert; but nobody was told so then, its lease may be over, and
/// another dispatcher may have it, with the job running. Only the store can tell whose it is, and it does when the
/// lease ends: the task comes back then, late, and not twice at once.
package struct StoredTasks: Equatable, Sendable {
    /// They are claimed by the dispatcher, which hands them over.
    package var claimed: [ClaimedTask] = []
    /// When the first of the others is due.
    package var nextDue: Timestamp?

    /// - Parameter outcomes: one for each of the tasks, in their order.
    package init(_ tasks: [TaskDefinition], _ outcomes: [InsertOutcome], express: ExpressClaim?) {
        for (task, outcome) in zip(tasks, outcomes) {
            if let claimed = express?.claimed(task, outcome) {
                self.claimed.append(claimed)
            } else {
                self.nextDue = min(self.nextDue ?? task.dueAt, task.dueAt)
            }
        }
    }
}
