internal import DispatchExecutor
internal import GearclockCore
internal import Gearman

/// Runs the processes of one simulated installation on one thread, in an order drawn from the seed, and decides what
/// time it is.
///
/// What a process has to do waits here: the turns of its event loop one after the other, the jobs of its thread pool in
/// any order. Time passes only when nobody has anything to do; then it is the time of what was planned next.
actor SimulatedScheduler {
    typealias Action = @Sendable () -> Void

    enum Work: Sendable {
        case call(Action)
        case job(UnownedJob, SimulatedExecutor)
        case poolJob(UnownedJob, SimulatedPool)
    }

    private struct Process {
        var clock: SimulatedClock
        /// In their order.
        var turns: [Work] = []
        var nextTurn = 0
        /// In any order.
        var pool: [Work] = []
        var isFrozen = false

        var readyCount: Int { self.isFrozen ? 0 : (self.nextTurn < self.turns.count ? 1 : 0) + self.pool.count }
    }

    private struct Sleeper {
        let process: Int
        let continuation: CheckedContinuation<Void, any Error>
    }

    /// Whatever runs on it may enter the scheduler and the world, because nothing else runs meanwhile.
    nonisolated let thread = DispatchQueueExecutor(label: "simulation")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.thread.asUnownedSerialExecutor() }

    /// True time, in microseconds since the start.
    private(set) var time: Int64 = 0
    private(set) var steps = 0
    /// What happened in which order, as a number.
    private(set) var digest: UInt64 = 0
    private var stepsAtThisTime = 0
    private var dice: Dice
    private var processes: [Process] = []
    private var plans = EventQueue<Action>()
    private var sleepers: [Int: Sleeper] = [:]
    private var nextSleeper = 0
    /// The process whose event loop is at work.
    private var loopAtWork: Int?
    /// Called when nothing is left to do, or when time stands still: who is called makes sure that it goes on.
    private var onStandstill: (@Sendable (_ isIdle: Bool) -> Void)?

    init(seed: UInt64) {
        self.dice = Dice(seed: seed, .order, 0)
    }

    /// Enters from anywhere on the thread of the simulation.
    nonisolated func enter<Success: Sendable>(_ body: (isolated SimulatedScheduler) -> Success) -> Success {
        self.assumeIsolated(body)
    }

    func observeStandstill(_ observer: @escaping @Sendable (_ isIdle: Bool) -> Void) {
        self.onStandstill = observer
    }

    /// The run is over: what was planned does not happen.
    func finish() {
        self.plans = EventQueue()
        self.onStandstill = nil
    }

    // MARK: - Processes

    func addProcess(clock: SimulatedClock) -> SimulatedProcess {
        self.processes.append(Process(clock: clock))
        return SimulatedProcess(number: self.processes.count - 1, scheduler: self)
    }

    func now(of process: Int) -> Now { self.processes[process].clock.read(at: self.time) }

    func setClock(of process: Int, _ clock: SimulatedClock) { self.processes[process].clock = clock }

    /// A frozen process does nothing; what it has to do waits.
    func freeze(_ process: Int, _ isFrozen: Bool) { self.processes[process].isFrozen = isFrozen }

    // MARK: - Plans

    func plan(at time: Int64, _ action: @escaping Action) {
        self.plans.insert(action, at: max(self.time, time))
    }

    func plan(for instant: MonotonicInstant, of process: Int, _ action: @escaping Action) {
        self.plan(at: self.processes[process].clock.time(of: instant), action)
    }

    func sleep(
        until deadline: MonotonicInstant, _ process: Int, _ number: Int,
        _ continuation: CheckedContinuation<Void, any Error>
    ) {
        guard deadline > self.now(of: process).monotonic else { return continuation.resume() }
        self.sleepers[number] = Sleeper(process: process, continuation: continuation)
        self.plan(for: deadline, of: process) {
            self.enter { $0.sleepers.removeValue(forKey: number)?.continuation.resume() }
        }
    }

    func makeSleeperNumber() -> Int {
        self.nextSleeper += 1
        return self.nextSleeper
    }

    func cancelSleep(_ number: Int) {
        self.sleepers.removeValue(forKey: number)?.continuation.resume(throwing: CancellationError())
    }

    // MARK: - Work

    /// From anywhere: the first piece of work comes from outside and sets everything going.
    nonisolated func add(_ work: Work, to process: Int) {
        if self.thread.isIsolatingCurrentContext() == true {
            self.enter { $0.append(work, to: process) }
        } else {
            self.thread.execute {
                self.enter { $0.append(work, to: process) }
                while let work = self.enter({ $0.next() }) { work.perform() }
                self.enter { $0.loopAtWork = nil }
            }
        }
    }

    nonisolated func isAtWork(loopOf process: Int) -> Bool {
        self.thread.isIsolatingCurrentContext() == true && self.enter { $0.loopAtWork == process }
    }

    private func append(_ work: Work, to process: Int) {
        switch work {
        case .call, .job: self.processes[process].turns.append(work)
        case .poolJob: self.processes[process].pool.append(work)
        }
    }

    private func next() -> Work? {
        self.loopAtWork = nil
        self.steps += 1
        self.stepsAtThisTime += 1
        if self.stepsAtThisTime > 200_000 {
            self.stepsAtThisTime = 0
            self.onStandstill?(false)
        }
        if let work = self.nextReady() { return work }
        if let (time, action) = self.plans.removeFirst() { return self.call(action, at: time) }
        self.onStandstill?(true)
        return self.nextReady()
    }

    private func call(_ action: @escaping Action, at time: Int64) -> Work {
        if time > self.time { self.stepsAtThisTime = 0 }
        self.time = time
        self.mix(UInt64(bitPattern: time))
        return .call(action)
    }

    private func nextReady() -> Work? {
        var count = 0
        for process in self.processes { count += process.readyCount }
        guard count > 0 else { return nil }
        var choice = count == 1 ? 0 : self.dice.below(count)
        for index in self.processes.indices {
            let ready = self.processes[index].readyCount
            guard choice >= ready else { return self.take(choice, of: index) }
            choice -= ready
        }
        return nil
    }

    private func take(_ choice: Int, of index: Int) -> Work {
        self.mix(UInt64(index << 8 + choice))
        if choice < self.processes[index].pool.count { return self.processes[index].pool.remove(at: choice) }
        let work = self.processes[index].turns[self.processes[index].nextTurn]
        self.processes[index].nextTurn += 1
        if self.processes[index].nextTurn == self.processes[index].turns.count {
            self.processes[index].turns.removeAll(keepingCapacity: true)
            self.processes[index].nextTurn = 0
        }
        self.loopAtWork = index
        return work
    }

    /// Mixes what happened into the digest by which two runs are compared.
    func mix(_ value: UInt64) {
        self.digest = (self.digest ^ value) &* 0x0000_0100_0000_01b3
        self.digest ^= self.digest >> 29
    }
}

extension SimulatedScheduler.Work {
    fileprivate func perform() {
        switch self {
        case .call(let action): action()
        case .job(let job, let executor):
            // With the pool that its task prefers: otherwise each call within an actor would be put off to another
            // turn, which no real event loop does.
            job.runSynchronously(
                isolatedTo: executor.asUnownedSerialExecutor(), taskExecutor: executor.pool.asUnownedTaskExecutor())
        case .poolJob(let job, let pool): job.runSynchronously(on: pool.asUnownedTaskExecutor())
        }
    }
}
