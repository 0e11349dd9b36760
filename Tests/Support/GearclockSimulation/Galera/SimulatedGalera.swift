internal import GearclockCore

/// What one transaction changes, on its way to all nodes.
struct WriteSet {
    struct Change {
        let id: TaskID
        let record: TaskRecord?
    }

    /// The call that asked for it.
    let call: Int
    let request: ClusterRequest
    let answer: ClusterAnswer
    let changes: [Change]
    /// How much of the log its node had applied when it read what it changes.
    let lastSeen: Int
}

/// A server with a copy of everything, or of what it has applied so far.
struct GaleraNode {
    enum Membership: Equatable {
        case member, outside, joining
    }

    var isRunning = true
    var isFrozen = false
    /// Cut off from the other nodes; clients reach it.
    var isIsolated = false
    /// It helps another one to join.
    var isDonor = false
    var membership = Membership.member
    /// Every start of the server is another one.
    var incarnation = 0
    var applied = 0
    var model = TaskStoreModel()
    /// What arrived while it was frozen.
    var deferred: [ClusterEvent] = []
    /// Commits that were on their way when the node dropped out, and are sent when it is back.
    var lateCommits: [Int] = []

    /// It was started again: the group that it was in does not know it, and it has to join.
    var hasRestarted = false

    var isReachable: Bool { self.isRunning && !self.isFrozen && !self.isIsolated }
    /// Whether it answers the other members as one of them.
    var isResponsive: Bool { self.isReachable && !self.hasRestarted }
}

/// The nodes and their total order: group communication, certification and apply, without time.
struct SimulatedGalera {
    var nodes: [GaleraNode]
    /// Those that vote; kept when the quorum is lost.
    var view: Set<Int>
    var isPrimary = true
    private(set) var log: [WriteSet] = []
    /// All that was ordered, whoever has applied it.
    private(set) var truth = TaskStoreModel()
    /// The place in the log of the latest change of each task.
    private var latest: [TaskID: Int] = [:]

    init(nodes: Int) {
        self.nodes = Array(repeating: GaleraNode(), count: nodes)
        self.view = Set(0..<nodes)
    }

    /// Somebody does not answer, and the others wait for it: nothing is ordered.
    var isStalled: Bool { self.view.contains { !self.nodes[$0].isResponsive } }

    /// Whether a node takes statements. One that was cut off does until it has noticed.
    func isReady(_ node: Int) -> Bool {
        self.isPrimary && self.view.contains(node) && self.nodes[node].isRunning && !self.nodes[node].hasRestarted
    }

    func report(_ node: Int) -> NodeReport {
        if self.nodes.count == 1 { return NodeReport(galera: nil, roundTrip: .milliseconds(1)) }
        let state =
            switch self.nodes[node].membership {
            case .member: self.nodes[node].isDonor ? 2 : 4
            case .joining: 1
            case .outside: 0
            }
        return NodeReport(
            galera: .init(
                isReady: self.isReady(node), isPrimary: self.isPrimary && self.view.contains(node), localState: state,
                clusterUUID: "c1", size: self.view.count),
            roundTrip: .milliseconds(1))
    }

    /// A transaction of a node, up to its commit.
    func transaction(_ request: ClusterRequest, call: Int, on node: Int, now: Timestamp) -> WriteSet {
        let before = self.nodes[node].model
        var after = before
        let answer = after.perform(request, now: now)
        let changes = after.changes(since: before, by: request, answer)
        return WriteSet(
            call: call, request: request, answer: answer, changes: changes, lastSeen: self.nodes[node].applied)
    }

    /// Whether nothing that it changes was changed since its node read it: the first committer wins.
    func certifies(_ writeSet: WriteSet) -> Bool {
        writeSet.changes.allSatisfy { self.latest[$0.id, default: 0] <= writeSet.lastSeen }
    }

    /// Commits on the node that it comes from, which has applied all before it. The others follow.
    mutating func append(_ writeSet: WriteSet, from node: Int) {
        self.log.append(writeSet)
        for change in writeSet.changes {
            self.truth.replicate(change.id, change.record)
            self.latest[change.id] = self.log.count
        }
        self.apply(node, upTo: self.log.count)
    }

    mutating func apply(_ node: Int, upTo end: Int) {
        while self.nodes[node].applied < end {
            for change in self.log[self.nodes[node].applied].changes {
                self.nodes[node].model.replicate(change.id, change.record)
            }
            self.nodes[node].applied += 1
        }
    }
}

extension TaskStoreModel {
    fileprivate func changes(
        since before: TaskStoreModel, by request: ClusterRequest, _ answer: ClusterAnswer
    ) -> [WriteSet.Change] {
        let candidates: [TaskID] =
            switch request {
            case .insert(let tasks, _, _): tasks.map(\.id)
            case .claim: answer.claimed.map(\.id)
            case .extend(let claims, _): claims.map(\.id)
            case .settle(let settlements): settlements.map(\.claim.id)
            case .cancel(let ids, _): ids
            case .rescue: before.records.values.filter { $0.state == .running }.map(\.id).sorted()
            }
        return candidates.compactMap { id in
            let record = self.records[id]
            return record == before.records[id] ? nil : WriteSet.Change(id: id, record: record)
        }
    }
}
