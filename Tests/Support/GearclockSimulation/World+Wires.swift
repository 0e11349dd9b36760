internal import GearclockCore
internal import Gearman
internal import GearmanServer

/// Worlds in which endpoints and job servers speak by bytes: with the real connection machines of Gearman's clients and
/// workers at one end, and the real machine of the job server at the other.
extension World {
    private var instant: GearmanInstant { GearmanInstant(nanoseconds: self.time * 1000) }

    private var serverNow: JobServerTime {
        JobServerTime(monotonic: self.instant, wallNanoseconds: self.trueNow.microseconds * 1000)
    }

    /// An endpoint has a connection: a client's is used at once.
    mutating func wireConnected(_ connection: ConnectionID) {
        switch self.endpoints[self.connections[connection].endpoint].owner {
        case .client, .submitter: self.open(Wire(connection: connection))
        case .worker, .target: break
        }
    }

    private mutating func open(_ wire: Wire) {
        let number = self.wires.count
        self.wires.append(wire)
        self.connections[wire.connection].wires.append(number)
        self.wiredServers[self.connections[wire.connection].server].accepted(number)
        if wire.kind == nil {
            self.perform(self.wires[number].client!.connected(now: self.instant), number)
        } else {
            self.perform(self.wires[number].worker!.connected(now: self.instant), number)
        }
    }

    private func wire(of connection: ConnectionID, _ kind: Function.Kind?) -> Int? {
        self.connections[connection].wires.first { self.wires[$0].kind == kind }
    }

    // MARK: - What endpoints say

    mutating func sendByWire(_ message: ServerMessage, on connection: ConnectionID) {
        switch message {
        case .submit(let job, let token): self.submit(job, token, self.wire(of: connection, nil)!)
        case .grab(let kind, let count):
            // A worker asks for the next job of its own accord.
            guard self.wire(of: connection, kind) == nil else { return }
            self.open(Wire(connection: connection, kind, functions: self.offered(kind), depth: count))
        case .cannotDo(let kind):
            for wire in self.connections[connection].wires where self.wires[wire].kind == kind {
                self.perform(self.wires[wire].worker!.drainRequested(now: self.instant), wire)
            }
        case .result(let handle, let result):
            let wires = self.connections[connection].wires
            guard let wire = wires.first(where: { self.wires[$0].numbers[handle] != nil }) else { return }
            let number = self.wires[wire].numbers.removeValue(forKey: handle)!
            let id = GearmanAssignedJobID(server: 0, connection: 0, number: number)
            let reply = GearmanJobReply(job: id, result: self.wireValues.reply(result))
            self.perform(self.wires[wire].worker!.replied([reply], now: self.instant), wire)
        case .statusOfUnique(_, let unique, let run):
            self.ask(.unique(unique), run, self.wire(of: connection, nil)!)
        case .statusOfHandle(let handle, let run):
            self.ask(.handle(HandleBytes(handle.wireBytes)!), run, self.wire(of: connection, nil)!)
        }
    }

    private mutating func submit(_ job: SubmittedJob, _ token: Token, _ wire: Int) {
        let id = self.wires[wire].makeID()
        self.wires[wire].tokens[id] = token
        let request = GearmanJobRequest(
            function: job.function.wireName, unique: job.unique, workload: self.wireValues.bytes(of: job.workload),
            priority: job.priority.ofJobs)
        let pipelined = GearmanPipelinedJob(id: id, request: request, isBackground: job.isBackground)
        self.perform(self.wires[wire].client!.jobsSubmitted([pipelined], room: .max, now: self.instant), wire)
    }

    private mutating func ask(_ subject: ClientQuestion.Subject, _ run: ControllerStateMachine.RunID, _ wire: Int) {
        let id = self.wires[wire].makeID()
        self.wires[wire].questions[id] = run
        let question = ClientQuestion(id: id, subject: subject)
        self.perform(self.wires[wire].client!.questionsAsked([question], room: .max, now: self.instant), wire)
    }

    /// What a worker says that it can do. Nobody works for a function that stalls, until everything heals.
    private func offered(_ kind: Function.Kind) -> [Function] {
        switch kind {
        case .submit, .target:
            self.functions(of: kind).filter { self.phase != .faults || $0 != self.swarm.stalled }
        case .handOver: [.handOver]
        }
    }

