internal import GearclockCore
internal import GearclockEnvironment

/// The proof of copies: performs `CopiesProof` (GearclockCore).
extension MariaDBTaskStore {
    /// How many copies the tasks of one call get.
    struct CopiesPlan: Equatable {
        /// As many are aimed at.
        var wanted: Int
        /// With fewer the call fails.
        var needed: Int
    }

    /// What is demanded, compared with the nodes that are well now.
    /// - Throws: `unavailable` if they are too few. Nothing is stored then.
    func plan(_ demand: CopiesDemand) async throws(TaskStoreError) -> CopiesPlan {
        var plan = CopiesPlan(wanted: self.copiesPolicy.wanted(demand), needed: self.copiesPolicy.needed(demand))
        // One node is needed in any case, and whoever inserts finds out whether there is one.
        guard plan.wanted > 1 else { return plan }
        while true {
            switch await self.cluster.readiness(forCopies: plan.wanted) {
            case .enough:
                return plan
            case .probe(let node, let deadline):
                await self.cluster.probeForCaller(node, deadline: deadline)
            case .tooFew(let count, let complaint):
                guard count >= plan.needed || plan.needed == 1 else {
                    throw .unavailable(
                        "\(plan.needed) copies are demanded, \(count) can be made: \(complaint)",
                        count == 0 ? .away : .tooFewCopies)
                }
                plan.wanted = max(1, count)
                return plan
            }
            if Task.isCancelled { throw .unavailable("the call was cancelled") }
        }
    }

    /// Proves that tasks stand on as many nodes as is planned.
    ///
    /// - Parameter node: a node on which all of them were seen.
    /// - Returns: the names of the nodes that have them, that one first.
    /// - Throws: `outcomeUnknown` if they are too few.
    func prove(
        _ tasks: [TaskDefinition], _ plan: CopiesPlan, seenOn node: NodeIndex?
    ) async throws(TaskStoreError) -> [String] {
        let subjects = tasks.map { CopiesProof.Subject(id: $0.id, dueAt: $0.dueAt) }
        var proof = CopiesProof(subjects, seenOn: node, wanted: plan.wanted, now: self.now)
        var action = proof.started(now: self.now)
        while true {
            switch action {
            case .choose(let purpose, let avoided):
                action = proof.chosen(await self.cluster.choose(for: purpose, avoiding: avoided), now: self.now)
            case .probe(let node, let deadline):
                await self.cluster.probeForCaller(node, deadline: deadline)
                action = proof.probed(now: self.now)
            case .look(let node, let ids, let deadline):
                let present = await self.read(node, deadline: deadline) { (reading) throws(MariaDBFailure) in
                    try reading.present(ids)
                }
                let now = self.clock.now
                action = proof.seen(present, now: now.monotonic, wall: now.wall)
            case .finish(.proven(let nodes)):
                return self.names(nodes)
            case .finish(.tooFew(let nodes, let complaint)):
                guard nodes.count >= plan.needed else {
                    throw .outcomeUnknown(
                        "the tasks are stored, and were seen on \(nodes.count) nodes instead of \(plan.needed): "
                            + complaint)
                }
                return self.names(nodes)
            }
            if Task.isCancelled, !action.isFinish {
                throw .outcomeUnknown("the tasks are stored, and the call was cancelled before copies were proven")
            }
        }
    }

    private func names(_ nodes: [NodeIndex]) -> [String] {
        nodes.map { self.configuration.nodes[$0].description }
    }
}

extension CopiesProof.Action {
    fileprivate var isFinish: Bool {
        if case .finish = self { true } else { false }
    }
}
