/// Decides what becomes of one call of a store on the nodes of a cluster, until its caller has one of three answers:
/// done, not done, unknown.
///
/// `MariaDBTaskStore` in GearclockMariaDB performs it. A node that is unwell is left for the next one, a conflict is
/// repeated, and after an unknown outcome somebody looks, on a node that shows all that was committed before. Absence
/// is not final, so what was unknown once stays unknown until it is seen done, or is done again.
package struct ClusterCallStateMachine<Operation: ClusterOperation>: Equatable, Sendable {
    package typealias Purpose = ClusterStateMachine.Purpose

    /// What the caller does next. Perform it, and report by the event that is named.
    package enum Action: Equatable, Sendable {
        /// Ask ``ClusterStateMachine/choose(for:avoiding:now:)``; report by ``chosen(_:now:using:)``.
        case choose(Purpose, avoiding: Set<NodeIndex>)
        /// Probe the node, tell the cluster's machine, then report by ``probed(now:)``.
        case probe(NodeIndex, deadline: MonotonicInstant)
        /// Have the node do what is open of ``operation``; report by ``replied(_:now:using:)``. What has no answer by
        /// the deadline is ended.
        case perform(NodeIndex, deadline: MonotonicInstant)
        /// Read these tasks on the node, causally; report by ``looked(_:now:using:)`` those that are there.
        case look(NodeIndex, [TaskID], deadline: MonotonicInstant)
        /// Report by ``timerFired(now:)`` then.
        case wait(until: MonotonicInstant)
        /// The end. `seenOn` is a node on which all of it was seen at once, done or standing, if there is one.
        case finish(Result<Operation.Answer, TaskStoreError>, seenOn: NodeIndex?)
    }

    /// What became of what a node was asked to do.
    package enum Reply: Equatable, Sendable {
        /// It is committed.
        case done(Operation.Answer)
        /// Nothing happened, because somebody else changed the same.
        case conflict(String)
        /// Nothing happened, and it is because of the node. The cluster's machine is told so too.
        case unwell(NodeFailure)
        /// It happened or not: the commit had been sent. With what is answered if it happened, where that is known. The
        /// cluster's machine is told so too.
        case unknown(Operation.Answer?, NodeFailure)
        /// Nothing happened, and no other node would do it.
        case refused(String)
    }

    private enum Step: Equatable {
        case perform, look
    }

    private enum State: Equatable {
        /// Can transition to: `choosing`.
        case new
        /// A node is sought.
        /// Can transition to: `probing`, `performing`, `looking`, `waiting`, `finished`.
        case choosing(Step)
        /// Can transition to: `choosing`, `finished`.
        case probing(Step)
        /// Can transition to: `choosing`, `waiting`, `finished`.
        case performing(NodeIndex)
        /// Can transition to: `choosing`, `waiting`, `finished`.
        case looking(NodeIndex)
        /// Can transition to: `choosing`, `finished`.
        case waiting(Step)
        case finished
    }

    private var state = State.new
    package private(set) var operation: Operation
    private let policy: ClusterCallPolicy
    private let deadline: MonotonicInstant
    /// Nodes that failed this call.
    private var avoided: Set<NodeIndex> = []
    /// Nodes that concluded something.
    private var witnesses: Set<NodeIndex> = []
    private var conflicts = 0
    private var setbacks = 0
    /// Something may have happened, or may happen yet.
    private var isDoubtful = false
    private var lastText = "no node was asked"

    package init(_ operation: Operation, policy: ClusterCallPolicy = ClusterCallPolicy(), now: MonotonicInstant) {
        self.operation = operation
        self.policy = policy
        self.deadline = now.advanced(by: policy.limit)
    }

    // MARK: - Events

    package mutating func started(now: MonotonicInstant) -> Action {
        guard case .new = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        return self.choose(.perform, now)
    }

    package mutating func chosen(
        _ choice: ClusterStateMachine.Choice, now: MonotonicInstant, using random: inout some RandomNumberGenerator
    ) -> Action {
        guard case .choosing(let step) = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        switch choice {
        case .node(let node):
            switch step {
            case .perform:
                self.state = .performing(node)
                return .perform(node, deadline: min(now.advanced(by: self.policy.statementLimit), self.deadline))
            case .look:
                self.state = .looking(node)
                let deadline = min(now.advanced(by: self.policy.lookLimit), self.deadline)
                return .look(node, self.operation.idsToLookUp, deadline: deadline)
            }
        case .probe(let node, let deadline):
            self.state = .probing(step)
            return .probe(node, deadline: min(deadline, self.deadline))
        case .unavailable(let text):
            self.lastText = text
            // Its caller can try again as well as we can; but it cannot look.
            guard self.isDoubtful else { return self.fail() }
            self.setbacks += 1
            return self.wait(step, now, using: &random)
        }
    }

    package mutating func probed(now: MonotonicInstant) -> Action {
        guard case .probing(let step) = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        return self.choose(step, now)
    }

    package mutating func replied(
        _ reply: Reply, now: MonotonicInstant, using random: inout some RandomNumberGenerator
    ) -> Action {
        guard case .performing(let node) = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        switch reply {
        case .done(let answer):
            self.witnessed(on: node) { $0.committed(answer) }
            return self.proceed(now)
        case .conflict(let text):
            self.lastText = text
            self.conflicts += 1
            self.setbacks += 1
            guard self.conflicts <= self.policy.conflicts else { return self.fail(with: .conflict) }
            return self.retry(now, using: &random)
        case .unwell(let failure):
            self.failed(node, failure)
            return self.retry(now, using: &random)
        case .unknown(let answer, let failure):
            self.failed(node, failure)
            self.isDoubtful = true
            self.operation.lost(answer)
            return self.proceed(now)
        case .refused(let text):
            self.lastText = text
            return self.fail()
        }
    }

    package mutating func looked(
        _ result: Result<[StandingTask], NodeFailure>, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) -> Action {
        guard case .looking(let node) = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        switch result {
        case .success(let rows):
            let rows = Dictionary(rows.map { ($0.id, $0) }) { first, _ in first }
            self.witnessed(on: node) { $0.looked(rows) }
            return self.proceed(now)
        case .failure(let failure):
            self.failed(node, failure)
            return self.setbacks > self.policy.setbacksAtOnce
                ? self.wait(.look, now, using: &random) : self.choose(.look, now)
        }
    }

    package mutating func timerFired(now: MonotonicInstant) -> Action {
        guard case .waiting(let step) = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        return self.choose(step, now)
    }

    // MARK: - Decisions

    /// Something was learnt: what is left?
    private mutating func proceed(_ now: MonotonicInstant) -> Action {
        if self.operation.openCount == 0 {
            self.state = .finished
            return .finish(
                .success(self.operation.answer), seenOn: self.witnesses.count == 1 ? self.witnesses.first : nil)
        }
        return self.choose(self.operation.idsToLookUp.isEmpty ? .perform : .look, now)
    }

    private mutating func choose(_ step: Step, _ now: MonotonicInstant) -> Action {
        guard now < self.deadline else { return self.fail() }
        self.state = .choosing(step)
        switch step {
        case .perform: return .choose(self.operation.purpose, avoiding: self.avoided)
        case .look: return .choose(.read, avoiding: self.avoided)
        }
    }

    private mutating func retry(_ now: MonotonicInstant, using random: inout some RandomNumberGenerator) -> Action {
        self.setbacks > self.policy.setbacksAtOnce
            ? self.wait(.perform, now, using: &random) : self.choose(.perform, now)
    }

    private mutating func wait(
        _ step: Step, _ now: MonotonicInstant, using random: inout some RandomNumberGenerator
    ) -> Action {
        guard now < self.deadline else { return self.fail() }
        let doublings = max(0, self.setbacks - self.policy.setbacksAtOnce - 1)
        let longest = min(self.policy.shortestWait * (1 << min(doublings, 10)), self.policy.longestWait).microseconds
        // Half of it by chance: those who collided do not meet again.
        let wait = longest / 2 + Int64.random(in: 0...max(0, longest / 2), using: &random)
        self.state = .waiting(step)
        return .wait(until: min(now.advanced(by: .microseconds(max(1, wait))), self.deadline))
    }

    private mutating func failed(_ node: NodeIndex, _ failure: NodeFailure) {
        self.avoided.insert(node)
        self.setbacks += 1
        self.lastText = failure.text
    }

    private mutating func witnessed(on node: NodeIndex, _ change: (inout Operation) -> Void) {
        let before = self.operation.openCount
        change(&self.operation)
        if self.operation.openCount < before { self.witnesses.insert(node) }
    }

    private mutating func fail(with error: TaskStoreError? = nil) -> Action {
        self.state = .finished
        if self.isDoubtful { return .finish(.failure(.outcomeUnknown(self.lastText)), seenOn: nil) }
        return .finish(.failure(error ?? .unavailable(self.lastText)), seenOn: nil)
    }
}

