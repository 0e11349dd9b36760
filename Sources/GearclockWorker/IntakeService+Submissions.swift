internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import Logging

/// A submission that is on its way into the store, and the job that waits for its answer.
struct PendingSubmission: Sendable {
    enum Form: Sendable {
        case gearsloth(TaskDefinition)
        case native(Submission)
    }

    let job: GearmanAssignedJobID
    let form: Form

    /// What is to be stored, in its order.
    var validTasks: [SubmittedTask] {
        switch self.form {
        case .gearsloth(let task): [SubmittedTask(task)]
        case .native(let submission): submission.tasks.compactMap { try? $0.get() }
        }
    }
}

extension IntakeService {
    /// Reads a submission. What is wrong as a whole is answered at once, and `nil` returned.
    func parse(_ job: GearmanAssignedJob, gearsloth: Bool) -> PendingSubmission? {
        let context = SubmissionContext(
            now: self.environment.now.wall, cluster: self.directory.clusters[0].number,
            retention: self.configuration.retention)
        if gearsloth {
            switch SubmissionParser.gearsloth(job.workload, context: context, using: &self.random) {
            case .success(let task):
                return PendingSubmission(job: job.id, form: .gearsloth(task))
            case .failure(let error):
                self.refuse(job.id, Array(error.message.utf8))
                return nil
            }
        }
        let submission = SubmissionParser.native(job.workload, context: context, using: &self.random)
        return PendingSubmission(job: job.id, form: .native(submission))
    }

    /// What the client of a submission is told.
    ///
    /// - Parameter results: one for each of the valid tasks, in their order.
    func replies(to pending: PendingSubmission, _ results: [Result<Receipt, TaskError>]) -> [GearmanJobReply] {
        let complete = { (bytes: [UInt8]) in [GearmanJobReply(job: pending.job, result: .complete(bytes))] }
        switch pending.form {
        case .gearsloth:
            switch results[0] {
            case .success(let receipt): return complete(Array(receipt.id.description.utf8))
            case .failure(let error): return Self.refusal(of: pending.job, Array(GearslothError(error).message.utf8))
            }
        case .native(let submission):
            var rest = results[...]
            let receipts = submission.tasks.map { task in task.flatMap { _ in rest.removeFirst() } }
            switch receipts.first {
            case .success(let receipt) where !submission.isBulk: return complete(receipt.json)
            case .failure(let error) where !submission.isBulk: return Self.refusal(of: pending.job, error.json)
            case .success, .failure, nil: return complete(Receipt.json(receipts))
            }
        }
    }
}
