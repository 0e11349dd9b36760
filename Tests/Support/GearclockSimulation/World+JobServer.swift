internal import GearclockCore

/// What the simulated job servers do with what they receive.
extension World {
    mutating func serverReceived(_ message: ServerMessage, on connection: ConnectionID) {
        guard self.connections[connection].isOpenAtServer, !self.connections[connection].isCut else { return }
        let server = self.connections[connection].server
        switch message {
        case .submit(let job, let token):
            let (handle, isNew) = self.servers[server].submit(job, from: connection, token)
            self.note(
                "job \(handle) is \(isNew ? "new" : "joined"): \(job.function) of \(job.workload.text(self.ledger))",
                by: .server(server))
            if !isNew, case .task = job.workload { self.ledger.statistics.adoptions += 1 }
            self.send(.created(token, handle), on: connection)
            self.giveOut(server, job.function)
        case .grab(let kind, let count):
            self.connections[connection].wanted[kind.rawValue] += count
            for function in self.functions(of: kind) { self.giveOut(server, function) }
        case .cannotDo(let kind):
            self.connections[connection].wanted[kind.rawValue] = -1000
        case .result(let handle, let result):
            self.serverReceivedResult(result, of: handle, server, on: connection)
        case .statusOfUnique(let function, let unique, let run):
            let handle = self.servers[server].handle(of: .init(function: function, unique: unique))
            let job = handle.flatMap { self.servers[server][$0] }
            let status = ControllerStateMachine.JobStatus(
                isKnown: job != nil, isRunning: job?.worker != nil, clients: UInt64(job?.clients.count ?? 0))
            self.send(.statusOfUnique(run: run, status), on: connection)
        case .statusOfHandle(let handle, let run):
            let job = self.servers[server][handle]
            let place = job.map { $0.worker == nil ? ControllerStateMachine.JobPlace.queue : .worker } ?? .nowhere
            self.send(.statusOfHandle(run: run, place), on: connection)
        }
    }

    private mutating func serverReceivedResult(
        _ result: JobResult, of handle: Handle, _ server: Int, on connection: ConnectionID
    ) {
        // A job that was given to another worker in the meantime is not found.
        guard let job = self.servers[server][handle], job.worker == connection else { return }
        self.servers[server].remove(handle)
        if case .task(let index) = job.workload {
            self.ledger.stopped(index, server: server, handle: handle)
            if case .failed = result { self.ledger[index].misses += 1 }
            if case .exception = result { self.ledger[index].misses += 1 }
        }
        for client in job.clients { self.send(.ended(client.token, result), on: client.connection) }
    }

    func functions(of kind: Function.Kind) -> [Function] {
        switch kind {
        case .submit: [.submit]
        case .handOver:
            [.handOver] + Set(self.nodes.flatMap(\.served)).sorted().map { .handOverIn($0) }
        case .target: (0..<self.swarm.functions).map { .target($0) } + [.custom]
        }
    }

    /// Gives waiting jobs to workers that want one; of several workers, any.
    mutating func giveOut(_ server: Int, _ function: Function) {
        if self.phase == .faults, function == self.swarm.stalled { return }
        let kind = function.kind.rawValue
        while self.servers[server].hasWaiting(function) {
            let workers = self.endpoints.filter { self.serves($0, function) }.compactMap { $0.worker(at: server) }
                .filter {
                    self.connections[$0].isOpenAtServer && self.connections[$0].wanted[kind] > 0
                }
            guard !workers.isEmpty, let handle = self.servers[server].next(of: function) else { return }
            let worker = self.dice.pick(workers)
            self.connections[worker].wanted[kind] -= 1
            self.servers[server].assign(handle, to: worker)
            let job = self.servers[server][handle]!
            self.note(
                "job \(handle), \(job.workload.text(self.ledger)), goes to connection \(worker)", by: .server(server))
            if case .task(let index) = job.workload {
                self.ledger.started(index, server: server, handle: handle, isStrict: self.isStrict)
            }
            self.send(.assigned(handle, function, job.workload), on: worker)
        }
    }

    /// Whether its worker has said that it can do the function. The kinds of functions are looked at elsewhere.
    private func serves(_ endpoint: Endpoint, _ function: Function) -> Bool {
        guard case .handOverIn(let lane) = function else { return true }
        guard case .worker(let node) = endpoint.owner else { return false }
        return self.nodes[node].served.contains(lane)
    }

    /// Whether two jobs of one task may never run at once: with several servers, a controller that cannot reach the one
    /// where the job runs can do no better than to try another.
    var isStrict: Bool {
        self.swarm.servers == 1 || !self.swarm.separatesServers
    }

    mutating func serverLost(_ connection: ConnectionID) {
        guard self.connections[connection].isOpenAtServer else { return }
        self.connections[connection].isOpenAtServer = false
        let server = self.connections[connection].server
        guard self.servers[server].isUp else { return }
        self.note("loses connection \(connection)", by: .server(server))
        if self.swarm.isWired { return self.connections[connection].wires.forEach { self.serverLostWire($0) } }
        let stopped = self.servers[server].lost(connection)
        for (handle, job) in stopped {
            if case .task(let index) = job.workload { self.ledger.stopped(index, server: server, handle: handle) }
        }
        for (_, job) in stopped { self.giveOut(server, job.key.function) }
    }

    mutating func killServer(_ server: Int) {
        guard self.servers[server].isUp else { return }
        self.note("dies", by: .server(server))
        for handle in self.servers[server].jobs.keys.sorted() {
            if case .task(let index) = self.servers[server][handle]!.workload {
                self.ledger.stopped(index, server: server, handle: handle)
            }
        }
        self.servers[server].die()
        if self.swarm.isWired { self.killWiredServer(server) }
        for connection in self.connections.indices where self.connections[connection].server == server {
            guard self.connections[connection].isOpenAtServer else { continue }
            self.connections[connection].isOpenAtServer = false
            self.schedule(.endpointNotices(connection), after: self.dice.between(100, 200_000))
        }
    }
}

extension Endpoint {
    fileprivate func worker(at server: Int) -> ConnectionID? {
        switch self.owner {
        case .worker, .target: self.current[server]
        case .client, .submitter: nil
        }
    }
}

extension Workload {
    func text(_ ledger: Ledger) -> String {
        switch self {
        case .submission(let request): "request \(request)"
        case .handOver(let tasks): ledger.names(tasks.map(\.id))
        case .task(let index): ledger.name(index)
        }
    }
}
