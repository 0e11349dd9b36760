import GearclockCore
import Testing

/// A controller with a job server at hand that knows all others and what operators want, and shorthand for its events.
struct ControllerFixture {
    typealias Action = ControllerStateMachine.Action

    var machine: ControllerStateMachine
    var random = SeededGenerator(seed: 1)

    static let owner = OwnerID(value: 100)

    /// - Parameters:
    ///   - settings: what operators want; `nil`: nothing, and it does not look again.
    ///   - others: how many other controllers live, after this one in the order of their ids.
    init(
        _ settings: [FunctionSettings]? = nil, others: UInt64 = 0, _ change: (inout ControllerPolicy) -> Void = { _ in }
    ) {
        var policy = ControllerPolicy()
        policy.lease = LeasePolicy(lease: .seconds(15), extendWhenLeft: .seconds(10))
        if settings == nil { policy.membership.interval = .seconds(100_000) }
        change(&policy)
        self.machine = ControllerStateMachine(owner: Self.owner, policy: policy)
        self.machine.connectivityChanged(isConnected: true)
        let actions = self.machine.started(now: Sample.now())
        #expect(actions.contains(.beat) && actions.contains(.readSettings))
        _ = self.machine.beatReplied(.success(Self.members(others)), now: Sample.now(), using: &self.random)
        _ = self.machine.settingsReplied(.success(settings ?? []), now: Sample.now())
    }

    static func members(_ others: UInt64) -> [Member] {
        (0...others).map { Member(id: OwnerID(value: Self.owner.value + $0), role: .controller, beats: 1) }
    }

    /// An operator changes what is wanted, and the controller reads it at its next beat.
    mutating func wants(_ settings: [FunctionSettings], others: UInt64 = 0, at seconds: Double) -> [Action] {
        let now = Sample.now(seconds)
        let beat = self.machine.timerFired(now: now, using: &self.random)
        #expect(beat.contains(.beat) && beat.contains(.readSettings))
        let first = self.machine.beatReplied(.success(Self.members(others)), now: now, using: &self.random)
        return beat + first + self.machine.settingsReplied(.success(settings), now: now)
    }

    /// - Returns: the answer to one task.
    mutating func accept(_ task: ClaimedTask, at seconds: Double = 0) -> (answer: HandOverAnswer, actions: [Action]) {
        let (answers, actions) = self.machine.handedOver([task], now: Sample.now(seconds))
        #expect(answers.count == 1)
        return (answers[0], actions)
    }

    mutating func status(
        _ status: ControllerStateMachine.JobStatus?, run: UInt64 = 0, at seconds: Double = 0
    ) -> [Action] {
        self.machine.statusReplied(run, status, now: Sample.now(seconds))
    }

    mutating func ended(
        _ outcome: ControllerStateMachine.JobOutcome, run: UInt64 = 0, at seconds: Double = 1
    ) -> [Action] {
        self.machine.jobEnded(run, outcome, now: Sample.now(seconds), using: &self.random)
    }

    mutating func checked(_ place: ControllerStateMachine.JobPlace?, at seconds: Double = 5) -> [Action] {
        self.machine.jobChecked(0, place, now: Sample.now(seconds), using: &self.random)
    }

    mutating func extended(
        _ reply: Result<[FencedOutcome], TaskStoreError>, at seconds: Double = 5
    ) -> [Action] {
        self.machine.extendReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    mutating func settled(
        _ reply: Result<[FencedOutcome], TaskStoreError>, at seconds: Double = 1
    ) -> [Action] {
        self.machine.settleReplied(reply, now: Sample.now(seconds), using: &self.random)
    }

    /// All job servers answered.
    mutating func servers(
        _ functions: [String: ControllerStateMachine.ServerReport.Function], at seconds: Double
    ) -> [Action] {
        let named = Dictionary(uniqueKeysWithValues: functions.map { (FunctionName($0.key)!, $0.value) })
        let report = ControllerStateMachine.ServerReport(functions: named, isComplete: true)
        return self.machine.serversReplied(report, now: Sample.now(seconds), using: &self.random)
    }

    mutating func timer(at seconds: Double) -> [Action] {
        self.machine.timerFired(now: Sample.now(seconds), using: &self.random)
    }
}

extension ControllerStateMachine.JobStatus {
    static let absent = Self(isKnown: false, isRunning: false, clients: 0)
    static let running = Self(isKnown: true, isRunning: true, clients: 0)
    static let waiting = Self(isKnown: true, isRunning: false, clients: 1)
    static let abandoned = Self(isKnown: true, isRunning: false, clients: 0)
}

extension [ControllerStateMachine.Action] {
    var timer: MonotonicInstant? {
        for case .setTimer(let instant) in self { return instant }
        return nil
    }

    var submissions: [ControllerStateMachine.JobSubmission] {
        for case .submit(let submissions) in self { return submissions }
        return []
    }

    /// The unique ids of the jobs that are submitted, as text.
    var submitted: [String] { self.submissions.map { String(decoding: $0.unique, as: UTF8.self) } }

    /// The unique ids that are asked about, as text.
    var asked: [String] {
        for case .askStatus(let questions) in self {
            return questions.map { String(decoding: $0.unique, as: UTF8.self) }
        }
        return []
    }

    var settlements: [Settlement] {
        for case .settle(let settlements) in self { return settlements }
        return []
    }

    var changes: [Settlement.Change] { self.settlements.map(\.change) }

    var extended: [Claim] {
        for case .extend(let claims, _) in self { return claims }
        return []
    }

    var abandoned: [UInt64] {
        for case .abandon(let runs) in self { return runs }
        return []
    }
}
