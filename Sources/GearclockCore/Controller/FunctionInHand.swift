/// What a controller has in hand of one function, and what it knows about starting more of it.
struct FunctionInHand: Sendable {
    /// The oldest task first; of equally old ones, the one that was accepted first.
    struct Place: Comparable, Sendable {
        var dueAt: Timestamp
        var run: ControllerStateMachine.RunID

        static func < (left: Place, right: Place) -> Bool {
            (left.dueAt, left.run) < (right.dueAt, right.run)
        }
    }

    private(set) var runs = 0
    private(set) var bytes = 0
    /// Accepted, and their jobs not submitted.
    private(set) var unstarted = 0
    private(set) var queued = 0
    /// Jobs with job servers, those included whose tasks were cancelled while they ran.
    private(set) var submitted = 0
    /// Those that are queued, and some that no longer are.
    var queue = TimerHeap<Place, ControllerStateMachine.RunID>()
    /// Only while its rate is limited.
    var bucket: TokenBucket?
    /// When the next token is waited for.
    var tokenAt: MonotonicInstant?
    /// How many more jobs it may queue, by the latest word of the fullest job server; `nil`: nobody knows.
    var credit: Int?
    /// ``submitted`` when the job servers answered last.
    private var submittedWhenTold = 0
    /// When a worker last answered a job of it, if that was lately: what it has in hand will be over soon.
    var provenAt: MonotonicInstant?

    /// Those that do not only wait to be settled.
    var unended: Int { self.unstarted + self.submitted }

    /// - Returns: whether the function gets on.
    mutating func add(_ run: TaskRun) -> Bool {
        self.runs += 1
        self.bytes += run.task.definition.weightBytes
        self.count(run.phase, 1)
        return self.provenAt != nil
    }

    /// - Returns: whether the function gets on.
    mutating func remove(_ run: TaskRun) -> Bool {
        self.runs -= 1
        self.bytes -= run.task.definition.weightBytes
        self.count(run.phase, -1)
        return self.provenAt != nil
    }

    mutating func moved(from old: TaskRun.Phase, to new: TaskRun.Phase) {
        self.count(old, -1)
        self.count(new, 1)
    }

    /// A worker answered a job of it.
    ///
    /// - Returns: whether it got on before.
    mutating func gotOn(at moment: MonotonicInstant) -> Bool {
        defer { self.provenAt = moment }
        return self.provenAt != nil
    }

    /// What an operator wants of it from now on.
    mutating func apply(_ settings: FunctionSettings, _ now: MonotonicInstant) {
        self.bucket = settings.perThousandSeconds == nil ? nil : self.bucket ?? TokenBucket(now: now)
        if settings.queueWatermark == nil { self.credit = nil }
    }

    /// - Parameters:
    ///   - queued: its jobs that no worker has, at the fullest job server; `nil`: none answered.
    ///   - watermark: this controller's part of it. Who starts nothing while more than that are queued by anybody adds
    ///     no more than that himself, however old the others' answers are: so all of them stay below the whole.
    mutating func serversReported(queued: Int?, watermark: Int?) {
        defer { self.submittedWhenTold = self.submitted }
        guard let queued, let watermark else { return self.credit = nil }
        // What was submitted since the last answer may not be in this one: questions take another connection, and may
        // overtake jobs.
        self.credit = watermark - queued - max(0, self.submitted - self.submittedWhenTold)
    }

    private mutating func count(_ phase: TaskRun.Phase, _ change: Int) {
        switch phase {
        case .early, .proving, .asking, .workerless:
            self.unstarted += change
        case .queued:
            self.unstarted += change
            self.queued += change
        case .submitted, .orphaned:
            self.submitted += change
            self.credit? -= change
        case .ended:
            break
        }
    }
}
