internal import GearclockCore

/// The proof of copies: rows that were committed on one node are read on others, before anybody is told that they are
/// safe.
extension MariaDBTaskStore {
    /// How many nodes must have the tasks of a call, and whether fewer will do.
    struct CopiesPlan {
        var count: Int
        /// Then fewer are named, and that is all.
        var acceptsFewer: Bool
    }

    /// What is demanded, checked against the nodes that are well now.
    /// - Throws: `unavailable` if they are too few, and fewer will not do. Nothing is stored then.
    func copies(_ demand: CopiesDemand) async throws(TaskStoreError) -> CopiesPlan {
        let plan =
            switch demand {
            case .configured:
                CopiesPlan(
                    count: self.configuration.copies, acceptsFewer: self.configuration.tooFewCopies == .accept)
            // Whoever names a number means it.
            case .atLeast(let count): CopiesPlan(count: max(1, count), acceptsFewer: false)
            }
        // One node is needed in any case, and whoever inserts finds out whether there is one.
        guard plan.count > 1 else { return plan }
        while true {
            switch await self.cluster.readiness(forCopies: plan.count) {
            case .enough:
                return plan
            case .probe(let node, let deadline):
                await self.cluster.probeForCaller(node, deadline: deadline)
            case .tooFew(let count, let complaint):
                if plan.acceptsFewer { return CopiesPlan(count: max(1, count), acceptsFewer: true) }
                throw .unavailable(
                    "\(plan.count) copies are demanded, \(count) can be made: \(complaint)",
                    count == 0 ? .away : .tooFewCopies)
            }
            if Task.isCancelled { throw .unavailable("the call was cancelled") }
        }
    }

    /// Proves that tasks stand on as many nodes as is planned.
    ///
    /// - Parameter node: a node on which all of them were seen.
    /// - Returns: the names of the nodes that have them, that one first.
    /// - Throws: `outcomeUnknown` if there are fewer of them.
    func prove(
        _ ids: [TaskID], _ plan: CopiesPlan, seenOn node: NodeIndex?
    ) async throws(TaskStoreError) -> [String] {
        var proven = node.map { [$0] } ?? []
        var avoided = Set(proven)
        var complaint = ""
        let deadline = self.now.advanced(by: self.callPolicy.lookLimit)
        while proven.count < plan.count, self.now < deadline, !Task.isCancelled {
            let (chosen, text) = await self.nodesForProof(plan.count - proven.count, avoiding: avoided)
            if chosen.isEmpty {
                complaint = text
                break
            }
            avoided.formUnion(chosen)
            let results = await self.prove(ids, on: chosen, comparedWith: proven.first, deadline: deadline)
            // In their order, so that a receipt does not depend on who was faster.
            for node in chosen {
                switch results[node] {
                case nil: proven.append(node)
                case let text?: complaint = "\(self.configuration.nodes[node]): \(text)"
                }
            }
        }
        guard proven.count >= plan.count || (plan.acceptsFewer && !proven.isEmpty) else {
            throw .outcomeUnknown(
                "stored, and seen on \(proven.count) nodes instead of \(plan.count): \(complaint)")
        }
        return proven.map { self.configuration.nodes[$0].description }
    }

    private func nodesForProof(
        _ count: Int, avoiding avoided: Set<NodeIndex>
    ) async -> (nodes: [NodeIndex], complaint: String) {
        var chosen: [NodeIndex] = []
        while chosen.count < count {
            switch await self.cluster.choose(for: .proof, avoiding: avoided.union(chosen)) {
            case .node(let node): chosen.append(node)
            case .probe(let node, let deadline): await self.cluster.probeForCaller(node, deadline: deadline)
            case .unavailable(let text): return (chosen, text)
            }
        }
        return (chosen, "")
    }

    /// On several nodes at once.
    /// - Returns: why a node does not prove them; nothing for those that do.
    private func prove(
        _ ids: [TaskID], on nodes: [NodeIndex], comparedWith witness: NodeIndex?, deadline: MonotonicInstant
    ) async -> [NodeIndex: String] {
        guard nodes.count > 1 else {
            guard let node = nodes.first else { return [:] }
            return await self.objection(ids, node, witness, deadline).map { [node: $0] } ?? [:]
        }
        return await withTaskGroup(of: (NodeIndex, String?).self) { group in
            for node in nodes {
                group.addTask { (node, await self.objection(ids, node, witness, deadline)) }
            }
            var objections: [NodeIndex: String] = [:]
            for await (node, objection) in group { objections[node] = objection }
            return objections
        }
    }

    private func objection(
        _ ids: [TaskID], _ node: NodeIndex, _ witness: NodeIndex?, _ deadline: MonotonicInstant
    ) async -> String? {
        switch await self.look(node, ids, deadline: deadline) {
        case .failure(let failure):
            return failure.text
        case .success(let rows):
            let present = Set(rows.map(\.id))
            let missing = ids.filter { !present.contains($0) }
            if missing.isEmpty { return nil }
            // They may have been run and removed meanwhile; then they are gone everywhere.
            guard let witness else { return "\(missing.count) tasks are not there" }
            switch await self.look(witness, missing, deadline: deadline) {
            case .failure(let failure): return failure.text
            case .success(let rows): return rows.isEmpty ? nil : "\(rows.count) tasks are not there"
            }
        }
    }
}
