internal import GearclockCore

/// A row of the table `task`, read.
///
/// A row may have been written by anybody. Reading one never fails: what cannot be understood is replaced by something
/// neutral, and `defect` says what it was, so that the task is shown, but not run.
struct TaskRow {
    /// Without its history.
    var record: TaskRecord
    /// Why this task must not be run; `nil` if nothing is wrong.
    var defect: String?

    /// - Parameter row: the columns of ``SQL/taskColumns``, in their order.
    init(_ row: PreparedStatement) {
        var defects: [String] = []

        let id = row.taskID(0)
        if id == nil { defects.append("its id has not sixteen bytes") }
        let priority = UInt8(exactly: row.integer(2)).flatMap(TaskPriority.init(rawValue:))
        if priority == nil { defects.append("its priority is unknown") }
        let function = FunctionName(row.bytes(15))
        if function == nil { defects.append("its function's name is not valid") }
        let retry = row.optionalBytes(14).map { RetryPolicy(text: String(decoding: $0, as: UTF8.self)) } ?? .standard
        if retry == nil { defects.append("its retry policy cannot be read") }
        let controller = row.optionalBytes(16).map { FunctionName($0) }
        if case .some(.none) = controller { defects.append("its controller's name is not valid") }
        let state = UInt8(exactly: row.integer(1)).flatMap(TaskState.init(rawValue:))
        if state == nil { defects.append("its state is unknown") }

        self.record = TaskRecord(
            TaskDefinition(
                id: id ?? TaskID(high: 0, low: 0), function: function ?? Self.unknownFunction, payload: row.bytes(17),
                priority: priority ?? .normal, dueAt: row.timestamp(3), createdAt: row.timestamp(10),
                expiresAt: row.optionalTimestamp(11), timeout: row.optionalInteger(12).map { .microseconds($0) },
                retry: retry ?? .standard, retain: .microseconds(row.integer(13)),
                gearsloth: row.optionalBytes(18).map {
                    GearslothPart(controller: controller.flatMap { $0 }, document: $0)
                }))
        self.record.state = state ?? .discarded
        self.record.attempt = UInt32(clamping: row.integer(4))
        self.record.failures = UInt32(clamping: row.integer(5))
        self.record.owner = row.optionalInteger(6).map { OwnerID(value: UInt64(bitPattern: $0)) }
        self.record.leaseUntil = row.optionalTimestamp(7)
        self.record.finishedAt = row.optionalTimestamp(8)
        self.record.removeAt = row.optionalTimestamp(9)
        self.defect = defects.isEmpty ? nil : defects.joined(separator: ", ")
    }

    private static let unknownFunction: FunctionName = {
        guard let name = FunctionName("?") else { preconditionFailure("A question mark is a function's name") }
        return name
    }()

    /// Binds a new task to ``SQL/insert``.
    /// - Parameter claim: whose it is from the beginning; `nil`: it is scheduled.
    static func bind(_ task: TaskDefinition, claim: ExpressClaim?, to statement: PreparedStatement) throws {
        try statement.bind(1, task.id)
        try statement.bind(2, Int64(task.priority.rawValue))
        try statement.bind(3, task.dueAt)
        try statement.bind(4, task.createdAt)
        try statement.bind(5, task.expiresAt)
        try statement.bind(6, task.timeout?.microseconds)
        try statement.bind(7, task.retain.microseconds)
        try statement.bind(8, text: task.retry == .standard ? nil : task.retry.text)
        try statement.bind(9, task.function.bytes)
        try statement.bind(10, task.gearsloth?.controller?.bytes)
        try statement.bind(11, task.payload)
        try statement.bind(12, task.gearsloth?.document)
        try statement.bind(13, Lane(of: task.function))
        try statement.bind(14, Int64(BucketSet.bucket(of: task.id)))
        try statement.bind(15, claim == nil ? 0 : 1)
        try statement.bind(16, claim?.owner)
        try statement.bind(17, claim?.leaseUntil)
    }
}

extension AttemptRecord {
    /// - Parameter row: the columns of ``SQL/history``, in their order.
    init(_ row: PreparedStatement) {
        self.init(
            attempt: UInt32(clamping: row.integer(0)), startedAt: row.timestamp(1), endedAt: row.timestamp(2),
            outcome: UInt8(exactly: row.integer(3)).flatMap(AttemptOutcome.init(rawValue:)) ?? .failed,
            message: row.bytes(4))
    }
}
