/// The name of a Gearman function: 1 ... 512 bytes without NUL, in any encoding.
///
/// 512 is the limit of the C client library; a longer name could be stored here and then run by nobody.
package struct FunctionName: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]
    /// Made once for each name, because it is asked for at each step of each task.
    package let lane: Lane

    package init?(_ bytes: some Collection<UInt8>) {
        guard (1...Limits.functionNameBytes).contains(bytes.count), !bytes.contains(0) else { return nil }
        self.bytes = [UInt8](bytes)
        self.lane = Lane(value: CRC32.checksum(self.bytes))
    }

    package init?(_ text: String) {
        self.init(text.utf8)
    }

    /// By its number: names are looked up for each task again and again.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.lane)
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
///
/// A task is copied and moved dozens of times on its way through a daemon, so that what few tasks say stands in a box.
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
    /// `nil`: all of them are the usual ones.
    private var box: TermsBox?

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
        self.terms = Terms(
            expiresAt: expiresAt, timeout: timeout, retry: retry, retain: retain, gearsloth: gearsloth)
    }

    /// What it counts for against limits of memory, in bytes.
    package var weightBytes: Int {
        256 + self.function.bytes.count + self.payload.count + (self.gearsloth?.document.count ?? 0)
    }
}

// MARK: - What few tasks say

extension TaskDefinition {
    private struct Terms: Equatable, Sendable {
        static let usual = Terms()

        var expiresAt: Timestamp?
        var timeout: Duration?
        var retry = RetryPolicy.standard
        var retain = Duration.zero
        var gearsloth: GearslothPart?
    }

    private final class TermsBox: Equatable, Sendable {
        let terms: Terms

        init(_ terms: Terms) { self.terms = terms }

        static func == (left: TermsBox, right: TermsBox) -> Bool { left === right || left.terms == right.terms }
    }

    private var terms: Terms {
        get { self.box?.terms ?? .usual }
        set { self.box = newValue == .usual ? nil : TermsBox(newValue) }
    }

    /// Whether it says nothing but what is to be done, and when.
    package var hasUsualTerms: Bool { self.box == nil }

    /// No run starts after this moment.
    package var expiresAt: Timestamp? {
        get { self.box?.terms.expiresAt }
        set { self.terms.expiresAt = newValue }
    }

    /// How long one attempt may take, from its submission to the job server.
    package var timeout: Duration? {
        get { self.box?.terms.timeout }
        set { self.terms.timeout = newValue }
    }

    package var retry: RetryPolicy {
        get { self.box?.terms.retry ?? .standard }
        set { self.terms.retry = newValue }
    }

    /// How long a completed task is kept, for `get` and so that a repeated submission finds it. Zero: not at all.
    package var retain: Duration {
        get { self.box?.terms.retain ?? .zero }
        set { self.terms.retain = newValue }
    }

    /// What only gearsloth's tasks have.
    package var gearsloth: GearslothPart? {
        get { self.box?.terms.gearsloth }
        set { self.terms.gearsloth = newValue }
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
