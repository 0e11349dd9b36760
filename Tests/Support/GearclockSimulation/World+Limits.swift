internal import GearclockCore

/// What controllers hear of operators, of each other and of job servers, and the audit of what they make of it.
extension World {
    mutating func beatReplied(_ reply: Result<[Member], TaskStoreError>, _ node: Int) {
        if case .success = reply { self.nodes[node].hearsBeats.heard(at: self.time) }
        let now = self.dueNow(node)
        self.perform(self.nodes[node].controller!.beatReplied(reply, now: now, using: &self.dice), node)
    }

    mutating func settingsReplied(_ reply: Result<[FunctionSettings], TaskStoreError>, _ node: Int) {
        if case .success = reply { self.nodes[node].hearsSettings.heard(at: self.time) }
        var reply = reply
        if self.canary == .noLimits { reply = reply.map { _ in [] } }
        if self.canary == .noRate { reply = reply.map { $0.map(\.withoutRate) } }
        self.perform(self.nodes[node].controller!.settingsReplied(reply, now: self.dueNow(node)), node)
    }

    mutating func askServers(_ node: Int) {
        let incarnation = self.nodes[node].incarnation
        self.schedule(
            .local(node: node, incarnation: incarnation, .servers), after: self.dice.between(self.swarm.network) * 2)
    }

    mutating func serversReplied(_ node: Int) {
        let current = self.endpoints[self.nodes[node].clientEndpoint].current
        let answering = current.indices.filter { server in
            current[server].map { self.connections[$0].isOpenAtServer && !self.connections[$0].isCut } ?? false
        }
        var functions: [FunctionName: ControllerStateMachine.ServerReport.Function] = [:]
        for function in self.functions(of: .target) {
            let queued = answering.map { self.queued(function, at: $0) }.max() ?? 0
            let hasWorkers = self.phase != .faults || function != self.swarm.stalled
            let workers = hasWorkers ? answering.reduce(0) { $0 + self.workers(at: $1) } : 0
            functions[function.name] = .init(queued: queued, workers: workers)
        }
        let report = ControllerStateMachine.ServerReport(
            functions: functions, isComplete: answering.count == current.count)
        let now = self.dueNow(node)
        let actions = self.nodes[node].controller!.serversReplied(
            answering.isEmpty ? nil : report, now: now, using: &self.dice)
        self.perform(actions, node)
    }

    private func queued(_ function: Function, at server: Int) -> Int {
        self.swarm.isWired
            ? self.wiredServers[server].queued(function.wireName) : self.servers[server].queued(function)
    }

    /// All of them offer all target functions but the one that stalls.
    private func workers(at server: Int) -> Int {
        self.targets.count { target in
            self.endpoints[target.endpoint].current[server].map { self.connections[$0].isOpenAtServer } ?? false
        }
    }

    // MARK: - The audit

    /// A job was just submitted. Where everybody knows what is wanted, and who the others are, limits are kept.
    mutating func auditStart(_ run: ControllerStateMachine.RunID, _ node: Int) {
        guard let job = self.nodes[node].runs[run], job.isNew,
            let settings = self.store.model.settings[job.function],
            let changedAt = self.limits.settingsChangedAt[job.function]
        else { return }
        let heardSince = self.nodes[node].hearsSettings.since
        if settings.isPaused, heardSince <= changedAt, self.nodes[node].hearsSettings.isFresh(at: self.time) {
            self.limits.checks += 1
            if changedAt < self.time - LimitAudit.pauseMargin {
                self.ledger.fail("\(job.function) is paused, and process \(node) starts a job of it", breaks: .paused)
            }
        }
        let index = job.task
        self.limits.jobs[index] = LimitAudit.Job(
            function: job.function, attempt: self.nodes[node].claims[index]?.claim.attempt, startedAt: self.time,
            node: node, incarnation: self.nodes[node].incarnation, connection: job.connection)
        let controllers = self.nodes.filter { $0.controller != nil && $0.isRunning }
            .map { (beats: $0.hearsBeats, settings: $0.hearsSettings) }
        guard let since = self.limits.knownSince(job.function, by: controllers, at: self.time), since < self.time
        else { return }
        self.limits.checks += 1
        if let limit = settings.inFlight { self.checkInFlight(job.function, limit, since: since) }
        if let excess = self.limits.started(settings, controllers: controllers.count, since: since, at: self.time) {
            self.ledger.fail(excess, breaks: .limited)
        }
    }

