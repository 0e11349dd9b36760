/// Deals the jobs of a client out to its job servers, and keeps those that wait until it is known which servers answer.
/// It performs nothing; the runner is `GearmanClient`.
package struct JobRouter: Sendable {
    /// What the caller does next.
    package struct Actions: Equatable, Sendable {
        /// Submit these, each batch to the server of its place.
        package var batches: [[GearmanPipelinedJob]]
        /// Hand these to the owners of the jobs.
        package var refused: [GearmanJobUpdate] = []

        package init(batches: [[GearmanPipelinedJob]]) {
            self.batches = batches
        }
    }

    private let servers: [GearmanServerAddress]
    private let limits: GearmanLimits
    private var choice: ServerChoice
    /// What is known about each server.
    package private(set) var conditions: [GearmanServerHealth.Condition]
    private var waiting: [GearmanPipelinedJob] = []
    /// The workloads that wait, in bytes.
    package private(set) var waitingBytes = 0

    package init(servers: [GearmanServerAddress], limits: GearmanLimits) {
        self.servers = servers
        self.limits = limits
        self.choice = ServerChoice(servers: servers)
        self.conditions = Array(repeating: .unknown, count: servers.count)
    }

    /// Every server has answered, or failed once.
    package var isDecided: Bool { !self.conditions.contains(.unknown) }

    /// The servers in the order in which a unique prefers them.
    package func order(of unique: [UInt8]) -> [Int] { self.choice.order(of: unique) }

    /// Jobs are to be dealt out.
    /// - Parameters:
    ///   - room: how many bytes of workloads may wait.
    ///   - late: the servers whose answers are late.
    package mutating func jobsSubmitted(
        _ jobs: [GearmanPipelinedJob], room: Int, late: Set<Int>
    ) -> Actions {
        if self.conditions == [.healthy] { return Actions(batches: [jobs]) }
        var actions = Actions(batches: Array(repeating: [], count: self.conditions.count))
        var conditions = self.conditions
        for index in late where conditions[index] == .healthy { conditions[index] = .slow }
        for job in jobs {
            if let server = job.server, let index = self.servers.firstIndex(of: server), self.isConnected(index) {
                actions.batches[index].append(job)
                continue
            }
            switch self.choice.choose(unique: job.request.unique, among: conditions) {
            case .server(let index): actions.batches[index].append(job)
            case .wait: self.wait(job, room: room, &actions)
            case .none:
                self.refuse(job, GearmanError(.notConnected, "No job server can be reached"), &actions)
            }
        }
        return actions
    }

    private func isConnected(_ index: Int) -> Bool { self.conditions[index] == .healthy }

    private mutating func wait(_ job: GearmanPipelinedJob, room: Int, _ actions: inout Actions) {
        guard self.waiting.count < self.limits.pendingRequests, self.waitingBytes < room else {
            return self.refuse(
                job, GearmanError(.tooManyRequests, "Too many jobs wait for a job server"), &actions)
        }
        self.waiting.append(job)
        self.waitingBytes += job.request.workload.count
    }

    private func refuse(_ job: GearmanPipelinedJob, _ error: GearmanError, _ actions: inout Actions) {
        actions.refused.append(GearmanJobUpdate(id: job.id, event: .refused(error)))
    }

    /// Something became known about a server, which may be what jobs wait for.
    package mutating func serverChanged(
        _ index: Int, to condition: GearmanServerHealth.Condition, late: Set<Int>
    ) -> Actions {
        self.conditions[index] = condition
        // They found room before.
        return self.jobsSubmitted(self.takeWaiting(), room: .max, late: late)
    }

    /// Nobody wants to hear of these jobs any more.
    package mutating func jobsAbandoned(_ ids: [UInt64]) {
        guard !self.waiting.isEmpty else { return }
        let abandoned = Set(ids)
        self.waiting.removeAll { abandoned.contains($0.id) }
        self.waitingBytes = self.waiting.reduce(0) { $0 + $1.request.workload.count }
    }

    /// The client is closed: the jobs that wait go nowhere.
    package mutating func closed(_ error: GearmanError) -> [GearmanJobUpdate] {
        self.takeWaiting().map { GearmanJobUpdate(id: $0.id, event: .refused(error)) }
    }

    private mutating func takeWaiting() -> [GearmanPipelinedJob] {
        defer {
            self.waiting = []
            self.waitingBytes = 0
        }
        return self.waiting
    }
}
