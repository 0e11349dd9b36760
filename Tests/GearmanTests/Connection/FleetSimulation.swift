import Gearman

/// A client and a worker with three job servers, in memory and on a simulated clock. The machines are the real ones;
/// sockets, timers and servers are played, and servers are stopped, cut off, refuse connections or are slow.
///
/// What must hold, or ``run(seed:timeouts:)`` throws: a server that says nothing is given up within the configured time
/// and no other one is; each job has one last event; when all is well again, everything is connected again, and each
/// unique ID goes to its home.
struct FleetSimulation {
    enum Fault: CaseIterable {
        case none
        /// It accepts connections and bytes, and answers nothing until it goes on. (SIGSTOP)
        case frozen
        /// The network drops all packets, and forgets the connections there were: they are half-open for ever.
        case cut
        /// Its connections are reset, and it accepts none.
        case down
        /// It answers, but takes its time.
        case slow
    }

    enum Role { case client, worker }

    private enum Event {
        case reconnectTimer
        case accepted
        case refused
        case connectionTimer
        /// Bytes reach the server.
        case arrived([UInt8])
        /// Bytes reach us.
        case answered([UInt8])
    }

    /// A connection to one server, of the client or of the worker.
    struct Link {
        let server: Int
        let role: Role
        var reconnect: ReconnectStateMachine
        var client: ClientConnectionStateMachine?
        var worker: WorkerConnectionStateMachine?
        /// Counts the attempts: what belongs to an earlier one is dropped.
        var generation = 0
        var isOpen = false
        var isReady = false
        /// The network forgot it.
        var isForgotten = false
        /// Since when the server has not been able to say anything.
        var silentSince: GearmanInstant?
        var decoder = GearmanPacketDecoder()
        /// What a frozen server has not read.
        var unread: [[UInt8]] = []
        var lastAnswerAt = GearmanInstant.ms(0)
    }

    private struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    private let addresses = (1...3).map { GearmanServerAddress(host: "10.0.0.\($0)") }
    private let timeouts: ConnectionTimeouts
    private var random: SeededRandom
    private var now = GearmanInstant.ms(0)
    private var events: [(at: GearmanInstant, link: Int, generation: Int, event: Event)] = []
    private var links: [Link] = []
    private var faults: [Fault]
    /// Until when a server may be given up, because of what happened to it.
    private var troubledUntil: [GearmanInstant]
    private var router: JobRouter
    /// The jobs without a last event, and where each was sent.
    private var live: [UInt64: Bool] = [:]
    private var sentTo: [UInt64: Int] = [:]
    private var lastID: UInt64 = 0
    private var handles = 0

    private init(seed: UInt64, timeouts: ConnectionTimeouts) {
        self.random = SeededRandom(seed: seed)
        self.timeouts = timeouts
        self.faults = self.addresses.map { _ in .none }
        self.troubledUntil = self.addresses.map { _ in .ms(0) }
        self.router = JobRouter(servers: self.addresses, limits: GearmanLimits())
        for server in self.addresses.indices {
            for role in [Role.client, .worker] {
                self.links.append(Link(server: server, role: role, reconnect: ReconnectStateMachine()))
            }
        }
    }

    static func run(seed: UInt64, timeouts: ConnectionTimeouts = ConnectionTimeouts()) throws {
        var fleet = FleetSimulation(seed: seed, timeouts: timeouts)
        for index in fleet.links.indices {
            try fleet.perform(fleet.links[index].reconnect.started(now: fleet.now), at: index)
        }
        for _ in 0..<12 {
            try fleet.advance(by: .milliseconds(Int.random(in: 100...20_000, using: &fleet.random)))
            try fleet.strike()
        }
        for server in fleet.faults.indices { try fleet.change(server, to: .none) }
        for _ in 0..<100 { try fleet.advance(by: .seconds(1), isBusy: false) }
        try fleet.requireHealth()
    }

    // MARK: Time

