internal import GearclockCore

/// A row of the table `task`, read.
///
/// A row may have been written by anybody. Reading one never fails: what cannot be understood is replaced by something
/// neutral, and `defect` says what it was, so that the task is shown, but not run.
struct TaskRow {
    /// Without its history.
    var record: TaskRecord
    /// Why this task must not be run; `nil` if nothing is wrong.
    private(set) var defect: String?
    /// It breaks a rule of the schema, see ``MariaDBSchema``.
    let breaksRule: Bool
    /// The due time, the end of the lease, or when it may be removed, as the state says.
    let wakeAt: Timestamp

    static let brokenRule = "it broke a rule of the schema"

    /// - Parameter row: the columns of ``SQL/taskColumns``, in their order.
    init(_ row: MariaDBStatement) {
        var defects: [String] = []

        let priority = UInt8(exactly: row.integer(4)).flatMap(TaskPriority.init(rawValue:))
        if priority == nil { defects.append("its priority is unknown") }
        let function = FunctionName(row.bytes(14))
        if function == nil { defects.append("its function's name is not valid") }
        let retry = row.optionalBytes(13).map { RetryPolicy(text: String(decoding: $0, as: UTF8.self)) } ?? .standard
        if retry == nil { defects.append("its retry policy cannot be read") }
        let controller = row.optionalBytes(15).map { FunctionName($0) }
        if case .some(.none) = controller { defects.append("its controller's name is not valid") }
        let document = row.optionalBytes(17)
        if controller != nil, document == nil { defects.append("what its controller is to get is missing") }
        let state = UInt8(exactly: row.integer(1)).flatMap(TaskState.init(rawValue:))
        if state == nil { defects.append("its state is unknown") }

        self.record = TaskRecord(
            TaskDefinition(
                id: row.taskID(0) ?? TaskID(high: 0, low: 0), function: function ?? Self.unknownFunction,
                payload: row.bytes(16), priority: priority ?? .normal, dueAt: row.timestamp(3),
                createdAt: row.timestamp(9), expiresAt: row.optionalTimestamp(10),
                timeout: row.optionalInteger(11).map { .microseconds($0) },
                retry: retry ?? .standard, retain: .microseconds(row.integer(12)),
                gearsloth: document.map { GearslothPart(controller: controller.flatMap { $0 }, document: $0) }))
        self.record.state = state ?? .discarded
        self.record.attempt = UInt32(clamping: row.integer(5))
        self.record.failures = UInt32(clamping: row.integer(6))
        self.record.owner = row.optionalInteger(7).map { OwnerID(value: UInt64(bitPattern: $0)) }
        self.record.finishedAt = row.optionalTimestamp(8)
        switch self.record.state {
        case .scheduled: break
        case .running: self.record.leaseUntil = row.timestamp(2)
        case .completed, .discarded, .cancelled, .expired: self.record.removeAt = row.timestamp(2)
        }
        self.wakeAt = row.timestamp(2)
        let isRunning = self.record.state == .running
        self.breaksRule =
            state == nil || priority == nil || function == nil
            || controller.map { $0 == nil || document == nil } == true
            || isRunning != (self.record.owner != nil) || self.record.state.isFinal != (self.record.finishedAt != nil)
            || (self.record.state == .scheduled && self.wakeAt != self.record.definition.dueAt)
        if self.breaksRule { defects.append(Self.brokenRule) }
        self.defect = defects.isEmpty ? nil : defects.joined(separator: ", ")
    }

    func holds(_ claim: Claim) -> Bool {
        self.record.state == .running && self.record.owner == claim.owner && self.record.attempt == claim.attempt
    }

    private static let unknownFunction: FunctionName = {
        guard let name = FunctionName("?") else { preconditionFailure("A question mark is a function's name") }
        return name
    }()

    /// Whether ``SQL/insertPlain`` says all of a new task.
    static func isPlain(_ task: TaskDefinition) -> Bool {
        task.priority == .normal && task.hasUsualTerms
    }

    /// Binds a new task to ``SQL/insertPlain``, or to ``SQL/insertPlainClaimed`` if it is claimed.
    static func bindPlain(_ task: TaskDefinition, _ express: ExpressClaim?, to statement: MariaDBStatement) {
        statement.bind(1, task.id)
        statement.bind(2, express?.leaseUntil ?? task.dueAt)
        statement.bind(3, task.dueAt)
        statement.bind(4, task.createdAt)
        statement.bind(5, task.function.bytes)
        statement.bind(6, task.payload)
        if let express { statement.bind(7, express.owner) }
        statement.endRow()
    }

    /// Binds a new task to ``SQL/insert``, or to ``SQL/insertClaimed`` if it is claimed.
    ///
    /// - Parameter retry: the text of its policy.
    static func bind(
        _ task: TaskDefinition, retry: String?, _ express: ExpressClaim?, to statement: MariaDBStatement
    ) {
        statement.bind(1, task.id)
        statement.bind(2, express?.leaseUntil ?? task.dueAt)
        statement.bind(3, task.dueAt)
        statement.bind(4, Int64(task.priority.rawValue))
        statement.bind(5, task.createdAt)
        statement.bind(6, task.expiresAt)
        statement.bind(7, task.timeout?.microseconds)
        statement.bind(8, task.retain.microseconds)
        statement.bind(9, text: retry)
        statement.bind(10, task.function.bytes)
        statement.bind(11, task.gearsloth?.controller?.bytes)
        statement.bind(12, task.payload)
        statement.bind(13, task.gearsloth?.document)
        if let express { statement.bind(14, express.owner) }
        statement.endRow()
    }

    /// What a row takes in a packet besides payload and document, at most: names, policy, numbers and their frame.
    static let overheadBytes = 8192

    /// What a row takes in a packet for payload and document.
    static func largeBytes(of task: TaskDefinition) -> Int {
        task.payload.count + (task.gearsloth?.document.count ?? 0)
    }
}

extension AttemptRecord {
    /// - Parameter row: the columns of ``SQL/history(_:)``, in their order.
    init(_ row: MariaDBStatement) {
        self.init(
            attempt: UInt32(clamping: row.integer(1)), startedAt: row.timestamp(2), endedAt: row.timestamp(3),
            outcome: UInt8(exactly: row.integer(4)).flatMap(AttemptOutcome.init(rawValue:)) ?? .failed,
            message: row.bytes(5))
    }
}
