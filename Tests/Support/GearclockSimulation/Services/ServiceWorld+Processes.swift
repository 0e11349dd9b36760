internal import GearclockCore

/// A machine on which a process with one to three of the daemons runs, again and again.
struct ServiceNode {
    let roles: Roles
    var clock: SimulatedClock
    var status = Node.Status.dead
    /// Counts its starts.
    var incarnation = 0
    var frozenUntil: Int64 = 0
    /// Since when its controller hears from the store in time.
    var hearsBeats = Regularity()
    var hearsSettings = Regularity()
    /// How long its dispatcher's latest question for the time of the database's nodes took.
    var clockPlay = Duration.zero
    /// What it has while it runs.
    var life: Life?

    struct Life {
        let process: SimulatedProcess
        /// Ends when the process is killed.
        let death: AsyncStream<Void>.Continuation
        /// Ends when the process is asked to stop.
        let stop: AsyncStream<Void>.Continuation
    }

    init(roles: Roles, clock: SimulatedClock) {
        self.roles = roles
        self.clock = clock
    }
}

/// The life of a process: start, death, frost, and an orderly end.
extension ServiceWorld {
    func isAlive(_ process: ProcessName) -> Bool {
        self.nodes[process.node].status != .dead && self.nodes[process.node].incarnation == process.incarnation
    }

    func clocks(of process: ProcessName) -> Now { self.nodes[process.node].clock.read(at: self.time) }

    func startNode(_ node: Int) {
        guard self.nodes[node].status == .dead, self.phase != .stopping else { return }
        self.nodes[node].incarnation += 1
        self.nodes[node].status = .up
        self.nodes[node].clockPlay = .zero
        (self.nodes[node].hearsBeats, self.nodes[node].hearsSettings) = (Regularity(), Regularity())
        self.limits.controllersChangedAt = self.time
        self.note("starts", by: .process(node))
        let process = self.makeProcess(clock: self.nodes[node].clock)
        let (deaths, death) = AsyncStream<Void>.makeStream()
        let (stops, stop) = AsyncStream<Void>.makeStream()
        self.nodes[node].life = .init(process: process, death: death, stop: stop)
        let name = ProcessName(node: node, incarnation: self.nodes[node].incarnation)
        let daemons = ServiceDaemons(self, process, name, self.nodes[node].roles, seed: self.dice.next())
        self.start("process \(node)", on: process) {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await daemons.run(until: stops) }
                group.addTask { for await _ in deaths {} }
                await group.next()
                group.cancelAll()
            }
            self.enter { $0.ended(name) }
        }
    }

    /// - Parameter noticedWithin: how long the servers may take to notice.
    func killNode(_ node: Int, noticedWithin: Int64) {
        guard self.nodes[node].status != .dead, let life = self.nodes[node].life else { return }
        self.note("dies", by: .process(node))
        self.bury(node, life, noticedWithin: noticedWithin)
    }

    private func bury(_ node: Int, _ life: ServiceNode.Life, noticedWithin: Int64) {
        self.nodes[node].status = .dead
        self.limits.controllersChangedAt = self.time
        self.nodes[node].life = nil
        self.nodes[node].frozenUntil = 0
        self.scheduler.enter { $0.freeze(life.process.number, false) }
        self.endStreams(of: life.process.number, noticedWithin: noticedWithin)
        self.endCalls(of: ProcessName(node: node, incarnation: self.nodes[node].incarnation))
        life.death.finish()
    }

    /// Asks a process to stop. It takes nothing new and finishes what it has.
    func shutDown(_ node: Int, deadline: Int64?) {
        guard self.nodes[node].status == .up, let life = self.nodes[node].life else { return }
        self.note("is asked to stop", by: .process(node))
        self.nodes[node].status = .draining
        if self.canary != .deafToStop { life.stop.finish() }
        guard let deadline else { return }
        let incarnation = self.nodes[node].incarnation
        self.schedule(after: deadline) { world in
            guard world.isAlive(ProcessName(node: node, incarnation: incarnation)) else { return }
            world.note("has had its time to stop", by: .process(node))
            world.killNode(node, noticedWithin: 1000)
            world.schedule(after: world.dice.between(10_000, 3_000_000)) { $0.startNode(node) }
        }
    }

    /// A process came to its end, of its own accord or because it was killed.
    private func ended(_ process: ProcessName) {
        guard self.isAlive(process), let life = self.nodes[process.node].life else { return }
        let node = process.node
        self.note("stops", by: .process(node))
        if self.nodes[node].status == .up {
            self.ledger.fail("Process \(node) ends, and nobody asked it to", breaks: .survives)
        }
        self.bury(node, life, noticedWithin: 1000)
        if self.phase != .stopping { self.schedule(after: self.dice.between(10_000, 3_000_000)) { $0.startNode(node) } }
    }

    func freeze(_ node: Int, for duration: Int64) {
        guard let life = self.nodes[node].life else { return }
        self.note("freezes for \(duration) µs", by: .process(node))
        let until = max(self.nodes[node].frozenUntil, self.time + duration)
        self.nodes[node].frozenUntil = until
        self.scheduler.enter { $0.freeze(life.process.number, true) }
        self.schedule(at: until) { $0.thaw(node) }
    }

    /// All that a frozen process missed reaches it at once.
    func thaw(_ node: Int) {
        guard self.nodes[node].frozenUntil <= self.time, let life = self.nodes[node].life else { return }
        self.scheduler.enter { $0.freeze(life.process.number, false) }
    }
}
