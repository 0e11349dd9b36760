internal import GearclockCore

/// What the nodes do with what arrives.
extension ClusterWorld {
    mutating func arrived(_ rpc: Int, _ stage: ClusterRPC.Stage) {
        let node = self.rpcs[rpc].node
        guard !self.rpcs[rpc].isSevered, self.isSameServer(rpc) else {
            return self.loseConnection(rpc, .unreachable("n\(node) refuses connections"))
        }
        if self.galera.nodes[node].isFrozen {
            self.galera.nodes[node].deferred.append(.arrive(rpc: rpc, stage))
            return
        }
        switch stage {
        case .probe: self.reply(rpc, .report(self.galera.report(node)))
        case .read: self.read(rpc, on: node)
        case .statement: self.execute(rpc, on: node)
        case .commit: self.commit(rpc, on: node)
        }
    }

    private func isSameServer(_ rpc: Int) -> Bool {
        let node = self.galera.nodes[self.rpcs[rpc].node]
        return node.isRunning && node.incarnation == self.rpcs[rpc].incarnation
    }

    private static let notReady = NodeFailure.refusing("1047 not ready")

    private mutating func read(_ rpc: Int, on node: Int) {
        guard self.galera.isReady(node) else { return self.reply(rpc, .refused(Self.notReady)) }
        // A causal read goes once around the group.
        guard !self.galera.isStalled else { return self.stalled.append(.arrive(rpc: rpc, .read)) }
        self.galera.apply(node, upTo: self.galera.log.count)
        var rows = self.galera.nodes[node].model.standing(self.rpcs[rpc].ids)
        if self.canary == .blindLook, case .look = self.rpcs[rpc].subject { rows = [] }
        self.reply(rpc, .rows(rows))
    }

    private mutating func execute(_ rpc: Int, on node: Int) {
        // Its client has left: the transaction is rolled back.
        guard self.rpcs[rpc].isOpen else { return }
        guard self.galera.isReady(node) else { return self.reply(rpc, .refused(Self.notReady)) }
        guard let request = self.rpcs[rpc].request, case .work(let call) = self.rpcs[rpc].subject else {
            preconditionFailure("A statement has a request")
        }
        var writeSet = self.galera.transaction(request, call: call, on: node, now: self.wall)
        if !writeSet.answer.isComplete {
            guard !self.galera.isStalled else { return self.stalled.append(.arrive(rpc: rpc, .statement)) }
            self.galera.apply(node, upTo: self.galera.log.count)
            writeSet = self.galera.transaction(request, call: call, on: node, now: self.wall)
        }
        self.rpcs[rpc].writeSet = writeSet
        self.reply(rpc, .ready)
    }

    private mutating func commit(_ rpc: Int, on node: Int) {
        guard self.galera.isReady(node) else {
            if self.phase == .faults, self.dice.chance(0.5) {
                // The write-set is kept and sent when the node is back.
                self.galera.nodes[node].lateCommits.append(rpc)
                return self.loseConnection(rpc, .refusing("1180 error during commit"))
            }
            return self.reply(rpc, .refused(Self.notReady))
        }
        guard self.rpcs[rpc].writeSet?.changes.isEmpty == false else { return self.reply(rpc, .committed) }
        // It may have left the node before anything else happens there.
        if self.dice.chance(0.5) {
            self.order(rpc)
        } else {
            self.schedule(.order(rpc: rpc), after: self.dice.between(self.swarm.network))
        }
    }

    /// The write-set of a commit is at its place in the total order.
    mutating func order(_ rpc: Int) {
        guard self.isSameServer(rpc), let writeSet = self.rpcs[rpc].writeSet else { return }
        let node = self.rpcs[rpc].node
        if self.galera.nodes[node].isFrozen {
            self.galera.nodes[node].deferred.append(.order(rpc: rpc))
            return
        }
        guard self.galera.isReady(node) else {
            return self.loseConnection(rpc, .refusing("1180 error during commit"))
        }
        guard !self.galera.isStalled else { return self.stalled.append(.order(rpc: rpc)) }
        guard self.galera.certifies(writeSet) || self.canary == .noCertification else {
            self.auditor.counts.conflicts += 1
            return self.reply(rpc, .conflict)
        }
        self.auditor.ordered(writeSet, calls: self.calls, self.galera.truth)
        self.galera.append(writeSet, from: node)
        self.note("n\(node) commits \(writeSet.request.text) of call \(writeSet.call) as \(self.galera.log.count)")
        self.spread()
        self.reply(rpc, .committed)
    }

    /// The other nodes apply what was ordered, each in its own time.
    mutating func spread() {
        let end = self.galera.log.count
        for other in self.galera.nodes.indices where self.galera.view.contains(other) {
            let delay = self.dice.between(self.phase == .faults ? self.swarm.apply : 100...2000)
            let incarnation = self.galera.nodes[other].incarnation
            self.schedule(.apply(node: other, upTo: end, incarnation: incarnation), after: delay)
        }
    }

    mutating func apply(_ node: Int, upTo end: Int, _ incarnation: Int) {
        let server = self.galera.nodes[node]
        guard server.isRunning, server.incarnation == incarnation, self.galera.view.contains(node) else { return }
        if server.isFrozen {
            self.galera.nodes[node].deferred.append(.apply(node: node, upTo: end, incarnation: incarnation))
            return
        }
        self.galera.apply(node, upTo: end)
    }

    // MARK: - The way back

    private mutating func reply(_ rpc: Int, _ result: ClusterRPC.Result) {
        if self.isDropped { return self.loseConnection(rpc, .connectionLost("2013 lost connection")) }
        self.schedule(.answered(rpc: rpc, result), after: self.dice.between(self.swarm.network))
    }

    mutating func loseConnection(_ rpc: Int, _ failure: NodeFailure) {
        self.schedule(.lost(rpc: rpc, failure), after: self.dice.between(self.swarm.network))
    }

    /// Whether a connection breaks with this message.
    var isDropped: Bool {
        mutating get { self.phase == .faults && self.dice.chance(self.swarm.drops) }
    }
}

extension ClusterRequest {
    var text: String {
        switch self {
        case .insert(let tasks, let express, _):
            "insert \(tasks.map(\.id.short))" + (express.map { ", for p\($0.owner.value - 1)" } ?? "")
        case .claim(let request): "claim by \(request.owner)"
        case .extend(let claims, _): "extend \(claims.map(\.id.short))"
        case .settle(let settlements): "settle \(settlements.map { "\($0.claim.id.short)/\($0.claim.attempt)" })"
        case .cancel(let ids, _): "cancel \(ids.map(\.short))"
        case .rescue: "rescue"
        }
    }
}

extension TaskID {
    var short: String { String(self.low & 0xffff, radix: 16) }
}
