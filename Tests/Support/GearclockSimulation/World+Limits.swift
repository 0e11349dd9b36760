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
        let reply = self.canary == .noLimits ? reply.map { _ in [] } : reply
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
        let controllers = self.nodes.filter { $0.controller != nil && $0.isRunning }
            .map { (beats: $0.hearsBeats, settings: $0.hearsSettings) }
        guard let limit = settings.inFlight,
            let since = self.limits.knownSince(job.function, by: controllers, at: self.time), since < self.time
        else { return }
        self.limits.checks += 1
        let count = self.nodes.reduce(0) { count, node in
            count + node.runs.values.count { $0.function == job.function && $0.isNew && $0.startedAt >= since }
        }
        if count > limit {
            self.ledger.fail(
                "\(count) jobs of \(job.function) are in flight, and \(limit) may be", breaks: .limited)
        }
    }
}

/// What the audit of limits has to remember.
struct LimitAudit {
    /// A controller reads once a second, give or take a tenth, and the store takes a while.
    static let pauseMargin: Int64 = 2_200_000
    /// Who is dead is known after three seconds, and looked for once a second.
    static let shareMargin: Int64 = 6_000_000

    var settingsChangedAt: [FunctionName: Int64] = [:]
    /// A controller started or died, or a worker of tasks' functions was lost.
    var controllersChangedAt: Int64 = 0
    /// How often it was possible to tell whether a limit is kept.
    var checks = 0

    /// Since when all controllers know what is wanted of a function, and each other; `nil` if one of them may not, or
    /// if nothing is wanted.
    func knownSince(
        _ function: FunctionName, by controllers: [(beats: Regularity, settings: Regularity)], at time: Int64
    ) -> Int64? {
        guard let changedAt = self.settingsChangedAt[function] else { return nil }
        var since = max(changedAt, self.controllersChangedAt)
        for controller in controllers {
            guard controller.beats.isFresh(at: time), controller.settings.isFresh(at: time) else { return nil }
            since = max(since, controller.beats.since, controller.settings.since)
        }
        return since + Self.shareMargin
    }
}

/// Whether something is heard without long gaps.
struct Regularity {
    private static let longestGap: Int64 = 1_500_000

    private(set) var since = Int64.max
    private var latest = Int64.min

    mutating func heard(at time: Int64) {
        if self.latest < time - Self.longestGap { self.since = time }
        self.latest = time
    }

    func isFresh(at time: Int64) -> Bool { self.latest >= time - Self.longestGap }
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
    /// What remains of it when everything heals: it may be slow, but it gets on.
    var resumed: FunctionSettings {
        FunctionSettings(function: self.function, inFlight: self.inFlight, queueWatermark: self.queueWatermark)
    }
}

extension Swarm {
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