    /// Lets time pass; a job is submitted now and then.
    private mutating func advance(by duration: Duration, isBusy: Bool = true) throws {
        let end = self.now.advanced(by: duration)
        var nextJob = self.now
        while true {
            let next = self.events.first?.at ?? end
            if isBusy, nextJob <= min(next, end) {
                self.now = nextJob
                try self.submit(
                    unique: Bool.random(using: &self.random) ? [] : [UInt8.random(in: 0...9, using: &self.random)])
                nextJob = nextJob.advanced(by: .milliseconds(Int.random(in: 10...500, using: &self.random)))
            } else if next <= end, !self.events.isEmpty {
                let (at, link, generation, event) = self.events.removeFirst()
                self.now = at
                if self.links[link].generation == generation { try self.happened(event, at: link) }
            } else {
                break
            }
            try self.requireNotice()
        }
        self.now = end
    }

    private mutating func schedule(_ event: Event, at instant: GearmanInstant, on link: Int) {
        let index = self.events.firstIndex { $0.at > instant } ?? self.events.endIndex
        self.events.insert((max(instant, self.now), link, self.links[link].generation, event), at: index)
    }

    // MARK: Faults

    private mutating func strike() throws {
        let server = Int.random(in: 0..<self.faults.count, using: &self.random)
        try self.change(server, to: Fault.allCases[Int.random(in: 0..<Fault.allCases.count, using: &self.random)])
    }

    private mutating func change(_ server: Int, to fault: Fault) throws {
        if ![.none, .slow].contains(self.faults[server]) {
            self.troubledUntil[server] = self.now.advanced(by: .seconds(10))
        }
        self.faults[server] = fault
        for index in self.links.indices where self.links[index].server == server && self.links[index].isOpen {
            switch fault {
            case .down: try self.close(index, because: nil)
            case .cut:
                self.links[index].isForgotten = true
                self.links[index].silentSince = self.links[index].silentSince ?? self.now
            case .frozen:
                // What it has said already is on its way.
                let since = max(self.now, self.links[index].lastAnswerAt)
                self.links[index].silentSince = self.links[index].silentSince ?? since
            case .none, .slow:
                guard !self.links[index].isForgotten else { continue }
                self.links[index].silentSince = nil
                let unread = self.links[index].unread
                self.links[index].unread = []
                for bytes in unread { try self.serve(bytes, at: index) }
            }
        }
    }

    // MARK: The network

    private mutating func happened(_ event: Event, at index: Int) throws {
        let server = self.links[index].server
        switch event {
        case .reconnectTimer:
            try self.perform(self.links[index].reconnect.timerFired(now: self.now, using: &self.random), at: index)
        case .accepted:
            guard ![.down, .cut].contains(self.faults[server]) else { return }
            try self.opened(index)
        case .refused:
            self.changed(server, to: .away, by: index)
            try self.perform(self.links[index].reconnect.connectFailed(now: self.now, using: &self.random), at: index)
        case .connectionTimer:
            try self.transition(index) {
                $0.timerFired(now: $2)
            } worker: {
                $0.timerFired(now: $2)
            }
        case .arrived(let bytes):
            guard !self.links[index].isForgotten else { return }
            switch self.faults[server] {
            case .none, .slow: try self.serve(bytes, at: index)
            case .frozen: self.links[index].unread.append(bytes)
            case .cut, .down: break
            }
        case .answered(let bytes):
            guard !self.links[index].isForgotten else { return }
            try self.transition(index, bytes) {
                $0.bytesReceived($1, now: $2)
            } worker: {
                $0.bytesReceived($1, now: $2)
            }
        }
    }

