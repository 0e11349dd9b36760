internal import Gearman

/// What is to be written to the journal, and who waits for it.
struct JournalQueue: Equatable, Sendable {
    enum State: Equatable, Sendable {
        /// Nothing is under way.
        /// Can transition to:
        ///   - `writing` when there is something to write.
        case idle
        /// A change is under way; what comes meanwhile is the next one.
        /// Can transition to:
        ///   - `idle` when it is written,
        ///   - `pausing` when it failed.
        case writing(forgotten: [UInt64], kept: [UInt64])
        /// The journal is away.
        /// Can transition to:
        ///   - `writing` when it is time to try again.
        case pausing(until: GearmanInstant)
    }

    /// A job that is not kept yet, but is to be.
    struct Keep: Equatable, Sendable {
        let deadline: GearmanInstant
        var waiters: [Waiter] = []
        /// The journal may have it, whatever was answered.
        var wasSent = false
    }

    /// A submission that is answered when the job is kept.
    struct Waiter: Equatable, Sendable {
        let connection: ConnectionID
        /// Which of the connection's ``HeldAnswers`` it is.
        let answer: Int
        let isBackground: Bool
    }

    var state = State.idle
    /// Jobs to keep, and kept ones that changed, in their order. Some have ended.
    var toKeep: [UInt64] = []
    /// Jobs that ended. Some are wanted again.
    var toForget: [UInt64] = []
    var keeps: [UInt64: Keep] = [:]
    /// When submissions are refused.
    var deadlines = JobTimers()
    /// The jobs that the journal is known to have.
    var keptCount = 0

    /// A failed change is tried again after this.
    static let pause: Duration = .milliseconds(500)
    /// The jobs of one change: enough to make the commit cheap, few enough to let the next one not wait long.
    static let changeJobs = 4_096
    /// Their workloads together; a larger one goes alone.
    static let changeBytes = 16 << 20

    /// A job is to be kept, until the deadline.
    mutating func add(_ job: JobSlot, number: UInt64, deadline: GearmanInstant) {
        self.keeps[number] = Keep(deadline: deadline)
        self.toKeep.append(number)
        let keeps = self.keeps
        self.deadlines.insert(
            JobTimers.Entry(nanoseconds: deadline.nanoseconds, slot: job, number: number), liveCount: keeps.count
        ) { keeps[$0.number]?.deadline.nanoseconds == $0.nanoseconds }
    }

    /// Whether the next change may be written.
    func isFree(now: GearmanInstant) -> Bool {
        switch self.state {
        case .idle: true
        case .pausing(let moment): moment <= now
        case .writing: false
        }
    }

    /// Whether nothing that ended is still to be written.
    var isQuiet: Bool {
        switch self.state {
        case .idle, .pausing: self.toForget.isEmpty
        case .writing: false
        }
    }

    var nextWake: GearmanInstant? {
        let deadline = self.deadlines.first.map { GearmanInstant(nanoseconds: $0.nanoseconds) }
        switch self.state {
        case .idle, .writing: return deadline
        case .pausing(let moment): return deadline.map { min($0, moment) } ?? moment
        }
    }
}

/// What a connection is sent only after an answer that waits for the journal: answers come in the order of requests.
struct HeldAnswers: Equatable, Sendable {
    private struct Answer: Equatable, Sendable {
        /// Nil: it is not known yet.
        var packet: [UInt8]?
        /// What was sent behind it.
        var following: [UInt8] = []
    }

    private var answers: [Answer] = []
    /// How many answers there were before the first one of these.
    private var passed = 0
    /// What stands before the first one.
    private var ready: [UInt8] = []
    private(set) var sizeBytes = 0

    var isEmpty: Bool { self.answers.isEmpty && self.ready.isEmpty }

    /// What one answer costs, rounded up.
    private static let answerBytes = 64

    /// What is sent from now on waits for one more answer.
    ///
    /// - Parameter output: what was sent before.
    /// - Returns: by what the answer is named.
    mutating func append(after output: [UInt8]) -> Int {
        self.follow(output)
        self.answers.append(Answer())
        self.sizeBytes += Self.answerBytes
        return self.passed + self.answers.count - 1
    }

    mutating func setAnswer(_ number: Int, _ packet: [UInt8]) {
        self.answers[number - self.passed].packet = packet
    }

    /// Adds output, and takes all that waits for nothing any more.
    mutating func take(adding output: [UInt8]) -> [UInt8] {
        self.follow(output)
        self.release()
        defer { self.ready = [] }
        return self.ready
    }

    /// Lets go what waits for nothing any more.
    mutating func release() {
        var count = 0
        while count < self.answers.count, let packet = self.answers[count].packet {
            self.ready += packet
            self.ready += self.answers[count].following
            self.sizeBytes -= Self.answerBytes + self.answers[count].following.count
            count += 1
        }
        self.answers.removeFirst(count)
        self.passed += count
    }

    private mutating func follow(_ output: [UInt8]) {
        if self.answers.isEmpty {
            self.ready += output
        } else {
            self.answers[self.answers.count - 1].following += output
            self.sizeBytes += output.count
        }
    }
}
