/// What is known of one node: its last report, its failures, and its circuit breaker.
///
/// It is a part of ``ClusterStateMachine``, which knows what the other nodes say.
struct NodeStateMachine: Equatable, Sendable {
    enum State: Equatable, Sendable {
        /// Nobody asked it yet.
        /// Can transition to: `answering`, `failing`.
        case unknown
        /// Its last report counts.
        /// Can transition to: `failing`.
        case answering
        /// Its circuit breaker is open: it gets no work. Once `until` has passed it may be probed (half-open).
        /// Can transition to: `answering` by a probe after `until`.
        case failing(NodeFailure, until: MonotonicInstant)
    }

    private(set) var state = State.unknown
    /// The latest report, even if the node fails since: it still says to which cluster it belongs.
    private(set) var report: NodeReport?
    /// When a probe that is under way must have been answered.
    private(set) var probeDeadline: MonotonicInstant?
    /// When the next probe is due, if somebody watches.
    private(set) var nextProbe: MonotonicInstant?
    /// It answered no probe in time: what is in flight there may take for ever.
    private(set) var isFrozen = false
    /// What is in flight there was ended.
    var isCut = false
    /// Since when it answers.
    private var answersSince: MonotonicInstant?
    /// Failures since it was steady.
    private var failures = 0
    /// Connections that broke since a statement succeeded.
    private var lostConnections = 0

    // MARK: - Events

    /// - Returns: when it must be answered; one that is under way will do.
    mutating func probeStarted(_ policy: NodePolicy, now: MonotonicInstant) -> MonotonicInstant {
        if let deadline = self.probeDeadline, now < deadline { return deadline }
        let deadline = now.advanced(by: policy.probeTimeout)
        self.probeDeadline = deadline
        self.nextProbe = nil
        return deadline
    }

    mutating func probeAnswered(_ report: NodeReport, _ policy: NodePolicy, now: MonotonicInstant) {
        self.probeDeadline = nil
        self.report = report
        self.isFrozen = false
        self.isCut = false
        self.lostConnections = 0
        self.nextProbe = now.advanced(by: policy.probeInterval)
        switch self.state {
        case .unknown:
            self.state = .answering
            self.answersSince = now
        case .answering:
            self.forgiveIfSteady(policy, now: now)
        case .failing(_, let until):
            // It answered too late, or a statement failed meanwhile: then the breaker counts.
            guard until <= now else {
                self.nextProbe = until
                return
            }
            self.state = .answering
            self.answersSince = now
        }
    }

    mutating func probeFailed(
        _ failure: NodeFailure, _ policy: NodePolicy, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) {
        // After the deadline, the failure is known already.
        guard self.probeDeadline != nil else { return }
        self.probeDeadline = nil
        if case .timedOut = failure { self.isFrozen = true }
        self.open(failure, policy, now: now, using: &random)
    }

    mutating func statementSucceeded() {
        self.lostConnections = 0
    }

    mutating func statementFailed(
        _ failure: NodeFailure, _ policy: NodePolicy, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) {
        if case .connectionLost = failure {
            self.lostConnections += 1
            if self.lostConnections == 1 {
                if case .answering = self.state { self.nextProbe = now }
                return
            }
        }
        switch self.state {
        case .unknown, .answering: self.open(failure, policy, now: now, using: &random)
        // Those who were under way when it failed add nothing.
        case .failing: break
        }
    }

    // MARK: - Questions

    /// Whether it may be asked how it is: nobody knows yet, or its breaker is half-open.
    func mayBeProbed(now: MonotonicInstant) -> Bool {
        switch self.state {
        case .unknown: true
        case .answering: self.nextProbe.map { $0 <= now } ?? false
        case .failing(_, let until): until <= now
        }
    }

    /// Whether it has not failed, or not for a while.
    func isSteady(_ policy: NodePolicy, now: MonotonicInstant) -> Bool {
        guard self.failures > 0 else { return true }
        return self.answersSince.map { $0.advanced(by: policy.steadyAfter) <= now } ?? false
    }

    /// When somebody who watches must look at it next.
    var wakeUp: MonotonicInstant? {
        self.probeDeadline ?? self.nextProbe
    }

    // MARK: - The breaker

    private mutating func open(
        _ failure: NodeFailure, _ policy: NodePolicy, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) {
        self.forgiveIfSteady(policy, now: now)
        self.failures += 1
        let longest = min(policy.shortestBreak * (1 << min(self.failures - 1, 10)), policy.longestBreak)
        // Half of it by chance: daemons that lost a node together do not come back to it together.
        let wait = longest.microseconds / 2 + Int64.random(in: 0...max(0, longest.microseconds / 2), using: &random)
        let until = now.advanced(by: .microseconds(wait))
        self.state = .failing(failure, until: until)
        self.nextProbe = until
        self.answersSince = nil
    }

    private mutating func forgiveIfSteady(_ policy: NodePolicy, now: MonotonicInstant) {
        if self.isSteady(policy, now: now) { self.failures = 0 }
    }
}
