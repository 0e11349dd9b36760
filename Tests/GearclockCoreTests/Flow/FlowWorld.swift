import GearclockCore

/// A dispatcher and controllers around one store and one job server, in simulated time. Nothing fails: this is about
/// how many hand-overs there are, and who waits for whom.
struct FlowWorld {
    typealias Step = @Sendable (inout FlowWorld) -> Void

    struct Function {
        let name: FunctionName
        /// How long a job of it takes, in microseconds.
        var duration: Int64
        var workers = Int.max
        /// However many of its tasks are claimed, there are more, and they are overdue.
        var hasBacklog = false
        /// Those that were given back, or wait for their time.
        var scheduled: [TaskDefinition] = []
        var queued: [(controller: Int, run: UInt64)] = []
        var running = 0
        var started = 0
        /// In microseconds.
        var latenesses: [Int64] = []
    }

    /// What goes through one process or job server goes one after the other.
    enum Place: Hashable {
        case dispatcher, jobServer
        case controller(Int)
    }

    private struct Moment: Comparable, Sendable {
        var time: Int64
        var order: UInt64

        static func < (left: Moment, right: Moment) -> Bool {
            (left.time, left.order) < (right.time, right.order)
        }
    }

    /// How long the store takes for whatever it is asked, in microseconds.
    static let storeTime: Int64 = 3000
    /// What a hand-over costs each process and the job server, in microseconds.
    static let handOverTime: Int64 = 50

    private(set) var time: Int64 = 0
    private var order: UInt64 = 0
    private var steps = TimerHeap<Moment, Step>()
    private var busyUntil: [Place: Int64] = [:]
    var random = SeededGenerator(seed: 1)

    var dispatcher: DispatcherStateMachine
    var controllers: [ControllerStateMachine] = []
    /// The latest timer of each process; earlier ones mean nothing any more.
    var timers: [Place: UInt64] = [:]
    /// The lanes that controllers take hand-overs of.
    var served: [Set<Lane>] = []
    var members: [OwnerID: Member] = [:]
    var settings: [FunctionSettings] = []
    var functions: [Lane: Function] = [:]
    /// Claims of tasks that are not settled.
    var claims: [TaskID: (task: TaskDefinition, attempt: UInt32)] = [:]
    private var tasks: UInt64 = 0

    // What is counted
    var handOvers = 0
    var accepted = 0
    var refused = 0
    var released = 0

    init(controllers: Int) {
        self.dispatcher = DispatcherStateMachine(owner: OwnerID(value: 1))
        for number in 0..<controllers {
            self.controllers.append(ControllerStateMachine(owner: OwnerID(value: UInt64(100 + number))))
            self.served.append([])
        }
    }

    static func lane(_ function: String) -> Lane { Lane(of: FunctionName(function)!) }

    mutating func add(_ name: String, duration: Int64, workers: Int = .max, inFlight: UInt32? = nil) {
        var function = Function(name: FunctionName(name)!, duration: duration, workers: workers)
        function.hasBacklog = inFlight != nil
        if inFlight != nil { self.settings.append(FunctionSettings(function: function.name, inFlight: inFlight)) }
        self.functions[Lane(of: function.name)] = function
    }

    mutating func start() {
        self.perform(self.dispatcher.started(now: self.now))
        for number in self.controllers.indices {
            self.controllers[number].connectivityChanged(isConnected: true)
            self.perform(self.controllers[number].started(now: self.now), number)
        }
    }

    /// Submits some tasks every few microseconds, due so long after that.
    mutating func submit(_ name: String, _ count: Int, every interval: Int64, dueIn: Int64) {
        let due = self.now.wall.advanced(by: .microseconds(dueIn))
        for _ in 0..<count {
            let task = self.task(of: FlowWorld.lane(name), dueAt: due)
            self.functions[FlowWorld.lane(name)]!.scheduled.append(task)
        }
        self.after(interval) { $0.submit(name, count, every: interval, dueIn: dueIn) }
    }

