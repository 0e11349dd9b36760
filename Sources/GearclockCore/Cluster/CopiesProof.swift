/// Decides, after tasks were committed, on which nodes they must be read back until there are as many copies as wanted.
///
/// `MariaDBTaskStore` in GearclockMariaDB performs it. A commit that was answered is in the memory of the other nodes
/// and on one disk; only who reads the rows on another node, causally, knows that they stand there.
package struct CopiesProof: Equatable, Sendable {
    /// A task that was stored.
    package struct Subject: Equatable, Sendable {
        package var id: TaskID
        package var dueAt: Timestamp

        package init(id: TaskID, dueAt: Timestamp) {
            self.id = id
            self.dueAt = dueAt
        }
    }

    package enum Action: Equatable, Sendable {
        /// Ask ``ClusterStateMachine/choose(for:avoiding:now:)`` for a node; report by ``chosen(_:now:)``.
        case choose(ClusterStateMachine.Purpose, avoiding: Set<NodeIndex>)
        /// Probe the node, tell the cluster's machine, then report by ``probed(now:)``.
        case probe(NodeIndex, deadline: MonotonicInstant)
        /// Read on the node, causally, which of these tasks are there; report by ``seen(_:now:wall:)``. What has no
        /// answer by the deadline is ended.
        case look(NodeIndex, [TaskID], deadline: MonotonicInstant)
        case finish(Result)
    }

    package enum Result: Equatable, Sendable {
        /// All tasks were seen on these nodes: as many as are wanted.
        case proven([NodeIndex])
        /// They were seen on these, and on no more within the time. The text says why.
        case tooFew([NodeIndex], String)
    }

    private enum State: Equatable {
        /// Can transition to: `choosing`, `finished`.
        case new
        /// A node is sought that may have the tasks.
        /// Can transition to: `probing`, `looking`, `finished`.
        case choosing
        /// Can transition to: `choosing`, `finished`.
        case probing
        /// Whether all tasks are on this node.
        /// Can transition to: `choosing`, `comparing`, `finished`.
        case looking(NodeIndex)
        /// Some tasks are not on `asked`. Whether they are on `reference` tells whether they were removed or are
        /// lacking. Can transition to: `choosing`, `finished`.
        case comparing(asked: NodeIndex, reference: NodeIndex, missing: [TaskID])
        case finished
    }

    private var state = State.new
    private let subjects: [Subject]
    private let wanted: Int
    private let policy: CopiesProofPolicy
    private let deadline: MonotonicInstant
    private var proven: [NodeIndex]
    /// Nodes that failed, or lack tasks.
    private var useless: Set<NodeIndex> = []
    private var lastText = "no other node was asked"

    /// - Parameters:
    ///   - seenOn: the node that committed all of them, if there is one that is known to have all.
    ///   - wanted: on how many nodes they are to be seen, that one included.
    package init(
        _ subjects: [Subject], seenOn: NodeIndex?, wanted: Int, policy: CopiesProofPolicy = CopiesProofPolicy(),
        now: MonotonicInstant
    ) {
        self.subjects = subjects
        self.wanted = wanted
        self.policy = policy
        self.deadline = now.advanced(by: policy.limit)
        self.proven = seenOn.map { [$0] } ?? []
    }

    // MARK: - Events

    package mutating func started(now: MonotonicInstant) -> Action {
        guard case .new = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        return self.proceed(now)
    }

    package mutating func chosen(_ choice: ClusterStateMachine.Choice, now: MonotonicInstant) -> Action {
        guard case .choosing = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        switch choice {
        case .node(let node):
            self.state = .looking(node)
            return .look(node, self.subjects.map(\.id), deadline: self.lookDeadline(now))
        case .probe(let node, let deadline):
            self.state = .probing
            return .probe(node, deadline: min(deadline, self.deadline))
        case .unavailable(let text):
            self.lastText = self.useless.isEmpty ? text : self.lastText
            return self.giveUp()
        }
    }

    package mutating func probed(now: MonotonicInstant) -> Action {
        guard case .probing = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        return self.proceed(now)
    }

    /// Which tasks are there, or why nobody knows.
    ///
    /// - Parameter wall: the time by which tasks are due.
    package mutating func seen(
        _ reply: Swift.Result<Set<TaskID>, NodeFailure>, now: MonotonicInstant, wall: Timestamp
    ) -> Action {
        switch self.state {
        case .looking(let node):
            switch reply {
            case .success(let present):
                let missing = self.subjects.filter { !present.contains($0.id) }
                if missing.isEmpty {
                    self.proven.append(node)
                    return self.proceed(now)
                }
                return self.compare(node, missing, now, wall)
            case .failure(let failure):
                return self.discard(node, failure.text, now)
            }
        case .comparing(let asked, _, _):
            switch reply {
            case .success(let present) where present.isEmpty:
                // They were run and removed between the commit and the look: they are proven by their end.
                self.proven.append(asked)
                return self.proceed(now)
            case .success:
                return self.discard(asked, Self.lacking, now)
            case .failure(let failure):
                return self.discard(asked, failure.text, now)
            }
        case .new, .choosing, .probing, .finished:
            preconditionFailure("Invalid state: \(self.state)")
        }
    }

    // MARK: - Decisions

    private static let lacking = "a node does not have all tasks that were committed"

    private mutating func proceed(_ now: MonotonicInstant) -> Action {
        if self.proven.count >= self.wanted || self.subjects.isEmpty {
            self.state = .finished
            return .finish(.proven(self.proven))
        }
        guard now < self.deadline else {
            self.lastText = "the proof of copies took too long; " + self.lastText
            return self.giveUp()
        }
        self.state = .choosing
        return .choose(.proof, avoiding: self.useless.union(self.proven))
    }

    private mutating func compare(
        _ node: NodeIndex, _ missing: [Subject], _ now: MonotonicInstant, _ wall: Timestamp
    ) -> Action {
        // A task leaves the store by its end, and it is not begun before it is due.
        let latest = wall.advanced(by: self.policy.clockMargin)
        guard let reference = self.proven.first, missing.allSatisfy({ $0.dueAt <= latest }) else {
            return self.discard(node, Self.lacking, now)
        }
        guard now < self.deadline else { return self.proceed(now) }
        let ids = missing.map(\.id)
        self.state = .comparing(asked: node, reference: reference, missing: ids)
        return .look(reference, ids, deadline: self.lookDeadline(now))
    }

    private mutating func discard(_ node: NodeIndex, _ text: String, _ now: MonotonicInstant) -> Action {
        self.useless.insert(node)
        self.lastText = text
        return self.proceed(now)
    }

    private func lookDeadline(_ now: MonotonicInstant) -> MonotonicInstant {
        min(now.advanced(by: self.policy.lookLimit), self.deadline)
    }

    private mutating func giveUp() -> Action {
        self.state = .finished
        return .finish(.tooFew(self.proven, self.lastText))
    }
}

/// How long copies are looked for.
package struct CopiesProofPolicy: Equatable, Sendable {
    /// The whole proof. Default 10 s: reads hang as long as commits do when a node dies, up to 7 s.
    package var limit: Duration
    /// One look. Default 8 s.
    package var lookLimit: Duration
    /// How far the clock of a daemon that runs tasks may be ahead of ours. Default 5 s.
    package var clockMargin: Duration

    package init(
        limit: Duration = .seconds(10), lookLimit: Duration = .seconds(8), clockMargin: Duration = .seconds(5)
    ) {
        self.limit = limit
        self.lookLimit = lookLimit
        self.clockMargin = clockMargin
    }
}
