internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman

/// What a controller tells the others, and what it hears of operators and job servers.
extension ControllerService {
    func beat() async {
        let (owner, began) = (self.machine.owner, self.environment.now)
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.beat(owner, role: .controller, now: began.wall)
        }
        self.observe(reply, to: .write, since: began)
        self.perform(self.machine.beatReplied(reply, now: self.environment.now, using: &self.random))
    }

    func leave() async {
        let owner = self.machine.owner
        // If the others do not hear it, they miss the beats.
        _ = await TaskStoreError.catching { () throws(TaskStoreError) in try await self.store.leave(owner) }
        self.perform(self.machine.leaveReplied(now: self.environment.now))
    }

    func readSettings() async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.functionSettings()
        }
        self.observe(reply, to: .read, since: began)
        self.perform(self.machine.settingsReplied(reply, now: self.environment.now))
    }

    func observe<Success>(
        _ reply: Result<Success, TaskStoreError>, to call: StoreCondition.Call, since began: Now
    ) {
        self.condition.observe(
            reply, to: call, began: began.monotonic, now: self.environment.now, logger: self.environment.logger)
    }

    func askServers() async {
        let administrators = self.administrators
        let answers = await withTaskGroup(of: [GearmanFunctionStatus]?.self) { group in
            for administrator in administrators { group.addTask { try? await administrator.status() } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let report = ControllerStateMachine.ServerReport(answers)
        self.perform(self.machine.serversReplied(report, now: self.environment.now, using: &self.random))
    }
}

extension ControllerStateMachine.ServerReport {
    /// - Parameter answers: one of each server, `nil` of one that gave none.
    fileprivate init?(_ answers: [[GearmanFunctionStatus]?]) {
        guard answers.contains(where: { $0 != nil }) else { return nil }
        self.init(functions: [:], isComplete: !answers.contains { $0 == nil })
        for status in answers.compactMap({ $0 }).joined() {
            guard let name = FunctionName(status.function) else { continue }
            // A server counts running jobs by their workers' words, which may be ahead of its total.
            let queued = Int(clamping: status.total - min(status.total, status.running))
            let known = self.functions[name] ?? .init(queued: 0, workers: 0)
            self.functions[name] = .init(
                queued: max(known.queued, queued),
                workers: known.workers.addingReportingOverflow(Int(clamping: status.workers)).partialValue)
        }
    }
}
