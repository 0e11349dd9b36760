/// What a parser of submissions is given beside the bytes.
package struct SubmissionContext: Sendable {
    /// When the submission was taken in: tasks are created then, and `after` counts from then.
    package var now: Timestamp
    /// The number of the cluster that will hold the tasks: it is part of their ids.
    package var cluster: UInt16
    package var retention: RetentionPolicy

    package init(now: Timestamp, cluster: UInt16 = 0, retention: RetentionPolicy = RetentionPolicy()) {
        self.now = now
        self.cluster = cluster
        self.retention = retention
    }
}

/// A task as it was submitted, and what its client wants of its storage.
package struct SubmittedTask: Equatable, Sendable {
    package var definition: TaskDefinition
    /// The client chose its id: it must be found again where a repetition looks for it.
    package var hasOwnID: Bool
    package var copies: CopiesDemand

    package init(_ definition: TaskDefinition, hasOwnID: Bool = false, copies: CopiesDemand = .configured) {
        self.definition = definition
        self.hasOwnID = hasOwnID
        self.copies = copies
    }
}

/// What a client submitted: one task, or several in one array. Each stands for itself; the others are no worse for one
/// that is wrong.
package struct Submission: Equatable, Sendable {
    /// In the order in which they were submitted. Not empty, unless an empty array was submitted.
    package var tasks: [Result<SubmittedTask, TaskError>]
    /// An array was submitted, and an array is the answer. If the text as a whole is wrong, it is `false`.
    package var isBulk: Bool

    package init(tasks: [Result<SubmittedTask, TaskError>], isBulk: Bool) {
        self.tasks = tasks
        self.isBulk = isBulk
    }
}

/// Turns the workload of a submission into task definitions. No bytes whatsoever trap it.
///
/// It knows two forms, which share their fields but not their manners: the native one refuses what it does not
/// understand, gearsloth's keeps it and passes it on.
package enum SubmissionParser {
    /// The native form, `gearclock_submit`: one task object, or an array of at most ``Limits/tasksPerSubmission``.
    package static func native(
        _ bytes: [UInt8], context: SubmissionContext, using random: inout some RandomNumberGenerator
    ) -> Submission {
        guard bytes.count <= Limits.submissionBytes else {
            return .refused(.init(.tooLarge, "A submission has at most \(Limits.submissionBytes) bytes"))
        }
        do {
            let value = try JSONParser.parse(bytes)
            guard case .array(let values) = value else {
                return Submission(tasks: [Self.nativeTask(value, context, &random)], isBulk: false)
            }
            guard values.count <= Limits.tasksPerSubmission else {
                return .refused(.init(.tooMany, "A submission has at most \(Limits.tasksPerSubmission) tasks"))
            }
            return Submission(tasks: values.map { Self.nativeTask($0, context, &random) }, isBulk: true)
        } catch {
            return .refused(TaskError(error))
        }
    }

    private static func nativeTask(
        _ value: JSONValue, _ context: SubmissionContext, _ random: inout some RandomNumberGenerator
    ) -> Result<SubmittedTask, TaskError> {
        guard case .object(let object) = value else {
            return .failure(TaskError(.notAnObject, "A task is a JSON object, not \(value.kind)"))
        }
        return Result { () throws(TaskError) in
            try NativeTask(object, context).task(using: &random)
        }
    }

    /// gearsloth's form, `submitJobDelayed`: one task object.
    package static func gearsloth(
        _ bytes: [UInt8], context: SubmissionContext, using random: inout some RandomNumberGenerator
    ) -> Result<TaskDefinition, GearslothError> {
        guard bytes.count <= Limits.submissionBytes else {
            return .failure(.injector("a task has at most \(Limits.submissionBytes) bytes."))
        }
        do {
            let value = try JSONParser.parse(bytes, loneSurrogates: .replace)
            guard case .object(let object) = value else {
                return .failure(.injector("a task is a JSON object, not \(value.kind)."))
            }
            return Result { () throws(GearslothError) in
                try GearslothTask(object, document: bytes, context).definition(using: &random)
            }
        } catch {
            return .failure(.injector(error.message))
        }
    }
}

extension Submission {
    fileprivate static func refused(_ error: TaskError) -> Submission {
        Submission(tasks: [.failure(error)], isBulk: false)
    }
}

/// What gearsloth's injector says in WORK_WARNING when it does not take a task.
package struct GearslothError: Error, Equatable, Sendable {
    /// Begins with `injector: ` where the task is wrong, as its clients know it.
    package let message: String

    static func injector(_ text: String) -> GearslothError {
        GearslothError(message: "injector: " + text)
    }

    /// Why a task was not stored. gearsloth passes its store's message on without a word of its own.
    package init(_ error: TaskError) {
        self.message = error.message
    }

    private init(message: String) {
        self.message = message
    }
}
