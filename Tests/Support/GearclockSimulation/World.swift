internal import GearclockCore

/// One simulated installation: processes with the real state machines, job servers, target workers, clients, a store.
///
/// Single-threaded, without any clock or chance but its own: one seed is one run, exactly. What `IntakeService`,
/// `DispatcherService` and `ControllerService` do in a real process, `World+Intake.swift`, `World+Dispatcher.swift` and
/// `World+Controller.swift` do here.
struct World {
    enum Phase {
        /// Faults strike.
        case faults
        /// Everything is healed, and all tasks must end.
        case healed
        /// All tasks ended, and all processes must stop when they are asked to.
        case stopping
    }

    let seed: UInt64
    let course: Course
    let swarm: Swarm
    let canary: Canary?
    var dice: Dice
    /// True time, in microseconds since the start.
    var time: Int64 = 0
    var phase = Phase.faults
    var queue = EventQueue<Event>()
    var ledger: Ledger
    var store: SimulatedStore
    var nodes: [Node] = []
    var servers: [SimulatedJobServer] = []
    /// In their place where endpoints and servers speak by bytes.
    var wiredServers: [ServiceJobServer] = []
    var wires: [Wire] = []
    var wireValues = WireValues()
    var targets: [Target] = []
    var requests: [ClientRequest] = []
    var endpoints: [Endpoint] = []
    var connections: [Connection] = []
    /// The faults that struck, in their order.
    private(set) var struck: [FaultName] = []
    /// How often each process put each kind of question to the store.
    var storeCalls: [Int: Int] = [:]
    /// The function that is paused.
    var heldBack: FunctionName?
    /// When all tasks must have ended, once healed.
    var endBy: Int64 = 0
    /// What dispatchers claim from, since somebody came or went.
    var claimedBuckets: [OwnerID: BucketSet] = [:]
    var membersChangedAt: Int64 = 0
    var digest: UInt64 = 0
    var limits = LimitAudit()
    var events = 0
    private var eventsAtThisTime = 0
    private let trace: ((StoryLine) -> Void)?

    init(seed: UInt64, canary: Canary?, course: Course, trace: ((StoryLine) -> Void)?) {
        var dice = Dice(seed: seed)
        var swarm = Swarm(&dice)
        swarm.drawWires(seed: seed)
        swarm.drawMix(seed: seed)
        swarm.drawQuiet(seed: seed)
        for part in Plainness.allCases where course.plain.contains(part) { swarm.simplify(part) }
        if canary == .shortLease {
            let lease = LeasePolicy(
                lease: .milliseconds(100), extendWhenLeft: .milliseconds(50), startMargin: .zero, rescueMargin: .zero)
            swarm.dispatcher.lease = lease
            swarm.controller.lease = lease
        }
        self.seed = seed
        self.course = course
        self.swarm = swarm
        self.store = SimulatedStore(seed: seed, clockLimit: swarm.clockLimit)
        self.canary = canary
        self.dice = dice
        self.trace = trace
        self.ledger = Ledger(
            clockPlay: .microseconds(2 * swarm.clockLimit),
            latenessBound: swarm.latenessBound.map { .microseconds($0) },
            idleBound: swarm.idleBound.map { .microseconds($0) },
            stalledFunction: swarm.stalledFunction.map { World.functionName($0) },
            pausedFunction: swarm.pausedFunction)
        self.build()
    }

    private mutating func build() {
        self.servers = (0..<self.swarm.servers).map { _ in SimulatedJobServer(joinsRevive: self.swarm.joinsRevive) }
        self.wiredServers = (0..<self.swarm.servers).map { _ in ServiceJobServer() }
        for (index, roles) in self.swarm.nodes.enumerated() {
            let clock = SimulatedClock(
                limit: self.swarm.clockLimit, driftPerMillion: self.swarm.driftPerMillion, &self.dice)
            self.nodes.append(
                Node(
                    roles: roles, clock: clock, workerEndpoint: self.addEndpoint(.worker(node: index)),
                    clientEndpoint: self.addEndpoint(.client(node: index))))
        }
        for index in 0..<self.swarm.targets {
            self.targets.append(Target(endpoint: self.addEndpoint(.target(index))))
        }
        let clients = (0..<self.swarm.clients).map { self.addEndpoint(.submitter($0)) }
        self.plan(clients)
        self.pause()
        for index in self.nodes.indices { self.startNode(index) }
        for index in self.targets.indices { self.startTarget(index) }
        for client in clients { self.startEndpoint(client) }
        for (time, settings) in self.swarm.operations { self.schedule(.operatorSets(settings), at: time) }
        self.schedule(.housekeeping, after: 2_000_000)
        self.schedule(.heal, after: self.swarm.horizon)
        self.planStrike(1)
    }

