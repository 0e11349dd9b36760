internal import GearclockCore
internal import GearclockEnvironment

/// A bug of a service planted on purpose: what the service would do if it had it, it does, because what it is given
/// does it. A simulation of services that does not find it within some seeds finds nothing else either.
package enum ServiceCanary: String, CaseIterable, Sendable {
    /// One settlement in ten that its machine asks for is never performed.
    case dropsSettlement = "drops-settlement"
    /// An insert that fails is taken for one that succeeded.
    case swallowsError = "swallows-error"
    /// One sleeper in fifty is never woken.
    case forgetsTimer = "forgets-timer"
    /// One hand-over in four is reported as accepted, and nobody got it.
    case dropsHandOver = "drops-hand-over"
    /// Daemons believe that it is a second later than it is.
    case earlyClock = "early-clock"
    /// Dispatchers do not hear what time it is for the nodes of the database.
    case ignoresNodeClocks = "ignores-node-clocks"
    /// Dispatchers do not hear what is paused.
    case ignoresPause = "ignores-pause"
    /// Controllers take limits of jobs in flight for ten times as much.
    case looseLimits = "loose-limits"
    /// A worker daemon finds no task that it is asked about.
    case hidesTasks = "hides-tasks"
    /// A list ends one task too early.
    case cutsLists = "cuts-lists"
    /// A worker daemon counts no task that waits.
    case miscounts
    /// A worker daemon says that a task is cancelled, and does nothing.
    case falseCancel = "false-cancel"
    /// A controller that asks for an earlier job of a task hears that nobody runs it or waits for it.
    case abandonsJobs = "abandons-jobs"
    /// Nobody hears that a stream has room again.
    case neverDrained = "never-drained"
    /// A process does not hear that it is to stop.
    case deafToStop = "deaf-to-stop"

    /// The promise that it breaks.
    package var promise: Promise {
        switch self {
        case .dropsSettlement, .forgetsTimer, .neverDrained: .heals
        case .swallowsError, .hidesTasks: .stored
        case .cutsLists, .miscounts, .falseCancel: .books
        case .abandonsJobs: .notTwice
        case .ignoresPause: .paused
        case .looseLimits: .limited
        case .dropsHandOver: .punctual
        case .earlyClock, .ignoresNodeClocks: .neverEarly
        case .deafToStop: .stops
        }
    }
}

/// The clock of a process, and what a planted bug makes of it.
struct MistakenClock: GearclockClock {
    private let clock: ProcessClock
    private let world: ServiceWorld

    init(_ clock: ProcessClock, _ world: ServiceWorld) {
        self.clock = clock
        self.world = world
    }

    var now: Now {
        var now = self.clock.now
        if self.world.canary == .earlyClock { now.wall = now.wall.advanced(by: .seconds(1)) }
        return now
    }

    func sleep(until deadline: MonotonicInstant) async throws {
        let isForgotten = self.world.canary == .forgetsTimer && self.world.enter { $0.dice.chance(0.02) }
        try await self.clock.sleep(until: isForgotten ? deadline.advanced(by: .seconds(86_400)) : deadline)
    }
}

/// A hand-over as the auditor sees it, and what a planted bug makes of it: some are forgotten.
struct AuditedHandOver: TaskHandOver {
    private let way: any TaskHandOver
    private let world: ServiceWorld
    private let process: ProcessName

    init(_ way: any TaskHandOver, _ world: ServiceWorld, _ process: ProcessName) {
        self.way = way
        self.world = world
        self.process = process
    }

    func handOver(
        _ tasks: [ClaimedTask], in lane: Lane?
    ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
        self.world.enter { world in
            world.ledger.handedOver(
                tasks, clocks: world.store.clocks(at: world.trueNow), play: world.nodes[self.process.node].clockPlay)
        }
        let isForgotten = self.world.canary == .dropsHandOver && self.world.enter { $0.dice.chance(0.25) }
        if isForgotten { return .success(tasks.map { _ in .accepted }) }
        return await self.way.handOver(tasks, in: lane)
    }
}
