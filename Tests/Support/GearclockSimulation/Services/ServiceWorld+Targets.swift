internal import GearclockCore
internal import GearclockWorker
internal import Gearman
internal import Logging

/// A worker of the users' functions, and of custom controllers: a real one, whose handlers do what is drawn.
struct ServiceTarget {
    /// Counts its starts.
    var incarnation = 0
    var life: Life?
    /// Jobs that it will never end.
    var hangs = false

    struct Life {
        let process: SimulatedProcess
        let worker: GearmanWorker
        /// Ends when it is killed.
        let death: AsyncStream<Void>.Continuation
    }
}

extension ServiceWorld {
    func startTarget(_ target: Int) {
        guard self.targets[target].life == nil, self.phase != .stopping else { return }
        self.targets[target].incarnation += 1
        self.targets[target].hangs = false
        let incarnation = self.targets[target].incarnation
        let process = self.makeProcess(clock: self.makeClock())
        var configuration = GearmanWorkerConfiguration()
        configuration.concurrency = self.swarm.targetSlots
        let worker = GearmanWorker(
            servers: ServiceJobServer.addresses(count: self.swarm.servers), functions: self.functionsOfTargets,
            configuration: configuration, eventLoop: self.eventLoop(of: process, machine: self.nodes.count + target),
            logger: Logger(label: "simulation", factory: { _ in SwiftLogNoOpLogHandler() }),
            onJobs: { jobs in
                self.enter { world in
                    for job in jobs { world.targetReceived(job, target, incarnation) }
                }
            })
        let (deaths, death) = AsyncStream<Void>.makeStream()
        self.targets[target].life = .init(process: process, worker: worker, death: death)
        self.start("target \(target)", on: process) {
            await worker.start()
            for await _ in deaths {}
            await worker.close()
        }
    }

    /// Nobody works for a function that stalls, until everything heals.
    private var functionsOfTargets: [[UInt8]] {
        let isStalled = { (function: Int) in self.phase == .faults && function == self.swarm.stalledFunction }
        return (0..<self.swarm.functions).filter { !isStalled($0) }.map { World.functionName($0).bytes }
            + [TaskTemplate.customController.bytes]
    }

    func eventLoop(of process: SimulatedProcess, machine: Int) -> GearmanEventLoop {
        let seed = self.dice.next()
        return GearmanEventLoop(
            executor: process.executor, transport: ServiceTransport(world: self, process: process, machine: machine)
        ) {
            SeededGenerator(seed: seed)
        }
    }

    func killTarget(_ target: Int) {
        guard self.targets[target].life != nil else { return }
        self.note("dies", by: .target(target))
        self.endTarget(target)
        self.schedule(after: self.dice.between(10_000, 3_000_000)) { $0.startTarget(target) }
    }

    func endTarget(_ target: Int) {
        guard let life = self.targets[target].life else { return }
        self.targets[target].life = nil
        self.endStreams(of: life.process.number, noticedWithin: 100_000)
        life.death.finish()
    }

    /// The worker of the users' functions at the other end of a stream.
    func target(of number: Int) -> Int? {
        let target = self.streams[number].machine - self.nodes.count
        return self.targets.indices.contains(target) ? target : nil
    }

    private func targetReceived(_ job: GearmanAssignedJob, _ target: Int, _ incarnation: Int) {
        let unique = String(decoding: job.unique.prefix(36), as: UTF8.self)
        guard let index = TaskID(unique).flatMap(self.ledger.index(of:)) else { return }
        let (verdict, duration) = self.drawVerdict(index, by: target)
        guard verdict != .hang else { return self.targets[target].hangs = true }
        let id = job.id
        self.schedule(after: duration) { world in
            guard let life = world.targets[target].life, world.targets[target].incarnation == incarnation else {
                return
            }
            world.jobDone(id, verdict, index, target, life)
        }
    }

    /// What becomes of a job, and how long it takes; drawn for its number among the jobs of its task.
    private func drawVerdict(_ index: Int, by target: Int) -> (Verdict, duration: Int64) {
        guard self.phase == .faults else { return (.success, self.dice.between(Swarm.calmJobs)) }
        let (number, copy, job) = (self.ledger[index].number, self.ledger[index].copy, self.ledger[index].jobs)
        var dice = Dice(seed: self.seed, .job, number, copy, job)
        let duration = dice.between(self.swarm.jobs)
        guard let verdict = dice.weighted(self.swarm.verdicts).flatMap({ Verdict(rawValue: $0) }), verdict != .success
        else { return (.success, duration) }
        let name = FaultName(.job, number, copy, job)
        guard self.strikes(name) else { return (.success, duration) }
        self.note("will end the job of \(self.ledger.name(index)) by \(verdict)", by: .target(target), name)
        return (verdict, duration)
    }

    private func jobDone(
        _ job: GearmanAssignedJobID, _ verdict: Verdict, _ index: Int, _ target: Int, _ life: ServiceTarget.Life
    ) {
        let result: GearmanJobReply.Result
        switch verdict {
        case .success:
            self.ledger[index].successes += 1
            result = .complete([])
        case .failure: result = .fail
        case .exception: result = .exception(Array("thrown".utf8))
        case .hang, .death: return self.killTarget(target)
        }
        self.note("job of \(self.ledger.name(index)): \(verdict)", by: .target(target))
        if self.ledger[index].isCustom { self.planEjection(index) }
        life.process.executor.execute {
            life.worker.assumeIsolated { $0.reply([GearmanJobReply(job: job, result: result)]) }
        }
    }

    /// A custom controller runs the task in its own way, and says so; or it forgets to.
    private func planEjection(_ index: Int) {
        let (number, copy, job) = (self.ledger[index].number, self.ledger[index].copy, self.ledger[index].jobs)
        var dice = Dice(seed: self.seed, .forgotten, number, copy, job)
        if self.phase == .faults, dice.chance(0.3), self.strikes(FaultName(.forgotten, number, copy, job)) { return }
        self.schedule(after: dice.between(self.swarm.jobs)) { world in
            world.ledger[index].isEjected = true
            world.ask(.delayedJobDone, about: world.ledger[index].id, by: 0)
        }
    }
}