    /// A controller takes what belongs to its lanes, and no longer to others, by a worker of its own. What is on its
    /// way to the old one comes to whoever takes it then.
    mutating func serveByWire(_ node: Int, on connection: ConnectionID) {
        for wire in self.connections[connection].wires where self.wires[wire].isForLanes && !self.wires[wire].isOver {
            self.wires[wire].isOver = true
            self.finish(wakeAt: nil, .afterFlush, wire)
        }
        let functions = self.nodes[node].served.map { Function.handOverIn($0) }
        guard !functions.isEmpty, self.nodes[node].status == .up else { return }
        var wire = Wire(connection: connection, .handOver, functions: functions, depth: 2)
        wire.isForLanes = true
        self.open(wire)
    }

    /// Somebody works for a function from now on, beside those for the others.
    mutating func offerByWire(_ function: Function) {
        for target in self.targets.indices where self.targets[target].isUp {
            for connection in self.open(self.targets[target].endpoint) {
                self.open(
                    Wire(connection: connection, .target, functions: [function], depth: self.targets[target].slots))
            }
        }
    }

    // MARK: - What the machines at their ends do

    private mutating func perform(_ actions: ClientActions, _ wire: Int) {
        self.write(actions.write, wire)
        for update in actions.updates { self.hear(update, wire) }
        for answer in actions.answers { self.hear(answer, wire) }
        self.finish(wakeAt: actions.wakeAt, actions.close, wire)
    }

    private mutating func perform(_ actions: WorkerActions, _ wire: Int) {
        self.write(actions.write, wire)
        for job in actions.jobs {
            let handle = Handle(wire: job.handle.bytes)
            self.wires[wire].numbers[handle] = job.number
            let message = EndpointMessage.assigned(
                handle, Function(wireName: job.function), self.wireValues.workload(job.workload))
            self.schedule(.toEndpoint(self.wires[wire].connection, message), after: 0)
        }
        self.finish(wakeAt: actions.wakeAt, actions.close, wire)
    }

    private mutating func hear(_ update: GearmanJobUpdate, _ wire: Int) {
        guard let token = self.wires[wire].tokens[update.id] else { return }
        let message: EndpointMessage
        if case .created(let handle) = update.event {
            message = .created(token, Handle(wire: handle.bytes))
        } else if let result = self.wireValues.result(update.event) {
            message = .ended(token, result)
        } else {
            return
        }
        self.schedule(.toEndpoint(self.wires[wire].connection, message), after: 0)
    }

    private mutating func hear(_ answer: ClientAnswer, _ wire: Int) {
        guard let run = self.wires[wire].questions.removeValue(forKey: answer.id),
            case .status(let status) = answer.result
        else { return }
        let message: EndpointMessage
        // Only an answer about a unique says how many wait.
        if let clients = status.waitingClients {
            let known = ControllerStateMachine.JobStatus(
                isKnown: status.isKnown, isRunning: status.isRunning, clients: clients)
            message = .statusOfUnique(run: run, known)
        } else {
            message = .statusOfHandle(run: run, status.isRunning ? .worker : status.isKnown ? .queue : .nowhere)
        }
        self.schedule(.toEndpoint(self.wires[wire].connection, message), after: 0)
    }

    private mutating func finish(wakeAt: GearmanInstant?, _ close: ConnectionClose?, _ wire: Int) {
        if let moment = wakeAt { self.schedule(.wireTimer(wire), at: moment.nanoseconds / 1000 + 1) }
        let connection = self.wires[wire].connection
        switch close {
        case nil: break
        case .afterFlush:
            self.queue.insert(.wireEnds(wire), at: max(self.time, self.connections[connection].lastToServer))
        case .immediately:
            self.schedule(.endpointNotices(connection), after: 0)
            self.schedule(.serverNotices(connection), after: self.latency)
        }
    }

    private mutating func write(_ bytes: [UInt8], _ wire: Int) {
        let connection = self.wires[wire].connection
        guard !bytes.isEmpty, self.connections[connection].isOpenAtEndpoint, !self.wires[wire].isOver else { return }
        self.queue.insert(.wireToServer(wire, bytes), at: self.arrivalAtServer(connection))
    }

