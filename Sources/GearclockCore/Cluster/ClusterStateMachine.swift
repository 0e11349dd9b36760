/// Decides which node of a cluster gets which work, and when nodes are asked how they are.
///
/// `MariaDBTaskStore` in GearclockMariaDB performs it. Work goes to nodes only that answered a probe; who needs a node
/// of which nothing is known, or which failed a while ago, probes it first. So a probe's short deadline finds out about
/// a frozen node, not a statement's long one, and all works whether somebody watches the nodes or not.
package struct ClusterStateMachine: Equatable, Sendable {
    /// What the caller does next, in this order.
    package enum Action: Equatable, Sendable {
        /// Ask the node how it is. Report by ``probeAnswered(_:_:now:)`` or ``probeFailed(_:_:now:using:)``, also when
        /// it comes too late. A probe of the same node that is under way will do.
        case probe(NodeIndex, deadline: MonotonicInstant)
        /// Call ``timerFired(now:using:)`` then; it replaces the timer set before.
        case setTimer(MonotonicInstant)
        /// End everything that is under way on this node now: it is frozen, and another one is well. Report those calls
        /// as what they are, unknown where a commit was sent.
        case cut(NodeIndex)
        /// For the log and the metrics.
        case changed(NodeIndex, NodeCondition)
    }

    /// What a node is wanted for.
    package enum Purpose: Equatable, Sendable {
        /// To insert. Each process begins with a node by chance, so that they spread, and stays with it while it is
        /// well: inserts of different rows never conflict, wherever they are made.
        case insert
        /// To claim, and to change what is claimed. Each owner of claims has a node of its own choice among those that
        /// are well, and whoever changes its claims goes there, too, because a claim is seen at once only where it was
        /// made. So owners that share the buckets share the nodes. `nil`, to change what nobody owns: the first node of
        /// the configuration that is well, the same for all processes, because changes of the same rows on two nodes
        /// abort each other.
        case claim(by: OwnerID?)
        /// To read. The last one that is well, to leave the first ones to their claims. The caller makes it causal.
        case read
        /// To prove that rows stand on another node. Only nodes that are well; the nearest one first.
        case proof
    }

    package enum Choice: Equatable, Sendable {
        case node(NodeIndex)
        /// None is known to be well, but this one may be: probe it, report, and choose again.
        case probe(NodeIndex, deadline: MonotonicInstant)
        /// None. The text names each node and says what is wrong with it.
        case unavailable(String)
    }

    package let names: [String]
    let policy: NodePolicy
    var nodes: [NodeStateMachine]
    /// The cluster to which most nodes belong that were ever heard of.
    private(set) var clusterUUID: String?
    /// Where inserts go while it is well.
    var insertNode: NodeIndex
    private var isWatched = false

    /// - Parameter names: the nodes in order of preference; at least one.
    package init(names: [String], policy: NodePolicy = NodePolicy(), using random: inout some RandomNumberGenerator) {
        precondition(!names.isEmpty, "A cluster has at least one node")
        self.names = names
        self.policy = policy
        self.nodes = names.map { _ in NodeStateMachine() }
        self.insertNode = Int.random(in: names.indices, using: &random)
    }

    // MARK: - Events

    /// Somebody watches the nodes from now on: performs the probes and the timer that this machine asks for.
    package mutating func watchStarted(now: MonotonicInstant) -> [Action] {
        self.isWatched = true
        return self.nodes.indices.map { .probe($0, deadline: self.startProbe($0, now: now)) } + self.timer
    }

    /// Nobody watches any more.
    package mutating func watchEnded() {
        self.isWatched = false
    }

    package mutating func probeAnswered(
        _ node: NodeIndex, _ report: NodeReport, now: MonotonicInstant
    ) -> [Action] {
        let before = self.conditions
        self.nodes[node].probeAnswered(report, self.policy, now: now)
        self.adoptCluster()
        return self.conclude(before)
    }

    package mutating func probeFailed(
        _ node: NodeIndex, _ failure: NodeFailure, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        let before = self.conditions
        self.nodes[node].probeFailed(failure, self.policy, now: now, using: &random)
        return self.conclude(before)
    }

    /// A statement was answered, also if by a conflict or a refusal that says nothing about the node.
    package mutating func statementSucceeded(_ node: NodeIndex) {
        self.nodes[node].statementSucceeded()
    }

    package mutating func statementFailed(
        _ node: NodeIndex, _ failure: NodeFailure, now: MonotonicInstant,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        let before = self.conditions
        self.nodes[node].statementFailed(failure, self.policy, now: now, using: &random)
        return self.conclude(before)
    }

    package mutating func timerFired(now: MonotonicInstant, using random: inout some RandomNumberGenerator) -> [Action]
    {
        let before = self.conditions
        var actions: [Action] = []
        for index in self.nodes.indices {
            if let deadline = self.nodes[index].probeDeadline {
                guard deadline <= now else { continue }
                let failure = NodeFailure.timedOut("did not answer within \(self.policy.probeTimeout)")
                self.nodes[index].probeFailed(failure, self.policy, now: now, using: &random)
            } else if self.isWatched, let next = self.nodes[index].nextProbe, next <= now {
                actions.append(.probe(index, deadline: self.startProbe(index, now: now)))
            }
        }
        return actions + self.conclude(before)
    }

    // MARK: - What is known

    /// What is thought of each node.
    package var conditions: [NodeCondition] {
        self.nodes.map { node in
            switch node.state {
            case .unknown: .unknown
            case .answering: node.report!.condition(isAlone: self.nodes.count == 1, clusterUUID: self.clusterUUID)
            case .failing(let failure, _): .down(failure.text)
            }
        }
    }

    /// The latest report of each node, for a status page.
    package var reports: [NodeReport?] {
        self.nodes.map(\.report)
    }

    // MARK: - Decisions

    /// A cluster has one state identifier on all its nodes. A node with another one, bootstrapped by mistake or entered
    /// in the wrong configuration, is a stranger: the majority decides; in a tie those that we work with, or else the
    /// first ones of the configuration.
    private mutating func adoptCluster() {
        var votes: [(uuid: String, count: Int)] = []
        for case let uuid? in self.nodes.map({ $0.report?.galera?.clusterUUID }) where !Self.isNone(uuid) {
            if let place = votes.firstIndex(where: { $0.uuid == uuid }) {
                votes[place].count += 1
            } else {
                votes.append((uuid, 1))
            }
        }
        guard let most = votes.map(\.count).max() else { return }
        if votes.contains(where: { $0.uuid == self.clusterUUID && $0.count == most }) { return }
        self.clusterUUID = votes.first { $0.count == most }?.uuid
    }

    /// A node that has not joined yet has the identifier zero.
    private static func isNone(_ uuid: String) -> Bool {
        uuid.utf8.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "-") }
    }

    mutating func startProbe(_ node: NodeIndex, now: MonotonicInstant) -> MonotonicInstant {
        self.nodes[node].probeStarted(self.policy, now: now)
    }

    /// What every event ends with.
    private mutating func conclude(_ before: [NodeCondition]) -> [Action] {
        let after = self.conditions
        var actions = zip(before, after).enumerated().compactMap { index, conditions -> Action? in
            conditions.0.isSameKind(as: conditions.1) ? nil : .changed(index, conditions.1)
        }
        for index in self.nodes.indices where self.nodes[index].isFrozen && !self.nodes[index].isCut {
            guard after.indices.contains(where: { $0 != index && after[$0] == .well }) else { continue }
            self.nodes[index].isCut = true
            actions.append(.cut(index))
        }
        return actions + self.timer
    }

    private var timer: [Action] {
        guard self.isWatched, let next = self.nodes.compactMap(\.wakeUp).min() else { return [] }
        return [.setTimer(next)]
    }
}
