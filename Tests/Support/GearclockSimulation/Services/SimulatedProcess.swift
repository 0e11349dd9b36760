internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import Synchronization

/// One process of a simulated installation: an event loop, a pool of threads, and clocks.
final class SimulatedProcess: Sendable {
    let number: Int
    let scheduler: SimulatedScheduler
    let executor: SimulatedExecutor
    /// What is not bound to the event loop runs here.
    let pool: SimulatedPool

    init(number: Int, scheduler: SimulatedScheduler) {
        self.number = number
        self.scheduler = scheduler
        self.pool = SimulatedPool(process: number, scheduler: scheduler)
        self.executor = SimulatedExecutor(process: number, pool: self.pool, scheduler: scheduler)
    }

    var clock: ProcessClock { ProcessClock(process: self.number, scheduler: self.scheduler) }
}

/// The clocks of a simulated process.
struct ProcessClock: GearclockClock {
    let process: Int
    let scheduler: SimulatedScheduler

    var now: Now { self.scheduler.enter { $0.now(of: self.process) } }

    func sleep(until deadline: MonotonicInstant) async throws {
        let number = self.scheduler.enter { $0.makeSleeperNumber() }
        try await withTaskCancellationHandler {
            try Task.checkCancellation()
            try await withCheckedThrowingContinuation { continuation in
                self.scheduler.enter { $0.sleep(until: deadline, self.process, number, continuation) }
            }
        } onCancel: {
            self.scheduler.enter { $0.cancelSleep(number) }
        }
    }
}

/// The event loop of a simulated process.
final class SimulatedExecutor: EventLoopExecutor {
    private let process: Int
    let pool: SimulatedPool
    private let scheduler: SimulatedScheduler

    init(process: Int, pool: SimulatedPool, scheduler: SimulatedScheduler) {
        self.process = process
        self.pool = pool
        self.scheduler = scheduler
    }

    func enqueue(_ job: consuming ExecutorJob) {
        self.scheduler.add(.job(UnownedJob(job), self), to: self.process)
    }

    func execute(_ body: @escaping @Sendable () -> Void) {
        self.scheduler.add(.call(body), to: self.process)
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    func checkIsolated() {
        precondition(self.isIsolatingCurrentContext() == true, "Not on the event loop of process \(self.process)")
    }

    func isIsolatingCurrentContext() -> Bool? {
        self.scheduler.isAtWork(loopOf: self.process)
    }

    var now: GearmanInstant {
        let monotonic = self.scheduler.enter { $0.now(of: self.process).monotonic }
        return GearmanInstant(nanoseconds: monotonic.microseconds * 1000)
    }

    func makeTimer(_ handler: @escaping @Sendable () -> Void) -> any EventLoopTimer {
        SimulatedTimer(process: self.process, executor: self, scheduler: self.scheduler, handler: handler)
    }
}

/// A timer of an event loop. It is used on that loop only.
private final class SimulatedTimer: EventLoopTimer {
    private let process: Int
    private let executor: SimulatedExecutor
    private let scheduler: SimulatedScheduler
    private let handler: @Sendable () -> Void
    private let wish = TimerWish()

    init(
        process: Int, executor: SimulatedExecutor, scheduler: SimulatedScheduler,
        handler: @escaping @Sendable () -> Void
    ) {
        self.process = process
        self.executor = executor
        self.scheduler = scheduler
        self.handler = handler
    }

    func set(for instant: GearmanInstant) {
        let number = self.wish.next()
        let moment = MonotonicInstant(microseconds: instant.nanoseconds.addingSaturated(999) / 1000)
        self.scheduler.enter { [process, executor, wish, handler] scheduler in
            scheduler.plan(for: moment, of: process) {
                guard wish.isLatest(number) else { return }
                executor.execute { if wish.isLatest(number) { handler() } }
            }
        }
    }

    func cancel() {
        _ = self.wish.next()
    }
}

/// The jobs of a simulated process that are bound to no actor.
final class SimulatedPool: TaskExecutor {
    private let process: Int
    private let scheduler: SimulatedScheduler

    init(process: Int, scheduler: SimulatedScheduler) {
        self.process = process
        self.scheduler = scheduler
    }

    func enqueue(_ job: consuming ExecutorJob) {
        self.scheduler.add(.poolJob(UnownedJob(job), self), to: self.process)
    }

    func asUnownedTaskExecutor() -> UnownedTaskExecutor {
        UnownedTaskExecutor(ordinary: self)
    }
}

/// Counts what a timer was set to: only the latest moment counts.
private final class TimerWish: Sendable {
    private let latest = Atomic<Int>(0)

    func next() -> Int { self.latest.add(1, ordering: .relaxed).newValue }

    func isLatest(_ number: Int) -> Bool { self.latest.load(ordering: .relaxed) == number }
}