    private mutating func perform(_ action: ReconnectStateMachine.Action, at index: Int) throws {
        switch action {
        case .attempt(let deadline):
            self.links[index].generation += 1
            self.schedule(.reconnectTimer, at: deadline, on: index)
            let isDown = self.faults[self.links[index].server] == .down
            self.schedule(isDown ? .refused : .accepted, at: self.now.advanced(by: .milliseconds(2)), on: index)
        case .wait(let instant):
            self.schedule(.reconnectTimer, at: instant, on: index)
        case .abandonAttempt(let instant):
            self.links[index].generation += 1
            self.changed(self.links[index].server, to: .away, by: index)
            self.schedule(.reconnectTimer, at: instant, on: index)
        case .none:
            break
        }
    }

    private mutating func opened(_ index: Int) throws {
        let server = self.links[index].server
        self.links[index].isOpen = true
        self.links[index].isForgotten = false
        self.links[index].decoder = GearmanPacketDecoder()
        self.links[index].unread = []
        self.links[index].silentSince = self.faults[server] == .frozen ? self.now : nil
        _ = self.links[index].reconnect.connected(now: self.now)
        switch self.links[index].role {
        case .client:
            self.links[index].client = ClientConnectionStateMachine(
                configuration: ClientConnectionConfiguration(server: self.addresses[server], timeouts: self.timeouts))
        case .worker:
            self.links[index].worker = WorkerConnectionStateMachine(
                configuration: WorkerConnectionConfiguration(
                    functions: [.init(name: bytes("f"))], depth: 4, timeouts: self.timeouts))
        }
        try self.transition(index) {
            $0.connected(now: $2)
        } worker: {
            $0.connected(now: $2)
        }
    }

    private mutating func close(_ index: Int, because error: GearmanError?) throws {
        let server = self.links[index].server
        if let error, self.links[index].silentSince == nil, self.now >= self.troubledUntil[server] {
            throw Violation(
                description: "\(self.addresses[server]) was given up for no reason at \(self.now): \(error)")
        }
        self.links[index].generation += 1
        self.links[index].isOpen = false
        self.links[index].isReady = false
        self.links[index].silentSince = nil
        let updates = self.links[index].client?.connectionClosed(unsentBytes: 0, error: error).updates ?? []
        self.links[index].client = nil
        self.links[index].worker = nil
        self.changed(server, to: .away, by: index)
        try self.check(updates)
        let action = self.links[index].reconnect.connectionClosed(now: self.now, using: &self.random)
        try self.perform(action, at: index)
    }

    // MARK: Our side

    private mutating func transition(
        _ index: Int, _ bytes: [UInt8] = [],
        client: (inout ClientConnectionStateMachine, [UInt8], GearmanInstant) -> ClientActions,
        worker: (inout WorkerConnectionStateMachine, [UInt8], GearmanInstant) -> WorkerActions
    ) throws {
        var write: [UInt8] = []
        var (isReady, wakeAt, close) = (false, nil as GearmanInstant?, nil as ConnectionClose?)
        if var machine = self.links[index].client {
            let actions = client(&machine, bytes, self.now)
            self.links[index].client = machine
            (write, isReady, wakeAt, close) = (actions.write, actions.becameReady, actions.wakeAt, actions.close)
            try self.check(actions.updates)
        } else if var machine = self.links[index].worker {
            let actions = worker(&machine, bytes, self.now)
            self.links[index].worker = machine
            (write, isReady, wakeAt, close) = (actions.write, actions.becameReady, actions.wakeAt, actions.close)
        }
        if !write.isEmpty { self.schedule(.arrived(write), at: self.now.advanced(by: .milliseconds(2)), on: index) }
        if let wakeAt { self.schedule(.connectionTimer, at: wakeAt, on: index) }
        if isReady {
            self.links[index].isReady = true
            _ = self.links[index].reconnect.becameReady(now: self.now)
            self.changed(self.links[index].server, to: .healthy, by: index)
        }
        if case .immediately(let error) = close { try self.close(index, because: error) }
    }

    /// Only what the client knows decides where jobs go.
    private mutating func changed(_ server: Int, to condition: GearmanServerHealth.Condition, by index: Int) {
        guard self.links[index].role == .client else { return }
        self.submit(self.router.serverChanged(server, to: condition, late: []))
    }

