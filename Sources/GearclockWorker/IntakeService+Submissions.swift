internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import Logging

/// A submission that is on its way into the store, and the job that waits for its answer.
struct PendingSubmission: Sendable {
    enum Form: Sendable {
        case gearsloth
        case native(Submission)
    }

    let job: GearmanAssignedJob.ID
    let form: Form
    /// The valid tasks, in their order.
    let tasks: [TaskDefinition]
}

extension IntakeService {
    /// Reads a submission. What is wrong as a whole is answered at once, and `nil` returned.
    func parse(_ job: GearmanAssignedJob, gearsloth: Bool) -> PendingSubmission? {
        let context = SubmissionContext(
            now: self.environment.now.wall, retention: self.configuration.retention)
        if gearsloth {
            switch SubmissionParser.gearsloth(job.workload, context: context, using: &self.random) {
            case .success(let task):
                return PendingSubmission(job: job.id, form: .gearsloth, tasks: [task])
            case .failure(let error):
                self.refuse(job.id, Array(error.message.utf8))
                return nil
            }
        }
        let submission = SubmissionParser.native(job.workload, context: context, using: &self.random)
        let tasks = submission.tasks.compactMap { try? $0.get() }
        if tasks.isEmpty {
            self.answer(PendingSubmission(job: job.id, form: .native(submission), tasks: []), .stored([]))
            return nil
        }
        return PendingSubmission(job: job.id, form: .native(submission), tasks: tasks)
    }

    func answer(_ pending: PendingSubmission, _ result: IntakeStateMachine.Result) {
        switch pending.form {
        case .gearsloth:
            switch result {
            case .stored(let outcomes):
                if case .tooLarge(let limit) = outcomes[0] {
                    return self.refuse(pending.job, Array(GearslothError(.tooLargeForStore(limit)).message.utf8))
                }
                self.reply(pending.job, .complete(Array(pending.tasks[0].id.description.utf8)))
            case .unavailable(let text):
                self.refuse(pending.job, Array(GearslothError(TaskError(.unavailable(text))).message.utf8))
            case .outcomeUnknown(let text):
                self.refuse(pending.job, Array(GearslothError(TaskError(.outcomeUnknown(text))).message.utf8))
            }
        case .native(let submission):
            let receipts = self.receipts(for: submission, pending.tasks, result)
            switch receipts.first {
            case .success(let receipt) where !submission.isBulk:
                self.reply(pending.job, .complete(receipt.json))
            case .failure(let error) where !submission.isBulk:
                self.refuse(pending.job, error.json)
            case .success, .failure, nil:
                self.reply(pending.job, .complete(Receipt.json(receipts)))
            }
        }
    }

    /// One result for each submitted task, in their order: of the valid ones what the store says.
    private func receipts(
        for submission: Submission, _ tasks: [TaskDefinition], _ result: IntakeStateMachine.Result
    ) -> [Result<Receipt, TaskError>] {
        var valid = 0
        return submission.tasks.map { task in
            task.flatMap { task in
                defer { valid += 1 }
                switch result {
                case .stored(let outcomes):
                    if case .tooLarge(let limit) = outcomes[valid] { return .failure(.tooLargeForStore(limit)) }
                    return .success(Receipt(task, outcomes[valid], store: self.storeName))
                case .unavailable(let text):
                    return .failure(TaskError(.unavailable(text)))
                case .outcomeUnknown(let text):
                    return .failure(TaskError(.outcomeUnknown(text)))
                }
            }
        }
    }
}