    /// - Returns: what was counted in that time.
    mutating func run(seconds: Int64) {
        let end = self.time + seconds * 1_000_000
        (self.handOvers, self.accepted, self.refused, self.released) = (0, 0, 0, 0)
        for lane in self.functions.keys {
            self.functions[lane]!.started = 0
            self.functions[lane]!.latenesses = []
        }
        while let first = self.steps.first, first.moment.time <= end {
            _ = self.steps.removeFirst()
            self.time = first.moment.time
            first.value(&self)
        }
        self.time = end
    }

    func lateness(_ name: String, _ share: Double) -> Int64 {
        let all = self.functions[FlowWorld.lane(name)]!.latenesses.sorted()
        return all.isEmpty ? .max : all[Int(Double(all.count - 1) * share)]
    }

    // MARK: - Time

    var now: Now { Sample.now(Double(self.time) / 1_000_000) }

    mutating func after(_ delay: Int64, _ step: @escaping Step) {
        self.order += 1
        self.steps.insert(Moment(time: self.time + max(0, delay), order: self.order), step)
    }

    /// When everything before it is done there.
    mutating func at(_ place: Place, cost: Int64, _ step: @escaping Step) {
        let done = max(self.busyUntil[place, default: 0], self.time) + cost
        self.busyUntil[place] = done
        self.after(done - self.time, step)
    }

    mutating func setTimer(_ place: Place, _ moment: MonotonicInstant, _ step: @escaping Step) {
        self.order += 1
        let number = self.order
        self.timers[place] = number
        self.after(self.now.monotonic.duration(to: moment).microseconds) { world in
            if world.timers[place] == number { step(&world) }
        }
    }

    // MARK: - The store

    private mutating func task(of lane: Lane, dueAt: Timestamp) -> TaskDefinition {
        self.tasks += 1
        var definition = Sample.definition(self.tasks, function: self.functions[lane]!.name.description)
        definition.dueAt = dueAt
        // So that its lateness is known where its job starts.
        definition.payload = Array("\(dueAt.microseconds)".utf8)
        return definition
    }

    /// Whatever has a backlog is overdue since the start.
    var dueLanes: [LaneDue] {
        self.functions.compactMap { lane, function in
            let due = function.hasBacklog ? Sample.start : function.scheduled.map(\.dueAt).min()
            return due.map { LaneDue(lane: lane, dueAt: $0) }
        }.sorted { $0.lane < $1.lane }
    }

    mutating func claim(_ request: ClaimRequest) -> [ClaimedTask] {
        var tasks: [TaskDefinition] = []
        for share in request.lanes ?? [] {
            let due = self.functions[share.lane]!.scheduled.filter { $0.dueAt <= request.dueBy }
                .sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }.prefix(share.limit)
            let taken = Set(due.map(\.id))
            self.functions[share.lane]!.scheduled.removeAll { taken.contains($0.id) }
            tasks += due
            guard self.functions[share.lane]!.hasBacklog else { continue }
            for _ in due.count..<share.limit { tasks.append(self.task(of: share.lane, dueAt: Sample.start)) }
        }
        return tasks.map { task in
            let attempt = (self.claims[task.id]?.attempt ?? 0) + 1
            self.claims[task.id] = (task, attempt)
            return ClaimedTask(
                definition: task, claim: Claim(id: task.id, owner: request.owner, attempt: attempt), failures: 0,
                leaseUntil: request.leaseUntil)
        }
    }

    mutating func settle(_ settlement: Settlement) {
        guard let (task, attempt) = self.claims[settlement.claim.id], attempt == settlement.claim.attempt else {
            return
        }
        switch settlement.change {
        case .release: self.functions[Lane(of: task.function)]!.scheduled.append(task)
        case .complete, .retry, .discard, .expire: self.claims[task.id] = nil
        }
    }

    mutating func beat(_ id: OwnerID, _ role: MemberRole) -> [Member] {
        self.members[id, default: Member(id: id, role: role, beats: 0)].beats += 1
        return self.members.values.sorted { $0.id.value < $1.id.value }
    }
}
