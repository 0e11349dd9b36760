internal import GearclockCore

/// Something that connects to every job server.
struct Endpoint {
    enum Owner: Equatable {
        case worker(node: Int)
        case client(node: Int)
        case target(Int)
        case submitter(Int)
    }

    let owner: Owner
    /// Its connection to each server.
    var current: [ConnectionID?]
    /// Nothing passes between it and the server before.
    var blockedUntil: [Int64]
    /// Whether its process has tried to connect to each server since it started: it waits with the choice of a server,
    /// and with questions to all of them, until it has.
    var isTried: [Bool]

    init(owner: Owner, servers: Int) {
        self.owner = owner
        self.current = Array(repeating: nil, count: servers)
        self.blockedUntil = Array(repeating: 0, count: servers)
        self.isTried = Array(repeating: false, count: servers)
    }

    var node: Int? {
        switch owner {
        case .worker(let node), .client(let node): node
        case .target, .submitter: nil
        }
    }
}

/// One TCP connection: ordered, and known to be lost at either end at different times.
struct Connection {
    let endpoint: Int
    let server: Int
    var isOpenAtEndpoint = true
    var isOpenAtServer = true
    /// Nothing arrives any more, in either direction.
    var isCut = false
    var lastToServer: Int64 = 0
    var lastToEndpoint: Int64 = 0
    /// How many jobs of each kind of function its worker asked for and has not got.
    var wanted = [0, 0, 0]
    /// The streams that it consists of, where endpoints and servers speak by bytes.
    var wires: [Int] = []
}

extension World {
    var latency: Int64 {
        mutating get { self.dice.between(self.phase == .faults ? self.swarm.network : Swarm.calmNetwork) }
    }

    // MARK: - Connecting

    mutating func startEndpoint(_ endpoint: Int) {
        guard let incarnation = self.incarnation(of: endpoint) else { return }
        for server in self.servers.indices {
            self.endpoints[endpoint].isTried[server] = false
            self.schedule(
                .connect(endpoint: endpoint, incarnation: incarnation, server: server), after: self.latency)
        }
    }

    /// Which life of its process an endpoint lives; `nil` if it is dead.
    func incarnation(of endpoint: Int) -> Int? {
        switch self.endpoints[endpoint].owner {
        case .worker(let node), .client(let node): self.nodes[node].isRunning ? self.nodes[node].incarnation : nil
        case .target(let target): self.targets[target].isUp ? self.targets[target].incarnation : nil
        case .submitter: 0
        }
    }

    mutating func connect(_ endpoint: Int, _ incarnation: Int, _ server: Int) {
        guard self.incarnation(of: endpoint) == incarnation, self.endpoints[endpoint].current[server] == nil else {
            return
        }
        self.endpoints[endpoint].isTried[server] = true
        guard self.servers[server].isUp, self.endpoints[endpoint].blockedUntil[server] <= self.time else {
            let retry = Event.connect(endpoint: endpoint, incarnation: incarnation, server: server)
            self.schedule(retry, after: self.dice.between(50_000, Swarm.reconnect))
            if case .client(let node) = self.endpoints[endpoint].owner { self.connectivityChanged(node) }
            return
        }
        let connection = self.connections.count
        self.connections.append(Connection(endpoint: endpoint, server: server))
        self.endpoints[endpoint].current[server] = connection
        if self.swarm.isWired { self.wireConnected(connection) }
        self.note("connects to server \(server), connection \(connection)", by: self.endpoints[endpoint].owner.actor)
        switch self.endpoints[endpoint].owner {
        case .worker(let node): self.workerConnected(node, connection)
        case .client(let node): self.connectivityChanged(node)
        case .target(let target): self.send(.grab(.target, self.targets[target].slots), on: connection)
        case .submitter: break
        }
    }

    /// The connections over which an endpoint can speak now.
    func open(_ endpoint: Int) -> [ConnectionID] {
        self.endpoints[endpoint].current.compactMap { $0 }
    }

