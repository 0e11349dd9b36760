internal import GearclockCore

/// What happens in a simulated cluster.
enum ClusterEvent {
    // At a node
    case arrive(rpc: Int, ClusterRPC.Stage)
    case order(rpc: Int)
    case apply(node: Int, upTo: Int, incarnation: Int)
    // At a client
    case answered(rpc: Int, ClusterRPC.Result)
    case lost(rpc: Int, NodeFailure)
    case deadline(rpc: Int)
    case timer(process: Int, MonotonicInstant)
    case wake(call: Int)
    case act(process: Int)
    // The world
    case fault
    case detect
    case joined(node: Int, incarnation: Int)
    case recover(node: Int, ClusterFault, incarnation: Int)
    case heal
}

/// One question to a node and its answer, on a connection of its own.
struct ClusterRPC {
    enum Subject {
        case work(call: Int)
        case look(call: Int)
        case proof(call: Int)
        case probe
    }

    /// What arrives at the node.
    enum Stage {
        case statement, commit, read, probe
    }

    enum Result {
        /// The statements were run; the commit is next.
        case ready
        case committed
        case conflict
        case refused(NodeFailure)
        case rows([StandingTask])
        case report(NodeReport)
    }

    let subject: Subject
    let process: Int
    let node: Int
    let incarnation: Int
    var request: ClusterRequest?
    var ids: [TaskID] = []
    /// Its client waits.
    var isOpen = true
    var commitWasSent = false
    /// Nothing more arrives at the node.
    var isSevered = false
    var writeSet: WriteSet?
}

/// A process that uses the cluster.
struct ClusterProcess {
    var cluster: ClusterStateMachine
    /// Probes that are under way, and the calls that wait for them.
    var probes: [Int: Int] = [:]
    var waiting: [Int: [Int]] = [:]
    var held: [Claim] = []
    /// Settlements whose outcome is unknown.
    var doubtful: [Settlement] = []
    var openCalls = 0
    var isClaiming = false
    var failedProbes = 0
    var timer: MonotonicInstant?
}

/// A simulated cluster, its clients, and everything that goes wrong.
struct ClusterWorld {
    enum Phase {
        case faults, healed, calm
    }

    struct Moment: Comparable {
        let time: Int64
        let number: Int

        static func < (left: Moment, right: Moment) -> Bool {
            (left.time, left.number) < (right.time, right.number)
        }
    }

    static let start: Int64 = 1_700_000_000_000_000
    /// Once healed, all that is broken has been noticed and repaired after this.
    static let timeToHeal: Int64 = 40_000_000
    /// Then, all tasks have ended after this.
    static let timeToEnd: Int64 = 60_000_000

    let canary: ClusterCanary?
    let trace: ((String) -> Void)?
    let swarm: ClusterSwarm
    var dice: Dice
    var time: Int64 = 0
    var phase = Phase.faults
    var galera: SimulatedGalera
    var processes: [ClusterProcess] = []
    var calls: [ClusterCall] = []
    var rpcs: [ClusterRPC] = []
    /// What waits until the group is whole again, or has voted.
    var stalled: [ClusterEvent] = []
    var auditor: ClusterAuditor
    var events = 0
    private var queue = TimerHeap<Moment, ClusterEvent>()
    private var planned = 0

    init(seed: UInt64, canary: ClusterCanary?, trace: ((String) -> Void)?) {
        self.canary = canary
        self.trace = trace
        self.dice = Dice(seed: seed)
        self.swarm = ClusterSwarm(&self.dice)
        self.galera = SimulatedGalera(nodes: self.swarm.nodes)
        self.auditor = ClusterAuditor()
        let names = (0..<self.swarm.nodes).map { "n\($0)" }
        for _ in 0..<self.swarm.processes {
            self.processes.append(ClusterProcess(cluster: ClusterStateMachine(names: names, using: &self.dice)))
        }
    }

    var now: MonotonicInstant { MonotonicInstant(microseconds: self.time) }
    var wall: Timestamp { Timestamp(microseconds: Self.start + self.time) }

    mutating func run() -> String? {
        for index in self.processes.indices {
            if self.swarm.isWatched { self.perform(self.processes[index].cluster.watchStarted(now: self.now), index) }
            self.schedule(.act(process: index), after: self.dice.between(0, self.swarm.pace))
        }
        self.schedule(.fault, after: self.dice.between(0, 2 * self.swarm.faultInterval))
        self.schedule(.heal, after: self.swarm.horizon)
        while let (moment, event) = self.queue.removeFirst() {
            self.time = moment.time
            self.events += 1
            self.happened(event)
            if let failure = self.auditor.failure { return failure }
            if self.isOver { return self.auditor.end(self.galera) }
            if self.time > self.swarm.horizon + Self.timeToHeal + Self.timeToEnd {
                return "Tasks do not end: \(self.auditor.unfinished(self.galera)), \(self.openCalls) calls are open"
            }
        }
        return "Nothing happens any more"
    }

    var openCalls: Int { self.processes.reduce(0) { $0 + $1.openCalls } }

    private var isOver: Bool {
        self.phase == .calm && self.openCalls == 0 && self.auditor.calmInserts >= self.processes.count
            && self.auditor.unfinished(self.galera).isEmpty
    }

    mutating func schedule(_ event: ClusterEvent, after delay: Int64) {
        self.schedule(event, at: self.time + max(0, delay))
    }

    mutating func schedule(_ event: ClusterEvent, at time: Int64) {
        self.planned += 1
        self.queue.insert(Moment(time: max(self.time, time), number: self.planned), event)
    }

    func note(_ text: @autoclosure () -> String) {
        self.trace?("\(self.time) \(text())")
    }

    private mutating func happened(_ event: ClusterEvent) {
        switch event {
        case .arrive(let rpc, let stage): self.arrived(rpc, stage)
        case .order(let rpc): self.order(rpc)
        case .apply(let node, let end, let incarnation): self.apply(node, upTo: end, incarnation)
        case .answered(let rpc, let result): self.answered(rpc, result)
        case .lost(let rpc, let failure): self.lost(rpc, failure)
        case .deadline(let rpc):
            if self.canary != .noDeadlines || self.phase == .calm { self.lost(rpc, .timedOut("no answer in time")) }
        case .timer(let process, let moment): self.timerFired(process, moment)
        case .wake(let call): self.wake(call)
        case .act(let process): self.act(process)
        case .fault: self.strike()
        case .detect: self.vote()
        case .joined(let node, let incarnation): self.joined(node, incarnation)
        case .recover(let node, let fault, let incarnation): self.recover(node, fault, incarnation)
        case .heal: self.heal()
        }
    }
}