    private mutating func addEndpoint(_ owner: Endpoint.Owner) -> Int {
        self.endpoints.append(Endpoint(owner: owner, servers: self.swarm.servers))
        return self.endpoints.count - 1
    }

    // MARK: - Time

    mutating func schedule(_ event: Event, after delay: Int64) {
        self.queue.insert(event, at: self.time + max(0, delay))
    }

    mutating func schedule(_ event: Event, at time: Int64) {
        self.queue.insert(event, at: max(self.time, time))
    }

    /// A line of the story; costs nothing where nobody reads it.
    func note(_ text: @autoclosure () -> String, by actor: Actor = .world, _ fault: FaultName? = nil) {
        guard let trace = self.trace else { return }
        trace(StoryLine(time: self.time, actor: "\(actor)", text: text(), fault: fault))
    }

    /// Whether a fault that the seed draws strikes in this course; if so, it is written down.
    mutating func strikes(_ fault: FaultName) -> Bool {
        guard self.course.only?.contains(fault) ?? true else { return false }
        self.struck.append(fault)
        return true
    }

    /// Mixes what happened into the digest by which two runs are compared.
    mutating func mix(_ value: UInt64) {
        self.digest = (self.digest ^ value) &* 0x0000_0100_0000_01b3
        self.digest ^= self.digest >> 29
    }

    /// - Returns: what went wrong; `nil` if nothing.
    mutating func run() -> Failure? {
        while let (time, event) = self.queue.removeFirst() {
            self.eventsAtThisTime = time == self.time ? self.eventsAtThisTime + 1 : 0
            self.time = time
            self.events += 1
            self.ledger.now = self.trueNow
            self.mix(UInt64(bitPattern: time))
            if self.eventsAtThisTime > 20_000 { self.ledger.fail("Time stands still: an endless loop", breaks: .heals) }
            if self.events > 2_000_000 { self.ledger.fail("Too many events", breaks: .heals) }
            self.perform(event)
            if let failure = self.ledger.failure { return failure }
            switch self.phase {
            case .faults:
                break
            case .healed:
                if self.events % 64 == 0, self.isQuiet { self.stopAll() }
            case .stopping:
                if self.nodes.allSatisfy({ $0.status == .dead }) { return nil }
            }
        }
        return Failure(promise: .heals, text: "Nothing happens any more")
    }

    private mutating func perform(_ event: Event) {
        if let node = self.recipient(of: event), self.nodes[node].frozenUntil > self.time {
            return self.nodes[node].missed.append(event)
        }
        switch event {
        case .connect(let endpoint, let incarnation, let server): self.connect(endpoint, incarnation, server)
        case .toServer(let connection, let message): self.serverReceived(message, on: connection)
        case .toEndpoint(let connection, let message): self.endpointReceived(message, on: connection)
        case .wireToServer(let wire, let bytes): self.serverReceived(bytes, wire)
        case .wireToEndpoint(let wire, let bytes): self.endpointReceived(bytes, wire)
        case .wireTimer(let wire): self.wireTimerFired(wire)
        case .wireEnds(let wire): self.serverLostWire(wire)
        case .serverNotices(let connection): self.serverLost(connection)
        case .endpointNotices(let connection): self.endpointLost(connection)
        case .storeReached(let call, let fate): self.storeReached(call, fate)
        case .storeReplied(let caller, let reply): self.storeReplied(caller, reply)
        case .timer(let node, let incarnation, let machine): self.timerFired(node, incarnation, machine)
        case .local(let node, let incarnation, let report): self.reported(node, incarnation, report)
        case .drainDeadline(let node, let incarnation): self.drainDeadlinePassed(node, incarnation)
        case .thaw(let node): self.thaw(node)
        case .startNode(let node): self.startNode(node)
        case .startServer(let server): self.servers[server].isUp = true
        case .startTarget(let target): self.startTarget(target)
        case .jobDone(let target, let incarnation, let connection, let handle, let verdict, let ledger):
            self.jobDone(target, incarnation, connection, handle, verdict, ledger)
        case .customControllerActs(let ledger): self.customControllerActs(ledger)
        case .clientSubmits(let request): self.clientSubmits(request)
        case .clientCancels(let ledger): self.clientCancels(ledger)
        case .operatorSets(let settings): self.ask(.setFunctionSettings(settings))
        case .strike(let number): self.strike(number)
        case .housekeeping: self.keepHouse()
        case .heal: self.heal()
        }
    }

