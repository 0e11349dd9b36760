internal import GearclockCore
package import GearclockEnvironment
package import Gearman
internal import Logging

/// The worker daemon: takes tasks in and answers questions about them. `SubmissionStateMachine` decides how submissions
/// become rows of which cluster, `TaskSearch` which clusters are asked; this performs.
package actor IntakeService {
    nonisolated let eventLoop: GearmanEventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        self.eventLoop.executor.asUnownedSerialExecutor()
    }

    let clusters: [TaskCluster]
    let directory: ClusterDirectory
    let environment: ServiceEnvironment
    let configuration: IntakeConfiguration
    let work = StructuredWork()
    private let servers: [GearmanServerAddress]
    private let lanes: [ExpressLane]
    private var worker: GearmanWorker?
    private var machine: SubmissionStateMachine
    private var pending: [SubmissionStateMachine.SubmissionID: PendingSubmission] = [:]
    private var nextSubmission: SubmissionStateMachine.SubmissionID = 0
    var random: SeededGenerator
    private var wakeUp = WakeUp()
    private var conditions: [StoreCondition]

    /// - Parameters:
    ///   - clusters: not empty; their numbers and names differ.
    ///   - lanes: for each of the clusters the way to its dispatcher in this process, or none at all.
    package init(
        clusters: [TaskCluster], servers: [GearmanServerAddress],
        configuration: IntakeConfiguration = IntakeConfiguration(), environment: ServiceEnvironment,
        eventLoop: GearmanEventLoop = .shared, lanes: [ExpressLane] = []
    ) {
        precondition(lanes.isEmpty || lanes.count == clusters.count)
        self.eventLoop = eventLoop
        self.clusters = clusters
        self.directory = ClusterDirectory(clusters.map(\.description))
        self.conditions = clusters.map { _ in StoreCondition() }
        self.servers = servers
        self.configuration = configuration
        self.environment = environment
        self.lanes = lanes
        self.random = SeededGenerator(seed: environment.seed)
        self.machine = SubmissionStateMachine(directory: self.directory, patience: configuration.patience)
    }

    /// Runs until it is drained after ``beginShutdown()``, or until its task is cancelled.
    package func run() async {
        var configuration = GearmanWorkerConfiguration()
        configuration.concurrency = self.configuration.jobsInHand
        let worker = GearmanWorker(
            servers: self.servers, functions: IntakeFunction.allCases.map { Array($0.rawValue.utf8) },
            configuration: configuration,
            eventLoop: self.eventLoop, logger: self.environment.logger,
            onJobs: { [weak self] jobs in self?.assumeIsolated { $0.received(jobs) } })
        self.worker = worker
        await worker.start()
        for cluster in self.clusters.indices { self.work.add { await self.prune(cluster) } }
        await self.work.run()
        await worker.close()
    }

    /// Takes nothing more in, answers what is here, then ``run()`` returns.
    package nonisolated func beginShutdown() {
        self.eventLoop.executor.execute { self.assumeIsolated { $0.work.add { await self.drain() } } }
    }

    private func drain() async {
        // The worker takes no more jobs and returns when all those in hand are answered.
        await self.worker?.drain()
        self.perform(self.machine.shutdownRequested(now: self.environment.now, offers: self.offers))
    }

    // MARK: - Jobs

    private func received(_ jobs: GearmanAssignedJobs) {
        var submissions: [(SubmissionStateMachine.SubmissionID, [SubmittedTask])] = []
        for job in jobs {
            guard let function = IntakeFunction(rawValue: String(decoding: job.function, as: UTF8.self)) else {
                // A job server that gives us what we never asked for. Nobody else here could do it either.
                self.reply(job.id, .fail)
                continue
            }
            switch function {
            case .submit, .submitJobDelayed:
                guard let submission = self.parse(job, gearsloth: function == .submitJobDelayed) else { continue }
                let tasks = submission.validTasks
                guard !tasks.isEmpty else {
                    self.reply(self.replies(to: submission, []))
                    continue
                }
                self.pending[self.nextSubmission] = submission
                submissions.append((self.nextSubmission, tasks))
                self.nextSubmission += 1
            case .delayedJobDone, .get, .list, .cancel, .stats, .pause, .resume, .limits:
                self.work.add { await self.answer(job, to: function) }
            }
        }
        guard !submissions.isEmpty else { return }
        self.perform(self.machine.submitted(submissions, now: self.environment.now, offers: self.offers))
    }

    func reply(_ job: GearmanAssignedJobID, _ result: GearmanJobReply.Result) {
        self.reply([GearmanJobReply(job: job, result: result)])
    }

    private func reply(_ replies: [GearmanJobReply]) {
        self.worker?.assumeIsolated { $0.reply(replies) }
    }

    func refuse(_ job: GearmanAssignedJobID, _ warning: [UInt8]) {
        self.reply(Self.refusal(of: job, warning))
    }

    /// Tells a client why not: WORK_WARNING, then WORK_FAIL.
    static func refusal(of job: GearmanAssignedJobID, _ warning: [UInt8]) -> [GearmanJobReply] {
        [GearmanJobReply(job: job, result: .warning(warning)), GearmanJobReply(job: job, result: .fail)]
    }

    // MARK: - What the machine asks for

    private func perform(_ actions: [SubmissionStateMachine.Action]) {
        for action in actions {
            switch action {
            case .insert(let cluster, let tasks, let express, let copies, let place):
                self.work.add {
                    await self.insert(tasks, express: express, copies: copies, into: cluster, in: place)
                }
            case .answer(let answers):
                // All of them at once: one write.
                self.reply(
                    answers.flatMap { answer in
                        self.pending.removeValue(forKey: answer.submission).map {
                            self.replies(to: $0, answer.results)
                        } ?? []
                    })
            case .awaitRoom(let cluster):
                self.lanes[cluster].awaitRoom { [weak self] in self?.assumeIsolated { $0.roomCame(cluster) } }
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
        self.perform(self.machine.timerFired(now: self.environment.now, offers: self.offers))
    }

    private func roomCame(_ cluster: Int) {
        self.perform(self.machine.roomCame(cluster, now: self.environment.now, offers: self.offers))
    }

    private var offers: SubmissionStateMachine.Offers {
        let lanes = self.lanes
        return { cluster in lanes.isEmpty ? nil : lanes[cluster].offer() }
    }

    private func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand, into cluster: Int,
        in place: IntakeStateMachine.Place
    ) async {
        let began = self.environment.now
        let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
            try await self.clusters[cluster].store.insert(tasks, express: express, copies: copies, now: began.wall)
        }
        self.observe(reply, of: cluster, to: .write, since: began)
        // Before the next insert, so that the dispatcher offers no more than the room that is left.
        if case .success(let reply) = reply, !self.lanes.isEmpty {
            self.lanes[cluster].stored(StoredTasks(tasks, reply.outcomes, express: express))
        }
        self.perform(
            self.machine.insertReplied(
                cluster, reply, in: place, now: self.environment.now, offers: self.offers, using: &self.random))
    }

    func observe<Success>(
        _ reply: Result<Success, TaskStoreError>, of cluster: Int, to call: StoreCondition.Call, since began: Now
    ) {
        var logger = self.environment.logger
        logger[metadataKey: "store"] = "\(self.directory.clusters[cluster].name)"
        self.conditions[cluster].observe(
            reply, to: call, began: began.monotonic, now: self.environment.now, logger: logger)
    }

    /// Removes what was kept long enough, a little at a time.
    private func prune(_ cluster: Int) async {
        while true {
            let began = self.environment.now
            let reply = await TaskStoreError.catching { () throws(TaskStoreError) in
                try await self.clusters[cluster].store.prune(limit: Limits.settleBatch, now: began.wall)
            }
            self.observe(reply, of: cluster, to: .write, since: began)
            let isFull = (try? reply.get()) == Limits.settleBatch
            let next = self.environment.now.monotonic.advanced(by: isFull ? .milliseconds(100) : .seconds(10))
            do { try await self.environment.clock.sleep(until: next) } catch { return }
        }
    }
}
