internal import GearclockCore

/// What a process runs.
struct Roles: OptionSet {
    let rawValue: Int
    static let intake = Roles(rawValue: 1)
    static let dispatcher = Roles(rawValue: 2)
    static let controller = Roles(rawValue: 4)
}

/// The kinds of faults that strike at random moments.
enum Fault: Int, CaseIterable {
    case killNode, freezeNode, stopNode, cutConnection, partition, killServer, killTarget, storeOutage, storeSlow,
        clockJump
}

/// The shape of one simulated world, and what may go wrong in it. All of it is drawn from the seed: some kinds of
/// faults are switched off, the others have wildly different probabilities, so that each world looks for other bugs.
struct Swarm {
    // The world
    var nodes: [Roles] = []
    var handsOverDirectly = false
    var servers = 1
    var targets = 1
    var targetSlots = 1
    var functions = 1
    var clients = 1
    var requests = 10
    /// It is paused until all others have nothing left to do.
    var pausedFunction: FunctionName?
    /// When everything heals.
    var horizon: Int64 = 20_000_000
    /// A job server that takes the mark "ignored" back when somebody joins the job; gearmand does not.
    var joinsRevive = false
    /// Endpoints and job servers speak by bytes, with the machines of Gearman's clients and workers and of the job
    /// server that users may run, which takes that mark back.
    var isWired = false

    /// Nothing goes wrong, or one thing once; what is due must start in time.
    var isCalm = false
    /// In calm worlds: a function whose jobs no worker takes until everything heals.
    var stalledFunction: Int?

    // How long things take, in microseconds
    var network: ClosedRange<Int64> = 50...500
    var store: ClosedRange<Int64> = 200...2000
    var jobs: ClosedRange<Int64> = 1000...1_000_000

    static let calmNetwork: ClosedRange<Int64> = 50...500
    static let calmStore: ClosedRange<Int64> = 200...2000
    static let calmJobs: ClosedRange<Int64> = 100...5000

    // Policies
    var intake = IntakePolicy()
    var dispatcher = DispatcherPolicy()
    var controller = ControllerPolicy()
    var patience: Duration = .seconds(5)

    // Clocks
    /// How far a wall clock may be from the truth, in microseconds.
    var clockLimit: Int64 = 0
    var driftPerMillion: Int64 = 0

    // Faults
    var faults = [Double](repeating: 0, count: Fault.allCases.count)
    /// The mean time between two of them.
    var faultInterval: Int64 = 1_000_000
    var storeFates = StoreFate.Weights()
    var verdicts = [Double](repeating: 0, count: Verdict.allCases.count)
    /// The share of tasks that are cancelled.
    var cancels = 0.0
    /// The share of tasks that go to a custom controller.
    var customs = 0.0
    /// What operators do about functions, and when.
    var operations: [(time: Int64, settings: [FunctionSettings])] = []

    /// The stalled function, as job servers know it.
    var stalled: Function? { self.stalledFunction.map { .target($0) } }

    /// What only worlds of services have.
    var services = ServiceSwarm()

    /// Whether clocks differ no more than the lease's margins cover.
    var isClockBounded: Bool {
        2 * self.clockLimit <= self.controller.lease.rescueMargin.microseconds
    }

    /// Whether a controller may be unable to reach a job server that lives.
    var separatesServers: Bool {
        [Fault.cutConnection, .partition, .killServer].contains { self.faults[$0.rawValue] > 0 }
    }
}

extension Swarm {
    init(_ dice: inout Dice) {
        self.drawWorld(&dice)
        self.drawPolicies(&dice)
        self.drawFaults(&dice)
        self.drawRounds(&dice)
        if dice.chance(0.2) {
            self.calmDown(&dice)
        } else if dice.chance(0.4) {
            self.drawOperations(&dice)
        }
    }

    private mutating func drawWorld(_ dice: inout Dice) {
        if dice.chance(0.4) {
            self.nodes = Array(repeating: [.intake, .dispatcher, .controller], count: 1 + dice.below(3))
            self.handsOverDirectly = dice.chance(0.7)
        } else {
            for role in [Roles.intake, .dispatcher, .controller] {
                self.nodes += Array(repeating: role, count: 1 + dice.below(3))
            }
        }
        self.servers = dice.chance(0.3) ? 2 : 1
        self.targets = 1 + dice.below(4)
        self.targetSlots = 1 + dice.below(3)
        self.functions = 1 + dice.below(3)
        if dice.chance(0.2) { self.pausedFunction = FunctionName([UInt8(97 + dice.below(self.functions))]) }
        self.clients = 1 + dice.below(2)
        self.requests = 3 + dice.below(Simulation.mostRequests - 2)
        self.horizon = dice.between(2_000_000, dice.chance(0.3) ? 25_000_000 : 10_000_000)
        self.joinsRevive = dice.chance(0.3)
        self.network = dice.pick([50...500, 50...500, 100...20_000, 1000...300_000])
        self.store = dice.pick([200...2000, 200...2000, 1000...50_000, 10_000...1_000_000])
        self.jobs = dice.pick([100...5000, 1000...500_000, 10_000...10_000_000, 1_000_000...20_000_000])
    }

