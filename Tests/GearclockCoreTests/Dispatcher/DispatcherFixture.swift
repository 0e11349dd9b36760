import GearclockCore
import Testing

/// A dispatcher, and shorthand for its events.
struct DispatcherFixture {
    typealias Action = DispatcherStateMachine.Action

    var machine: DispatcherStateMachine
    var random = SeededGenerator(seed: 1)

    init(_ change: (inout DispatcherPolicy) -> Void = { _ in }) {
        var policy = DispatcherPolicy()
        change(&policy)
        self.machine = DispatcherStateMachine(owner: Sample.owner, policy: policy)
    }

    static func tasks(
        _ count: Int, _ function: String = "f", dueIn: Double = 0, first: UInt64 = 1, payload: Int = 1
    ) -> [ClaimedTask] {
        (0..<UInt64(count)).map {
            Sample.claimed(Sample.definition(first + $0, function: function, payload: payload, dueIn: dueIn))
        }
    }

    // MARK: - The way to a state

    /// Up to the first question about due lanes: nothing is paused, it is alone, and no lease was lost.
    mutating func start() {
        #expect(self.machine.started(now: Sample.now()).contains(.askDueLanes))
        _ = self.settings([])
        _ = self.machine.clocksReplied(.success([]), now: Sample.now())
        _ = self.beat(.success([]))
        _ = self.rescued(.success(0))
    }

    /// Up to a claim that is under way.
    @discardableResult
    mutating func claim(_ functions: [String] = ["f"], dueIn: Double = 0) -> ClaimRequest? {
        self.start()
        return self.dueLanes(functions, dueIn: dueIn).claim
    }

    /// Up to hand-overs that are under way.
    @discardableResult
    mutating func handOver(_ tasks: [ClaimedTask] = Self.tasks(1)) -> [[ClaimedTask]] {
        self.claim(Set(tasks.map(\.definition.function.description)).sorted())
        return self.claimed(.success(tasks)).handOvers
    }

    // MARK: - Events

    mutating func dueLanes(_ functions: [String], dueIn: Double = 0, at seconds: Double = 0) -> [Action] {
        let lanes = functions.map { LaneDue(lane: Self.lane($0), dueAt: Sample.time(dueIn)) }
        return self.dueLanes(.success(lanes.sorted { $0.lane < $1.lane }), at: seconds)
    }

    mutating func dueLanes(_ reply: Result<[LaneDue], TaskStoreError>, at seconds: Double = 0) -> [Action] {
        self.machine.dueLanesReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    mutating func claimed(_ reply: Result<[ClaimedTask], TaskStoreError>, at seconds: Double = 0) -> [Action] {
        self.machine.claimReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    mutating func rescued(_ reply: Result<Int, TaskStoreError>, at seconds: Double = 0) -> [Action] {
        self.machine.rescueReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    mutating func handedOver(
        _ reply: Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure>, id: UInt64 = 0,
        at seconds: Double = 0
    ) -> [Action] {
        self.machine.handOverReplied(id, reply, now: Sample.now(seconds), using: &self.random)
    }

    mutating func settled(_ reply: Result<[FencedOutcome], TaskStoreError>, at seconds: Double = 0) -> [Action] {
        self.machine.settleReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    mutating func beat(_ reply: Result<[Member], TaskStoreError>, at seconds: Double = 0) -> [Action] {
        self.machine.beatReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    /// The settings of functions were read: these are paused.
    mutating func settings(_ paused: [String], at seconds: Double = 0) -> [Action] {
        let settings = paused.map { FunctionSettings(function: FunctionName($0)!, isPaused: true) }
        return self.machine.settingsReplied(.success(settings), now: Sample.now(seconds))
    }

    mutating func timer(at seconds: Double) -> [Action] {
        self.machine.timerFired(now: Sample.now(seconds))
    }

    static func lane(_ function: String) -> Lane { Lane(of: FunctionName(function)!) }
}

extension [DispatcherStateMachine.Action] {
    var timer: MonotonicInstant? {
        for case .setTimer(let instant) in self { return instant }
        return nil
    }

    var claim: ClaimRequest? {
        for case .claimDue(let request) in self { return request }
        return nil
    }

    var rescues: Bool {
        self.contains { if case .rescueExpired = $0 { true } else { false } }
    }

    var handOvers: [[ClaimedTask]] {
        self.compactMap { if case .handOver(_, let tasks, _) = $0 { tasks } else { nil } }
    }

    var settlements: [Settlement] {
        for case .settle(let settlements) in self { return settlements }
        return []
    }

    /// How many tasks of each function a claim may take.
    func shares(_ functions: String...) -> [Int] {
        functions.map { function in
            self.claim?.lanes?.first { $0.lane == DispatcherFixture.lane(function) }?.limit ?? 0
        }
    }
}
