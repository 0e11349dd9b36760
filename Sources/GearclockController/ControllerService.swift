package import GearclockCore
package import GearclockEnvironment
package import Gearman
internal import Logging

/// The controller daemon: runs claimed tasks through Gearman and settles them. `ControllerStateMachine` decides, this
/// performs.
package actor ControllerService: TaskHandOver {
    private nonisolated let eventLoop: GearmanEventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.eventLoop.executor.asUnownedSerialExecutor()
    }

    let store: any TaskStore
    private let servers: [GearmanServerAddress]
    private let handOverFunction: String?
    private let drainTimeout: Duration
    let environment: ServiceEnvironment
    private let client: GearmanClient
    let administrators: [GearmanAdmin]
    private let work = StructuredWork()
    /// By number. The first one takes what any controller may start, another one what those may that have a part of its
    /// limit.
    private var workers: [Int: GearmanWorker] = [:]
    private var nextWorker = 0
    var machine: ControllerStateMachine
    var random: SeededGenerator
    private var wakeUp = WakeUp()
    var condition = StoreCondition()
    /// What the log has told already.
    private var published = ControllerCounters()
    /// Where the job is that the answer in hand speaks of: what is submitted on that answer joins it there.
    private var joinable: (unique: [UInt8], server: GearmanServerAddress)?

    /// - Parameters:
    ///   - handOverFunction: the Gearman function by which dispatchers reach it through the job servers; `nil`: they
    ///     reach it by ``handOver(_:in:)`` only.
    ///   - drainTimeout: how long a graceful stop waits for jobs that run. Default 30 s.
    package init(
        store: any TaskStore, servers: [GearmanServerAddress], handOverFunction: String?,
        policy: ControllerPolicy = ControllerPolicy(), environment: ServiceEnvironment,
        drainTimeout: Duration = .seconds(30), eventLoop: GearmanEventLoop = .shared
    ) {
        self.eventLoop = eventLoop
        self.store = store
        self.servers = servers
        self.handOverFunction = handOverFunction
        self.drainTimeout = drainTimeout
        self.environment = environment
        self.client = GearmanClient(servers: servers, eventLoop: eventLoop, logger: environment.logger)
        // A server that does not answer in a second says nothing about its queues; the next question comes soon.
        self.administrators = servers.map {
            GearmanAdmin(server: $0, eventLoop: eventLoop, logger: environment.logger, timeout: .seconds(1))
        }
        self.random = SeededGenerator(seed: environment.seed)
        self.machine = ControllerStateMachine(owner: OwnerID(using: &self.random), policy: policy)
    }

    /// Runs until it is drained after ``beginShutdown()``, or until its task is cancelled.
    package func run() async {
        await self.client.onEvents { [weak self] updates in self?.assumeIsolated { $0.jobEvents(updates) } }
        await self.client.start([])  // so that it is connected before the first task comes
        self.perform(self.machine.started(now: self.environment.now))
        if let handOverFunction { self.startWorker([handOverFunction]) }
        self.work.add { await self.publish() }
        await self.work.run()
        for worker in self.workers.values { await worker.close() }
        await self.client.close()
        for administrator in self.administrators { await administrator.close() }
        self.publishCounters()
    }

    private func startWorker(_ functions: [String]) {
        var configuration = GearmanWorkerConfiguration()
        configuration.concurrency = 4
        let number = self.nextWorker
        self.nextWorker += 1
        let worker = GearmanWorker(
            servers: self.servers, functions: functions.map { Array($0.utf8) }, configuration: configuration,
            eventLoop: self.eventLoop, logger: self.environment.logger,
            onJobs: { [weak self] jobs in self?.assumeIsolated { $0.handOverJobs(jobs, to: number) } })
        self.workers[number] = worker
        worker.assumeIsolated { $0.start() }
    }

    /// Takes what belongs to these lanes, and no longer to others. What is on its way to the old worker comes to
    /// whoever takes it now, perhaps once more to this controller.
    private func serve(_ lanes: [Lane]) {
        guard let handOverFunction else { return }
        for (number, worker) in self.workers where number > 0 {
            self.workers[number] = nil
            self.work.add { await worker.close() }
        }
        if !lanes.isEmpty { self.startWorker(lanes.map { HandOverCodec.function(handOverFunction, in: $0) }) }
    }

    /// Accepts nothing more and waits for the jobs that run, then ``run()`` returns.
    package nonisolated func beginShutdown() {
        self.eventLoop.executor.execute { self.assumeIsolated { $0.drain() } }
    }

    private func drain() {
        self.perform(self.machine.shutdownRequested(now: self.environment.now))
        let deadline = self.environment.now.monotonic.advanced(by: self.drainTimeout)
        self.work.add { await self.stopDraining(at: deadline) }
    }

    private func stopDraining(at deadline: MonotonicInstant) async {
        do { try await self.environment.clock.sleep(until: deadline) } catch { return }
        self.environment.logger.warning(
            "Jobs still run; giving their tasks back", metadata: ["tasks": "\(self.machine.inHand)"])
        self.perform(self.machine.drainTimeExpired(now: self.environment.now))
        // Their settlement gets as long again as a store needs that is there. If it is away, the leases run out.
        let end = self.environment.now.monotonic.advanced(by: .seconds(5))
        do { try await self.environment.clock.sleep(until: end) } catch { return }
        self.work.finish()
    }

    /// Publishes in the log, once a minute, how late tasks were submitted to job servers, and what became of them.
    private func publish() async {
        while true {
            let next = self.environment.now.monotonic.advanced(by: .seconds(60))
            do { try await self.environment.clock.sleep(until: next) } catch { return }
            self.publishCounters()
        }
    }

    private func publishCounters() {
        let lateness = self.machine.takeLateness()
        let counters = self.machine.counters.since(self.published)
        self.published = self.machine.counters
        guard counters != ControllerCounters() else { return }
        var metadata: Logger.Metadata = [
            "tasks": "\(lateness.count)", "lateness.p50.ms": "\(lateness.percentile(0.5).inMilliseconds)",
            "lateness.p99.ms": "\(lateness.percentile(0.99).inMilliseconds)",
            "lateness.max.ms": "\(lateness.longest.inMilliseconds)",
        ]
        for event in ControllerCounters.Event.allCases where counters[event] > 0 {
            metadata["\(event)"] = "\(counters[event])"
        }
        self.environment.logger.info("Ran tasks", metadata: metadata)
    }

    // MARK: - Tasks come in

    package func handOver(
        _ tasks: [ClaimedTask], in lane: Lane?
    ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
        let (answers, actions) = self.accept(tasks)
        self.perform(actions)
        return .success(answers)
    }

    /// Whether it is this controller that tasks of a limited function should go to.
    package func mayTake(_ tasks: [ClaimedTask]) -> Bool {
        self.machine.mayTake(tasks, now: self.environment.now)
    }

    private func accept(_ tasks: [ClaimedTask]) -> (answers: [HandOverAnswer], actions: [ControllerStateMachine.Action])
    {
        self.lookAtConnection()
        return self.machine.handedOver(tasks, now: self.environment.now)
    }

    private func lookAtConnection() {
        self.machine.connectivityChanged(isConnected: self.client.assumeIsolated { $0.isConnected })
    }

    private func handOverJobs(_ jobs: GearmanAssignedJobs, to worker: Int) {
        for job in jobs {
            do {
                let (answers, actions) = self.accept(try HandOverCodec.decodeTasks(job.workload))
                self.reply(job, of: worker, .complete(HandOverCodec.encode(answers)))
                self.perform(actions)
            } catch {
                self.environment.logger.warning(
                    "Refused a hand-over that cannot be read; is a dispatcher of another version?",
                    metadata: ["error": "\(error)", "job.handle": "\(job.handle)"])
                self.reply(job, of: worker, .fail)
            }
        }
    }

    private func reply(_ job: GearmanAssignedJob, of worker: Int, _ result: GearmanJobReply.Result) {
        self.workers[worker]?.assumeIsolated { $0.reply([GearmanJobReply(job: job.id, result: result)]) }
    }

    // MARK: - What the machine asks for

    func perform(_ actions: [ControllerStateMachine.Action]) {
        for action in actions {
            switch action {
            case .askStatus(let questions):
                self.work.add { await self.askStatus(questions) }
            case .submit(let submissions):
                let jobs = submissions.map { self.job($0) }
                self.client.assumeIsolated { $0.start(jobs) }
            case .checkJobs(let runs):
                self.work.add { await self.checkJobs(runs) }
            case .abandon(let runs):
                self.client.assumeIsolated { $0.abandon(runs) }
            case .extend(let claims, let leaseUntil):
                self.work.add { await self.extend(claims, leaseUntil: leaseUntil) }
            case .settle(let settlements):
                self.work.add { await self.settle(settlements) }
            case .beat:
                self.work.add { await self.beat() }
            case .leave:
                self.work.add { await self.leave() }
            case .readSettings:
                self.work.add { await self.readSettings() }
            case .serve(let lanes):
                self.serve(lanes)
            case .askServers:
                self.work.add { await self.askServers() }
            case .setTimer(let moment):
                if self.wakeUp.schedule(moment) { self.work.add { await self.sleep(until: moment) } }
            case .stopped:
                self.work.finish()
            }
        }
    }

    private func sleep(until moment: MonotonicInstant) async {
        do { try await self.environment.clock.sleep(until: moment) } catch { return }
        self.wakeUp.fired(moment)
        self.lookAtConnection()
        self.perform(self.machine.timerFired(now: self.environment.now, using: &self.random))
    }

    private func extend(_ claims: [Claim], leaseUntil: Timestamp) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.extend(claims, leaseUntil: leaseUntil, now: began.wall)
        }
        self.observe(reply, to: .write, since: began)
        self.perform(self.machine.extendReplied(reply, now: self.environment.now, using: &self.random))
        guard case .success(let outcomes) = reply, outcomes.contains(.stale) else { return }
        let lost = zip(claims, outcomes).filter { $1 == .stale }.map { "\($0.0.id)" }
        self.environment.logger.debug(
            "Tasks are gone, cancelled or taken over by others; what runs of them runs on",
            metadata: ["task.ids": "\(lost)"])
    }

    private func settle(_ settlements: [Settlement]) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.store.settle(settlements, now: began.wall)
        }
        self.observe(reply, to: .write, since: began)
        self.perform(self.machine.settleReplied(reply, now: self.environment.now, using: &self.random))
    }

    private func askStatus(_ questions: [ControllerStateMachine.StatusQuestion]) async {
        let locations = await self.client.locations(ofUniques: questions.map(\.unique))
        for (question, location) in zip(questions, locations) {
            let status = location.map {
                ControllerStateMachine.JobStatus(
                    isKnown: $0.status.isKnown, isRunning: $0.status.isRunning, clients: $0.status.waitingClients ?? 0)
            }
            self.joinable = location?.server.map { (question.unique, $0) }
            self.perform(self.machine.statusReplied(question.run, status, now: self.environment.now))
            self.joinable = nil
        }
    }

    private func checkJobs(_ runs: [ControllerStateMachine.RunID]) async {
        let statuses = await self.client.statuses(ofJobs: runs)
        for (run, status) in zip(runs, statuses) {
            let place = status.map { status -> ControllerStateMachine.JobPlace in
                status.isRunning ? .worker : status.isKnown ? .queue : .nowhere
            }
            self.perform(self.machine.jobChecked(run, place, now: self.environment.now, using: &self.random))
        }
    }
}