    /// It costs more, so only some worlds have it.
    mutating func drawWires(seed: UInt64) {
        var dice = Dice(seed: seed, .wires, 0)
        self.isWired = dice.chance(0.3)
    }

    /// In some worlds all-in-one processes and single daemons stand side by side, and share limits.
    mutating func drawMix(seed: UInt64) {
        var dice = Dice(seed: seed, .mix, 0)
        guard dice.chance(0.2) else { return }
        let all: Roles = [.intake, .dispatcher, .controller]
        let isOfAll = self.nodes.contains(all)
        for _ in 0...dice.below(2) {
            self.nodes.append(isOfAll ? dice.pick([.intake, .dispatcher, .controller]) : all)
        }
        if !isOfAll { self.handsOverDirectly = dice.chance(0.7) }
    }

    private mutating func drawPolicies(_ dice: inout Dice) {
        var lease = LeasePolicy()
        switch dice.below(3) {
        case 0:
            lease = LeasePolicy(
                lease: .seconds(5), extendWhenLeft: .milliseconds(3300), startMargin: .seconds(1),
                rescueMargin: .milliseconds(700))
        case 1:
            lease = LeasePolicy(
                lease: .milliseconds(1500), extendWhenLeft: .seconds(1), startMargin: .milliseconds(300),
                rescueMargin: .milliseconds(200))
        default:
            break
        }
        self.dispatcher.lease = lease
        self.controller.lease = lease
        self.dispatcher.pollInterval = dice.pick([.milliseconds(300), .seconds(1), .seconds(2)])
        self.dispatcher.rescueInterval = dice.pick([.milliseconds(700), .seconds(2)])
        self.dispatcher.lookAhead = min(dice.pick([.zero, .milliseconds(500), .seconds(2)]), lease.lease / 4)
        if dice.chance(0.3) { self.dispatcher.heldTasks = 1 + dice.below(8) }
        if dice.chance(0.3) { self.dispatcher.heldBytes = 1 + dice.below(2000) }
        if dice.chance(0.3) { self.dispatcher.handOversAtOnce = 1 }
        if dice.chance(0.5) { self.dispatcher.handOverCrowd = 1 + dice.below(3) }
        if dice.chance(0.3) { self.dispatcher.laneTasks = 1 + dice.below(4) }
        if dice.chance(0.3) { self.controller.inHandTasks = 1 + dice.below(6) }
        if dice.chance(0.3) { self.controller.inHandPerFunction = 1 + dice.below(3) }
        if dice.chance(0.2) { self.controller.inHandBytes = 1 + dice.below(2000) }
        self.patience = dice.pick([.seconds(1), .seconds(5)])
    }

    private mutating func drawFaults(_ dice: inout Dice) {
        let margin = self.controller.lease.rescueMargin.microseconds
        // One world in sixteen has clocks that no margin covers.
        self.clockLimit = dice.below(16) == 0 ? 2 * margin : dice.pick([0, 1000, margin / 20, margin / 2])
        self.driftPerMillion = dice.pick([0, 0, 50, 5000])
        for fault in Fault.allCases where dice.chance(0.4) {
            self.faults[fault.rawValue] = Double(dice.pick([1, 3, 10]))
        }
        self.faultInterval = dice.pick([100_000, 300_000, 1_000_000, 4_000_000])
        self.storeFates = StoreFate.Weights(&dice)
        self.verdicts[Verdict.success.rawValue] = Double(dice.pick([1, 5, 20]))
        for verdict in Verdict.allCases.dropFirst() where dice.chance(0.4) {
            self.verdicts[verdict.rawValue] = Double(dice.pick([1, 2, 5]))
        }
        if dice.chance(0.4) { self.cancels = 0.2 }
        if dice.chance(0.3) { self.customs = 0.2 }
    }

    private mutating func drawRounds(_ dice: inout Dice) {
        if dice.chance(0.6) { self.intake.crowd = 1 + dice.below(3) }
        self.intake.insertsAtOnce = 1 + dice.below(3)
        self.intake.roomPatience = dice.pick([.zero, .milliseconds(20), .milliseconds(100)])
        if dice.chance(0.5) { self.dispatcher.flowingTasks = 1 + dice.below(4) }
        self.dispatcher.flowingRefusals = 1 + dice.below(6)
    }
}