    private mutating func submit(unique: [UInt8]) throws {
        self.lastID += 1
        let job = GearmanPipelinedJob(
            id: self.lastID, request: GearmanJobRequest(function: bytes("f"), unique: unique),
            isBackground: Bool.random(using: &self.random))
        self.live[job.id] = job.isBackground
        self.submit(self.router.jobsSubmitted([job], room: .max, late: []))
    }

    private mutating func submit(_ actions: JobRouter.Actions) {
        for update in actions.refused { self.live[update.id] = nil }
        for (server, batch) in actions.batches.enumerated() where !batch.isEmpty {
            let index = server * 2
            for job in batch { self.sentTo[job.id] = server }
            guard let actions = self.links[index].client?.jobsSubmitted(batch, now: self.now) else { continue }
            for update in actions.updates { self.live[update.id] = nil }
            self.schedule(.arrived(actions.write), at: self.now.advanced(by: .milliseconds(2)), on: index)
            if let wakeAt = actions.wakeAt { self.schedule(.connectionTimer, at: wakeAt, on: index) }
        }
    }

    // MARK: The servers

    private mutating func serve(_ bytes: [UInt8], at index: Int) throws {
        var encoder = GearmanPacketEncoder()
        self.links[index].decoder.append(bytes)
        while let packet = try self.links[index].decoder.next() {
            switch packet.type {
            case .optionRequest: try encoder.append(.response, .optionResponse, packet.argumentBytes(0))
            case .echoRequest: try encoder.append(.response, .echoResponse, data: packet.dataBytes)
            case .grabJobUnique: try encoder.append(.response, .noJob)
            case .submitJob, .submitJobBackground:
                self.handles += 1
                let handle = Array("H:\(self.handles)".utf8)
                try encoder.append(.response, .jobCreated, handle)
                if packet.type == .submitJob { try encoder.append(.response, .workComplete, handle, data: []) }
            case _: break
            }
        }
        let answer = encoder.take()
        guard !answer.isEmpty else { return }
        let delay: Duration = self.faults[self.links[index].server] == .slow ? .seconds(3) : .milliseconds(2)
        let at = max(self.links[index].lastAnswerAt, self.now.advanced(by: delay))
        self.links[index].lastAnswerAt = at
        self.schedule(.answered(answer), at: at, on: index)
    }

    // MARK: What must hold

    private mutating func check(_ updates: [GearmanJobUpdate]) throws {
        for update in updates {
            guard let isBackground = self.live[update.id] else {
                throw Violation(description: "an event after the last of \(update.id): \(update.event)")
            }
            if case .created = update.event, isBackground { self.live[update.id] = nil }
            if update.event.isFinal { self.live[update.id] = nil }
        }
    }

    private func requireNotice() throws {
        let defaults = ConnectionTimeouts()
        let bound = defaults.heartbeatInterval + defaults.heartbeatTimeout + .milliseconds(5)
        for link in self.links {
            guard let since = link.silentSince, since.duration(to: self.now) > bound else { continue }
            throw Violation(description: "\(self.addresses[link.server]) is silent since \(since), and nobody noticed")
        }
    }

    private mutating func requireHealth() throws {
        guard self.links.allSatisfy(\.isReady) else {
            throw Violation(description: "not everything is connected again")
        }
        guard self.live.isEmpty else { throw Violation(description: "no last event: \(self.live.keys.sorted())") }
        // Another process, which was told the same servers in another order.
        let other = ServerChoice(servers: self.addresses.reversed())
        for unique: UInt8 in 0...99 {
            try self.submit(unique: [unique])
            let home = self.addresses.count - 1 - other.order(of: [unique])[0]
            guard self.sentTo[self.lastID] == home else { throw Violation(description: "\(unique) is not at home") }
        }
    }
}
