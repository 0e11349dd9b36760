/// The name of a Gearman function: 1 ... 512 bytes without NUL, in any encoding.
///
/// 512 is the limit of the C client library; a longer name could be stored here and then run by nobody.
package struct FunctionName: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init?(_ bytes: some Collection<UInt8>) {
        guard (1...Limits.functionNameBytes).contains(bytes.count), !bytes.contains(0) else { return nil }
        self.bytes = [UInt8](bytes)
    }

    package init?(_ text: String) {
        self.init(text.utf8)
    }

    /// As one piece: an array is hashed byte by byte, and names are looked up for each task again and again.
    package func hash(into hasher: inout Hasher) {
        self.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    /// The name as text; bytes that are not UTF-8 are shown as replacement characters.
    package var description: String {
        String(decoding: self.bytes, as: UTF8.self)
    }
}

/// The Gearman priority of a task's job.
package enum TaskPriority: UInt8, CaseIterable, Sendable {
    case high = 0
    case normal = 1
    case low = 2
}

/// What a client asked for: everything about a task but its progress.
package struct TaskDefinition: Equatable, Sendable {
    package var id: TaskID
    package var function: FunctionName
    /// What the function receives, unchanged.
    package var payload: [UInt8]
    package var priority: TaskPriority
    /// The earliest time of the next run. A retry moves it.
    package var dueAt: Timestamp
    /// When the worker daemon took it in.
    package var createdAt: Timestamp
    /// No run starts after this moment.
    package var expiresAt: Timestamp?
    /// How long one attempt may take, from its submission to the job server.
    package var timeout: Duration?
    package var retry: RetryPolicy
    /// How long a completed task is kept, for `get` and so that a repeated submission finds it. Zero: not at all.
    package var retain: Duration
    /// What only gearsloth's tasks have.
    package var gearsloth: GearslothPart?

    package init(
        id: TaskID, function: FunctionName, payload: [UInt8], priority: TaskPriority = .normal, dueAt: Timestamp,
        createdAt: Timestamp, expiresAt: Timestamp? = nil, timeout: Duration? = nil, retry: RetryPolicy = .standard,
        retain: Duration = .zero, gearsloth: GearslothPart? = nil
    ) {
        self.id = id
        self.function = function
        self.payload = payload
        self.priority = priority
        self.dueAt = dueAt
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.timeout = timeout
        self.retry = retry
        self.retain = retain
        self.gearsloth = gearsloth
    }

    /// What it counts for against limits of memory, in bytes.
    package var weightBytes: Int {
        256 + self.function.bytes.count + self.payload.count + (self.gearsloth?.document.count ?? 0)
    }
}

/// What is kept of a task that came in by `submitJobDelayed` and that a custom controller, or `get`, may ask for.
package struct GearslothPart: Equatable, Sendable {
    /// The Gearman function of the custom controller; `nil`: ours.
    package var controller: FunctionName?
    /// The JSON object as it was submitted, unknown fields included.
    package var document: [UInt8]

    package init(controller: FunctionName?, document: [UInt8]) {
        self.controller = controller
        self.document = document
    }
}