// MARK: - Jobs

extension ControllerService {
    private func job(_ submission: ControllerStateMachine.JobSubmission) -> GearmanPipelinedJob {
        let priority: GearmanPriority =
            switch submission.priority {
            case .high: .high
            case .normal: .normal
            case .low: .low
            }
        let workload = submission.customController.map(GearslothDocument.task) ?? submission.payload
        return GearmanPipelinedJob(
            id: submission.run,
            request: GearmanJobRequest(
                function: submission.function.bytes, unique: submission.unique, workload: workload, priority: priority),
            isBackground: submission.customController != nil,
            server: self.joinable.flatMap { $0.unique == submission.unique ? $0.server : nil })
    }

    private func jobEvents(_ updates: [GearmanJobUpdate]) {
        let now = self.environment.now
        var ended: [(run: ControllerStateMachine.RunID, outcome: ControllerStateMachine.JobOutcome)] = []
        var actions: [ControllerStateMachine.Action] = []
        for update in updates {
            switch update.event {
            case .created:
                actions += self.machine.jobCreated(update.id, now: now)
            case .data, .warning, .status:
                break
            case .complete:
                ended.append((update.id, .completed))
            case .fail:
                ended.append((update.id, .failed))
            case .exception(let message):
                ended.append((update.id, .exception(message)))
            case .lost(let error):
                self.environment.logger.debug("A job was lost", metadata: ["error": "\(error)"])
                ended.append((update.id, .lost))
            case .refused(let error):
                self.environment.logger.debug("A job was refused", metadata: ["error": "\(error)"])
                ended.append((update.id, .refused))
            }
        }
        if !ended.isEmpty { actions += self.machine.jobsEnded(ended, now: now, using: &self.random) }
        self.perform(actions)
    }
}

extension Duration {
    /// With microseconds as the last of three decimals.
    fileprivate var inMilliseconds: Double { Double(self.microseconds) / 1000 }
}
