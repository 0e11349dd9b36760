package import GearclockCore

extension MariaDBTaskStore {
    package func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) async throws(TaskStoreError) -> [Member] {
        try await self.change(BeatOperation(id)) { (operation, change) throws(MariaDBFailure) in
            try change.beat(operation.id, role: role, counted: operation.pending, now: now)
        }.0
    }

    package func leave(_ id: OwnerID) async throws(TaskStoreError) {
        _ = try await self.change(RepeatableOperation<Bool>(.claim(by: nil))) { (_, change) throws(MariaDBFailure) in
            try change.leave(id)
            return true
        }
    }

    package func changeFunctions(
        _ functions: [FunctionName], _ change: FunctionChange
    ) async throws(TaskStoreError) -> [FunctionSettings] {
        try await self.change(RepeatableOperation(.claim(by: nil))) { (_, transaction) throws(MariaDBFailure) in
            try transaction.changeFunctions(functions, change)
        }.0
    }

    /// Asks the nodes that are well, all at once.
    package func nodeClocks() async throws(TaskStoreError) -> [NodeClock] {
        let conditions = await self.cluster.conditions
        let deadline = self.now.advanced(by: self.configuration.connectTimeout)
        return await withTaskGroup(of: (NodeIndex, NodeClock?).self) { group in
            for node in conditions.indices where conditions[node].mayTellTheTime {
                let name = self.configuration.nodes[node].description
                group.addTask {
                    let attempt = await self.cluster.perform(on: node, for: .reading, deadline: deadline) {
                        connection, _ in
                        connection.reading(self.clock) { (reading) throws(MariaDBFailure) in
                            try reading.clock(of: name)
                        }
                    }
                    return (node, attempt.failure == nil ? attempt.value : nil)
                }
            }
            var clocks: [NodeIndex: NodeClock] = [:]
            for await (node, clock) in group { clocks[node] = clock }
            return clocks.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}

extension NodeCondition {
    /// Nothing is wrong with it, as far as is known.
    fileprivate var mayTellTheTime: Bool {
        switch self {
        case .unknown, .well, .reserve: true
        case .unfit, .down: false
        }
    }
}