    /// What controllers have at job servers, and what workers run although its task was cancelled.
    private mutating func checkInFlight(_ function: FunctionName, _ limit: UInt32, since: Int64) {
        var tasks = Set(
            self.nodes.flatMap { $0.runs.values }
                .filter { $0.function == function && $0.isNew && $0.startedAt >= since }.map(\.task))
        for (task, job) in self.limits.jobs where job.function == function && job.startedAt >= since {
            if self.isCancelledWhileRunning(task, job) { tasks.insert(task) }
        }
        if tasks.count > limit {
            self.ledger.fail(
                "\(tasks.count) jobs of \(function) are in flight, and \(limit) may be", breaks: .limited)
        }
    }

    /// Whether a worker has the job of a task that was cancelled, and its controller can know that.
    private func isCancelledWhileRunning(_ task: Int, _ job: LimitAudit.Job) -> Bool {
        let (entry, node, connection) = (self.ledger[task], self.nodes[job.node], self.connections[job.connection])
        // Who claimed it later may have had the job, too.
        guard entry.shadow?.state == .cancelled, entry.shadow?.attempt == job.attempt, !entry.hasTimeout,
            !entry.running.isEmpty
        else { return false }
        return node.status == .up && node.incarnation == job.incarnation && connection.isOpenAtServer
            && connection.isOpenAtEndpoint && !connection.isCut
    }
}

extension Function {
    /// What the target's function is called in tasks.
    fileprivate var name: FunctionName {
        switch self {
        case .target(let index): FunctionName([UInt8(97 + index)])!
        case .custom: TaskTemplate.customController
        case .submit, .handOver, .handOverIn: preconditionFailure("No target's function")
        }
    }
}

extension FunctionSettings {
    fileprivate var withoutRate: FunctionSettings {
        FunctionSettings(
            function: self.function, isPaused: self.isPaused, inFlight: self.inFlight,
            queueWatermark: self.queueWatermark)
    }

    /// What remains of it when everything heals: it may be slow, but it gets on.
    var resumed: FunctionSettings {
        FunctionSettings(function: self.function, inFlight: self.inFlight, queueWatermark: self.queueWatermark)
    }
}

extension Swarm {
    mutating func drawQuiet(seed: UInt64) {
        var dice = Dice(seed: seed, .mix, 1)
        guard !self.operations.isEmpty, dice.chance(0.3) else { return }
        self.quieten()
        self.cancelLongJobs()
    }

    /// Nothing goes wrong where operators set limits, so that it can be told whether they are kept.
    mutating func quieten() {
        self.faults = self.faults.map { _ in 0 }
        self.storeFates = StoreFate.Weights()
    }

    /// Many tasks are cancelled, and their jobs run on for a while.
    mutating func cancelLongJobs() {
        self.cancels = 0.5
        self.jobs = 1_000_000...20_000_000
        self.horizon = max(self.horizon, 20_000_000)
    }

    mutating func drawOperations(_ dice: inout Dice) {
        for function in 0..<self.functions where dice.chance(0.7) {
            for _ in 0...dice.below(3) {
                let time = dice.chance(0.5) ? 0 : dice.between(0, self.horizon)
                var settings = FunctionSettings(function: FunctionName([UInt8(97 + function)])!)
                settings.isPaused = dice.chance(0.2)
                if dice.chance(0.6) { settings.inFlight = UInt32(1 + dice.below(4)) }
                if dice.chance(0.3) { settings.perThousandSeconds = dice.pick([500, 2000, 20_000]) }
                if dice.chance(0.2) { settings.queueWatermark = UInt32(1 + dice.below(3)) }
                self.operations.append((time, [settings]))
            }
        }
    }
}
