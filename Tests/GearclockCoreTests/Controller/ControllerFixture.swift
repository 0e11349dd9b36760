import GearclockCore
import Testing

/// A controller with a job server at hand, and shorthand for its events.
struct ControllerFixture {
    typealias Action = ControllerStateMachine.Action

    var machine: ControllerStateMachine
    var random = SeededGenerator(seed: 1)

    init(_ change: (inout ControllerPolicy) -> Void = { _ in }) {
        var policy = ControllerPolicy()
        change(&policy)
        self.machine = ControllerStateMachine(policy: policy)
        self.machine.connectivityChanged(isConnected: true)
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

    mutating func checked(_ isKnown: Bool?, at seconds: Double = 5) -> [Action] {
        self.machine.jobChecked(0, isKnown: isKnown, now: Sample.now(seconds), using: &self.random)
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