/// How long a call on a cluster tries.
package struct ClusterCallPolicy: Equatable, Sendable {
    /// The whole of a call. Default 25 s: longer than a statement, so that there is time to look.
    package var limit: Duration
    /// One statement. Default 15 s: a healthy cluster's commits hang for up to 7 s when one of its nodes dies.
    package var statementLimit: Duration
    /// One look. Default 7 s: it hangs as long as commits do.
    package var lookLimit: Duration
    /// How often a conflict is met before the caller is told.
    package var conflicts: Int
    /// How many conflicts and failures are answered by another try at once; then there are waits between them.
    package var setbacksAtOnce: Int
    /// The first wait. Default 2 ms: a conflict is over as soon as the other one has committed.
    package var shortestWait: Duration
    /// The longest wait. Default 250 ms: how much later than it we notice that a node is back.
    package var longestWait: Duration

    package init(
        limit: Duration = .seconds(25), statementLimit: Duration = .seconds(15), lookLimit: Duration = .seconds(7),
        conflicts: Int = 10, setbacksAtOnce: Int = 3, shortestWait: Duration = .milliseconds(2),
        longestWait: Duration = .milliseconds(250)
    ) {
        self.limit = limit
        self.statementLimit = statementLimit
        self.lookLimit = lookLimit
        self.conflicts = conflicts
        self.setbacksAtOnce = setbacksAtOnce
        self.shortestWait = shortestWait
        self.longestWait = longestWait
    }
}