    mutating func wireTimerFired(_ wire: Int) {
        let connection = self.connections[self.wires[wire].connection]
        guard connection.isOpenAtEndpoint, !self.wires[wire].isOver else { return }
        if self.wires[wire].client != nil {
            self.perform(self.wires[wire].client!.timerFired(now: self.instant), wire)
        } else {
            self.perform(self.wires[wire].worker!.timerFired(now: self.instant), wire)
        }
    }

    mutating func endpointReceived(_ bytes: [UInt8], _ wire: Int) {
        let connection = self.connections[self.wires[wire].connection]
        guard connection.isOpenAtEndpoint, !connection.isCut, !self.wires[wire].isOver else { return }
        if self.wires[wire].client != nil {
            self.perform(self.wires[wire].client!.bytesReceived(bytes, now: self.instant), wire)
        } else {
            self.perform(self.wires[wire].worker!.bytesReceived(bytes, now: self.instant), wire)
        }
    }

    // MARK: - What servers do

    mutating func serverReceived(_ bytes: [UInt8], _ wire: Int) {
        let connection = self.connections[self.wires[wire].connection]
        guard connection.isOpenAtServer, !connection.isCut else { return }
        self.readAlong(fromWorker: bytes, wire, connection.server)
        self.perform(
            self.wiredServers[connection.server].received(bytes, on: wire, now: self.serverNow), connection.server)
    }

    mutating func serverLostWire(_ wire: Int) {
        let server = self.connections[self.wires[wire].connection].server
        self.stopJobs(of: wire, server)
        self.perform(self.wiredServers[server].lost(wire, now: self.serverNow), server)
    }

    private mutating func perform(_ actions: JobServerActions, _ server: Int) {
        precondition(
            actions.closes.isEmpty && actions.wakeAt == nil, "No job here has a time, and nobody breaks a rule")
        for write in actions.writes {
            guard let wire = self.wiredServers[server].streams[write.connection] else { continue }
            let connection = self.wires[wire].connection
            self.readAlong(toWorker: write.bytes, wire, server)
            guard self.connections[connection].isOpenAtServer else { continue }
            self.queue.insert(.wireToEndpoint(wire, write.bytes), at: self.arrivalAtEndpoint(connection))
        }
    }

    mutating func killWiredServer(_ server: Int) {
        for wire in self.wires.indices where self.connections[self.wires[wire].connection].server == server {
            self.stopJobs(of: wire, server)
        }
        self.wiredServers[server].die()
    }

    // MARK: - What the auditor sees

    private mutating func readAlong(toWorker bytes: [UInt8], _ wire: Int, _ server: Int) {
        guard self.wires[wire].kind == .target else { return }
        self.wires[wire].toEndpoint.append(bytes)
        while let packet = try? self.wires[wire].toEndpoint.next() {
            guard packet.type == .jobAssignUnique, case .task(let index) = self.wireValues.workload(packet.dataBytes)
            else { continue }
            let handle = Handle(wire: packet.argumentBytes(0))
            self.note("job \(handle), \(self.ledger.name(index)), goes to wire \(wire)", by: .server(server))
            self.wires[wire].running[handle] = index
            self.ledger.started(
                index, server: server, handle: self.unmistakable(handle, server), isStrict: self.isStrict)
        }
    }

    private mutating func readAlong(fromWorker bytes: [UInt8], _ wire: Int, _ server: Int) {
        guard self.wires[wire].kind == .target else { return }
        self.wires[wire].toServer.append(bytes)
        while let packet = try? self.wires[wire].toServer.next() {
            guard [.workComplete, .workFail, .workException].contains(packet.type) else { continue }
            let handle = Handle(wire: packet.argumentBytes(0))
            guard let index = self.wires[wire].running.removeValue(forKey: handle) else { continue }
            self.ledger.stopped(index, server: server, handle: self.unmistakable(handle, server))
            if packet.type != .workComplete { self.ledger[index].misses += 1 }
        }
    }

    private mutating func stopJobs(of wire: Int, _ server: Int) {
        for (handle, index) in self.wires[wire].running {
            self.ledger.stopped(index, server: server, handle: self.unmistakable(handle, server))
        }
        self.wires[wire].running = [:]
    }

    /// A server numbers its jobs anew in each of its lives.
    private func unmistakable(_ handle: Handle, _ server: Int) -> Handle {
        UInt64(self.wiredServers[server].incarnation) << 32 | handle
    }
}