    // MARK: - Sending

    /// - Precondition: the connection is open at its endpoint.
    mutating func send(_ message: ServerMessage, on connection: ConnectionID) {
        precondition(self.connections[connection].isOpenAtEndpoint)
        if self.swarm.isWired { return self.sendByWire(message, on: connection) }
        self.queue.insert(.toServer(connection, message), at: self.arrivalAtServer(connection))
    }

    mutating func arrivalAtServer(_ connection: ConnectionID) -> Int64 {
        let endpoint = self.connections[connection].endpoint
        let arrival = max(
            self.time + self.latency, self.connections[connection].lastToServer,
            self.endpoints[endpoint].blockedUntil[self.connections[connection].server])
        self.connections[connection].lastToServer = arrival
        return arrival
    }

    mutating func send(_ message: EndpointMessage, on connection: ConnectionID) {
        guard self.connections[connection].isOpenAtServer else { return }
        self.queue.insert(.toEndpoint(connection, message), at: self.arrivalAtEndpoint(connection))
    }

    mutating func arrivalAtEndpoint(_ connection: ConnectionID) -> Int64 {
        let endpoint = self.connections[connection].endpoint
        let arrival = max(
            self.time + self.latency, self.connections[connection].lastToEndpoint,
            self.endpoints[endpoint].blockedUntil[self.connections[connection].server])
        self.connections[connection].lastToEndpoint = arrival
        return arrival
    }

    mutating func endpointReceived(_ message: EndpointMessage, on connection: ConnectionID) {
        guard self.connections[connection].isOpenAtEndpoint, !self.connections[connection].isCut else { return }
        switch self.endpoints[self.connections[connection].endpoint].owner {
        case .worker(let node): self.workerReceived(message, on: connection, node)
        case .client(let node): self.clientReceived(message, on: connection, node)
        case .target(let target): self.targetReceived(message, on: connection, target)
        case .submitter: self.submitterReceived(message, on: connection)
        }
    }

    // MARK: - Losing

    /// Cuts a connection; each end notices within so long.
    mutating func cut(_ connection: ConnectionID, noticedWithin: Int64) {
        guard !self.connections[connection].isCut else { return }
        self.connections[connection].isCut = true
        self.note("connection \(connection) is cut")
        self.schedule(.serverNotices(connection), after: self.dice.between(0, noticedWithin))
        self.schedule(.endpointNotices(connection), after: self.dice.between(0, noticedWithin))
    }

    /// Its process died or left: what it sent before still arrives, then the end.
    mutating func closeFromEndpoint(_ connection: ConnectionID, noticedWithin: Int64) {
        let server = self.connections[connection].server
        self.connections[connection].isOpenAtEndpoint = false
        self.endpoints[self.connections[connection].endpoint].current[server] = nil
        let notice = max(self.time + self.dice.between(0, noticedWithin), self.connections[connection].lastToServer)
        self.queue.insert(.serverNotices(connection), at: notice)
    }

    mutating func endpointLost(_ connection: ConnectionID) {
        guard self.connections[connection].isOpenAtEndpoint else { return }
        let (endpoint, server) = (self.connections[connection].endpoint, self.connections[connection].server)
        self.connections[connection].isOpenAtEndpoint = false
        self.endpoints[endpoint].current[server] = nil
        self.note("loses connection \(connection)", by: self.endpoints[endpoint].owner.actor)
        switch self.endpoints[endpoint].owner {
        case .worker(let node): self.workerLost(connection, node)
        case .client(let node): self.clientLost(connection, node)
        case .target: break
        case .submitter: self.submitterLost(connection)
        }
        // Losing it may have been the end of its process.
        guard let incarnation = self.incarnation(of: endpoint) else { return }
        let retry = Event.connect(endpoint: endpoint, incarnation: incarnation, server: server)
        self.schedule(retry, after: self.dice.between(10_000, 300_000))
    }
}
