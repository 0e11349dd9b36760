/// The place of a node in the configuration of its cluster: the order of preference.
package typealias NodeIndex = Int

/// What a node answered when it was asked how it is.
package struct NodeReport: Equatable, Sendable {
    /// What a node of a Galera cluster says of itself and of its cluster.
    package struct Galera: Equatable, Sendable {
        /// `wsrep_ready`
        package var isReady: Bool
        /// `wsrep_cluster_status` is `Primary`.
        package var isPrimary: Bool
        /// `wsrep_local_state`: 1 joining, 2 donor or desynced, 3 joined, 4 synced; 0 and 5 are none of these.
        package var localState: Int
        /// `wsrep_cluster_state_uuid`: two nodes of one cluster have the same one.
        package var clusterUUID: String
        /// `wsrep_cluster_size`, arbitrators included.
        package var size: Int

        package init(isReady: Bool, isPrimary: Bool, localState: Int, clusterUUID: String, size: Int) {
            self.isReady = isReady
            self.isPrimary = isPrimary
            self.localState = localState
            self.clusterUUID = clusterUUID
            self.size = size
        }
    }

    /// `nil`: the server has no wsrep provider, or runs without it.
    package var galera: Galera?
    /// `read_only` is on, and this user has to respect it.
    package var isReadOnly: Bool
    /// Why this program cannot work with the tables that are there; `nil`: it can.
    package var schemaProblem: String?
    /// How long the question and the answer took.
    package var roundTrip: Duration

    package init(galera: Galera?, isReadOnly: Bool = false, schemaProblem: String? = nil, roundTrip: Duration) {
        self.galera = galera
        self.isReadOnly = isReadOnly
        self.schemaProblem = schemaProblem
        self.roundTrip = roundTrip
    }
}

/// Why a node did not do as it was asked, as far as it says something about the node.
package enum NodeFailure: Error, Equatable, Sendable {
    /// An open connection broke (2006, 2013 at once). One of them may have been idle for too long: it says little.
    case connectionLost(String)
    /// No connection could be made.
    case unreachable(String)
    /// Nothing came back in time.
    case timedOut(String)
    /// The node answers, and takes no work: not ready (1047), read-only, full, too many connections, access denied …
    case refusing(String)

    package var text: String {
        switch self {
        case .connectionLost(let text), .unreachable(let text), .timedOut(let text), .refusing(let text): text
        }
    }
}

/// What is thought of a node.
package enum NodeCondition: Equatable, Sendable {
    /// It was never asked.
    case unknown
    /// It gets work.
    case well
    /// It works, but slower than the others or behind them (a donor): it gets work only when no other node is well.
    case reserve(String)
    /// It answers, and must get no work.
    case unfit(String)
    /// It does not answer, or refuses. It is asked again, at longer and longer intervals.
    case down(String)

    /// Whether it is the same kind of condition, whatever its text says: logs tell changes of kind only.
    package func isSameKind(as other: NodeCondition) -> Bool {
        switch (self, other) {
        case (.unknown, .unknown), (.well, .well), (.reserve, .reserve), (.unfit, .unfit), (.down, .down): true
        case (.unknown, _), (.well, _), (.reserve, _), (.unfit, _), (.down, _): false
        }
    }

    package var text: String {
        switch self {
        case .unknown: "was not asked yet"
        case .well: "is well"
        case .reserve(let text), .unfit(let text), .down(let text): text
        }
    }
}

extension NodeReport {
    /// What follows from the report.
    ///
    /// - Parameters:
    ///   - isAlone: whether it is the only node that is configured; only then it needs no wsrep.
    ///   - clusterUUID: the cluster that the configured nodes belong to.
    package func condition(isAlone: Bool, clusterUUID: String?) -> NodeCondition {
        guard let galera = self.galera else {
            guard isAlone else { return .unfit("is no node of a Galera cluster") }
            return self.conditionOfServer ?? .well
        }
        guard galera.isPrimary else { return .unfit("is not in the primary component") }
        guard galera.isReady else { return .unfit("is not ready") }
        if let clusterUUID, galera.clusterUUID != clusterUUID { return .unfit("belongs to another cluster") }
        if let condition = self.conditionOfServer { return condition }
        switch galera.localState {
        case 4: return .well
        case 2: return .reserve("is a donor or desynced")
        case 3: return .reserve("has joined and is catching up")
        default: return .unfit("is joining (wsrep_local_state \(galera.localState))")
        }
    }

    private var conditionOfServer: NodeCondition? {
        if let problem = self.schemaProblem { return .unfit(problem) }
        return self.isReadOnly ? .unfit("is read-only") : nil
    }
}

/// How nodes are watched, and how long a failing one is left alone.
package struct NodePolicy: Equatable, Sendable {
    /// Between two probes of a node that answers. Default 500 ms: with `probeTimeout`, a frozen node is out within
    /// 1.5 s.
    package var probeInterval: Duration
    /// A node that has not answered a probe by then is frozen, or as good as frozen. Default 1 s.
    package var probeTimeout: Duration
    /// How long a node is left alone after its first failure. Default 100 ms.
    package var shortestBreak: Duration
    /// How long it is left alone after many: how much later than it we notice that it is back. Default 3 s.
    package var longestBreak: Duration
    /// A node that failed gets work again as before when it has been well for so long. Default 3 s: a node that comes
    /// and goes must not draw everybody's claims with it.
    package var steadyAfter: Duration

    package init(
        probeInterval: Duration = .milliseconds(500), probeTimeout: Duration = .seconds(1),
        shortestBreak: Duration = .milliseconds(100), longestBreak: Duration = .seconds(3),
        steadyAfter: Duration = .seconds(3)
    ) {
        self.probeInterval = probeInterval
        self.probeTimeout = probeTimeout
        self.shortestBreak = shortestBreak
        self.longestBreak = longestBreak
        self.steadyAfter = steadyAfter
    }
}