    /// The process that an event is for: a frozen one meets it when it thaws.
    private mutating func recipient(of event: Event) -> Int? {
        switch event {
        case .connect(let endpoint, _, _): self.endpoints[endpoint].node
        case .toEndpoint(let connection, _), .endpointNotices(let connection):
            self.endpoints[self.connections[connection].endpoint].node
        case .wireToEndpoint(let wire, _), .wireTimer(let wire):
            self.endpoints[self.connections[self.wires[wire].connection].endpoint].node
        case .storeReplied(let caller, _): caller.node >= 0 ? caller.node : nil
        case .timer(let node, _, _), .local(let node, _, _), .drainDeadline(let node, _): node
        case .toServer, .wireToServer, .wireEnds, .serverNotices, .storeReached, .thaw, .startNode, .startServer,
            .startTarget, .jobDone,
            .customControllerActs, .clientSubmits, .clientCancels, .operatorSets, .strike, .housekeeping, .heal:
            nil
        }
    }

    private mutating func keepHouse() {
        let pruned = self.store.prune(now: self.trueNow)
        self.ledger.pruned(pruned, self.store.model)
        self.ledger.sweep(self.store.model)
        self.ledger.checkPunctuality()
        self.mix(UInt64(self.ledger.settled))
        self.checkBounds()
        self.checkMeasurements()
        switch self.phase {
        case .faults:
            break
        case .healed:
            self.resumeIfOthersEnded()
            if self.time > self.endBy {
                let missing = self.ledger.unfinished(except: self.heldBack)
                if let missing = missing ?? self.unquiet { self.ledger.fail(missing, breaks: .heals) }
            }
        case .stopping:
            if self.time > self.stoppingSince + Self.timeToStop {
                let late = self.nodes.indices.filter { self.nodes[$0].status != .dead }
                self.ledger.fail("Processes \(late) do not stop", breaks: .stops)
            }
        }
        self.schedule(.housekeeping, after: 2_000_000)
    }

    /// How late tasks are is measured for every job.
    private mutating func checkMeasurements() {
        for node in self.nodes.indices {
            guard let measured = self.nodes[node].controller?.takeLateness().count else { continue }
            if self.canary != .unmeasured { self.nodes[node].measuredJobs += measured }
            let (submitted, all) = (self.nodes[node].submittedJobs, self.nodes[node].measuredJobs)
            if submitted != all {
                self.ledger.fail("Process \(node) measured \(all) jobs of \(submitted)", breaks: .punctual)
            }
        }
    }

    /// Bounds of memory, and of what a process says it holds.
    private mutating func checkBounds() {
        for (index, node) in self.nodes.enumerated() {
            if let dispatcher = node.dispatcher, dispatcher.inHand > self.swarm.dispatcher.heldTasks {
                self.ledger.fail("Process \(index) holds \(dispatcher.inHand) tasks", breaks: .bounded)
            }
            if let controller = node.controller, controller.inHand > self.swarm.controller.inHandTasks {
                self.ledger.fail("Process \(index) runs \(controller.inHand) tasks", breaks: .bounded)
            }
        }
    }

    // MARK: - The end

    /// Once healed, all tasks must have ended after this: the longest wait of a policy, a lost lease, some polls. It is
    /// longer where clocks differ too much, because tasks wait in the wrong places, and where a function may have one
    /// task in hand or a limit, because the others come back some seconds later.
    var timeToEnd: Int64 {
        let isRoomy = self.swarm.controller.inHandPerFunction > 3 && self.swarm.operations.isEmpty
        return self.swarm.isClockBounded && isRoomy ? 60_000_000 : 300_000_000
    }
    /// A healthy process stops in this time.
    static let timeToStop: Int64 = 15_000_000

    var stoppingSince: Int64 = 0

    var trueNow: Timestamp { Timestamp(microseconds: SimulatedClock.start + self.time) }

    private var isQuiet: Bool { self.unquiet == nil && self.ledger.unfinished() == nil }

    /// What is still in somebody's hands.
    private var unquiet: String? {
        for index in self.requests.indices where !self.requests[index].isOver { return "Request \(index) is open" }
        for (index, node) in self.nodes.enumerated() {
            if let intake = node.intake, intake.pendingCount > 0 { return "Process \(index) has not answered" }
            if let dispatcher = node.dispatcher, dispatcher.inHand > 0 { return "Process \(index) holds tasks" }
            if let controller = node.controller, controller.inHand > 0 { return "Process \(index) runs tasks" }
        }
        return nil
    }

    private mutating func stopAll() {
        self.phase = .stopping
        self.stoppingSince = self.time
        self.note("everything stops")
        for index in self.nodes.indices { self.shutDown(index, deadline: nil) }
    }
}
