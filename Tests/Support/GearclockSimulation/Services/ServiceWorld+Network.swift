internal import Gearman

/// The way to the job servers and back, byte by byte.
extension ServiceWorld {
    private var latency: Int64 { self.dice.between(self.phase == .faults ? self.swarm.network : Swarm.calmNetwork) }

    func addStream(_ stream: ServiceStream) -> Int {
        self.streams.append(stream)
        return self.streams.count - 1
    }

    /// Until when nothing passes between the ends of a stream.
    private func blockedUntil(_ number: Int) -> Int64 {
        self.blockedUntil[self.streams[number].machine]?[self.streams[number].server] ?? 0
    }

    // MARK: - Opening

    func openStream(_ number: Int) {
        self.streams[number].state = .opening
        guard !self.isOver, !self.gone.contains(self.streams[number].process.number) else {
            return self.closeStream(number, TransportError(operation: "connect", reason: "the process is dead"))
        }
        self.schedule(after: self.latency) { $0.connect(number, until: $0.time + $0.streams[number].timeout) }
    }

    private func connect(_ number: Int, until deadline: Int64) {
        guard self.streams[number].state == .opening else { return }
        let blockedUntil = self.blockedUntil(number)
        guard blockedUntil <= self.time else {
            guard blockedUntil < deadline else {
                return self.schedule(at: deadline) { world in
                    guard world.streams[number].state == .opening else { return }
                    world.closeStream(number, TransportError(operation: "connect", reason: "timed out"))
                }
            }
            return self.schedule(at: blockedUntil) { $0.connect(number, until: deadline) }
        }
        let server = self.streams[number].server
        guard self.servers[server].isUp else {
            return self.closeStream(number, TransportError(operation: "connect", reason: "refused"))
        }
        self.streams[number].state = .open
        self.streams[number].isOpenAtServer = true
        self.note("connects to server \(server), connection \(number)", by: self.actor(of: number))
        self.serverAccepted(number)
        self.report(.connected, to: number)
    }

    /// To the process, in a turn of its own; after its end it hears nothing but that.
    private func report(_ event: StreamEvent, to number: Int) {
        let stream = self.streams[number]
        stream.process.executor.execute { [onEvent = stream.onEvent] in
            let isHeard = self.enter { $0.streams[number].state != .closed }
            if isHeard { onEvent(event) }
        }
    }

    // MARK: - Sending

    func write(_ bytes: [UInt8], to number: Int) {
        guard self.streams[number].state == .open else { return }
        self.readAlong(written: bytes, by: number)
        let jams = self.phase == .faults ? self.swarm.services.jams : 0
        if !self.streams[number].isJammed, self.dice.chance(jams) {
            self.streams[number].isJammed = true
            self.schedule(after: self.dice.between(1000, self.swarm.services.longestJam)) { $0.clearJam(number) }
        }
        guard self.streams[number].isJammed else { return self.transmit(bytes, from: number) }
        self.streams[number].unsent.append(bytes)
        if self.pendingBytes(number) >= StreamLimits.writeBufferHighBytes { self.streams[number].wasFull = true }
    }

    /// What waits to be sent weighs as much as in an installation with great payloads: a packet or two fill a stream.
    func pendingBytes(_ number: Int) -> Int {
        self.streams[number].unsent.reduce(0) { $0 + $1.count } * 16_384
    }

    /// The other end takes all that waits.
    private func clearJam(_ number: Int) {
        guard self.streams[number].isJammed else { return }
        self.streams[number].isJammed = false
        let (unsent, wasFull) = (self.streams[number].unsent, self.streams[number].wasFull)
        (self.streams[number].unsent, self.streams[number].wasFull) = ([], false)
        for bytes in unsent { self.transmit(bytes, from: number) }
        if !unsent.isEmpty { self.report(.progressed, to: number) }
        if wasFull, self.canary != .neverDrained { self.report(.drained, to: number) }
    }

    private func transmit(_ bytes: [UInt8], from number: Int) {
        for piece in self.pieces(of: bytes) {
            let arrival = max(self.time + self.latency, self.streams[number].lastToServer, self.blockedUntil(number))
            self.streams[number].lastToServer = arrival
            self.schedule(at: arrival) { world in
                guard world.streams[number].isOpenAtServer, !world.streams[number].isCut else { return }
                world.serverReceived(piece, on: number)
            }
        }
    }

    func send(_ bytes: [UInt8], to number: Int) {
        guard self.streams[number].isOpenAtServer else { return }
        for piece in self.pieces(of: bytes) {
            let arrival = max(self.time + self.latency, self.streams[number].lastToProcess, self.blockedUntil(number))
            self.streams[number].lastToProcess = arrival
            self.schedule(at: arrival) { world in
                guard !world.streams[number].isCut else { return }
                world.received(piece, on: number)
            }
        }
    }

    /// A stream of bytes knows no packets: now and then a write arrives in two.
    private func pieces(of bytes: [UInt8]) -> [[UInt8]] {
        guard bytes.count > 1, self.dice.chance(0.1) else { return [bytes] }
        let middle = 1 + self.dice.below(bytes.count - 1)
        return [Array(bytes[..<middle]), Array(bytes[middle...])]
    }

    private func received(_ bytes: [UInt8], on number: Int) {
        switch self.streams[number].state {
        case .open, .finishing: break
        case .idle, .opening, .closed: return
        }
        if self.streams[number].pausedAt != nil {
            self.streams[number].unread.append(bytes)
        } else {
            self.report(.received(bytes), to: number)
        }
    }

    func pause(_ number: Int, _ isPaused: Bool) {
        self.streams[number].pausedAt = isPaused ? self.streams[number].pausedAt ?? self.time : nil
        guard !isPaused else { return }
        for bytes in self.streams[number].unread { self.report(.received(bytes), to: number) }
        self.streams[number].unread = []
    }

    /// Whoever pauses a stream that is full goes on when it is told that there is room.
    func checkReading() {
        for (number, stream) in self.streams.enumerated() where stream.state == .open && !stream.isJammed {
            let frozenUntil = self.nodes.indices.contains(stream.machine) ? self.nodes[stream.machine].frozenUntil : 0
            guard let pausedAt = stream.pausedAt, max(pausedAt, frozenUntil) < self.time - Self.longestPause else {
                continue
            }
            self.ledger.fail("Connection \(number) has room, and nobody reads it any more", breaks: .heals)
        }
    }

    /// A jam, and some turns.
    private static let longestPause: Int64 = 2_000_000

    // MARK: - Ending

    /// The process sends nothing more; what it sent still arrives, and then the server closes.
    func finishStream(_ number: Int) {
        switch self.streams[number].state {
        case .open:
            self.clearJam(number)
            self.streams[number].state = .finishing
            self.noticeLater(number, within: 0)
        case .idle, .opening: self.closeStream(number, nil)
        case .finishing, .closed: break
        }
    }

    func closeStream(_ number: Int, _ error: TransportError?) {
        guard self.streams[number].state != .closed else { return }
        let wasOpen = self.streams[number].isOpenAtServer
        self.streams[number].state = .closed
        self.streams[number].unread = []
        let unsentBytes = self.dropUnsent(number)
        let stream = self.streams[number]
        stream.process.executor.execute { [onEvent = stream.onEvent] in
            onEvent(.closed(error, unsentBytes: unsentBytes))
        }
        if wasOpen { self.noticeLater(number, within: self.latency) }
    }

    private func dropUnsent(_ number: Int) -> Int {
        defer { (self.streams[number].isJammed, self.streams[number].unsent) = (false, []) }
        return self.streams[number].unsent.reduce(0) { $0 + $1.count }
    }

    private func noticeLater(_ number: Int, within: Int64) {
        let notice = max(self.time + within, self.streams[number].lastToServer, self.blockedUntil(number))
        self.schedule(at: notice) { $0.serverNotices(number) }
    }

    private func serverNotices(_ number: Int) {
        guard self.streams[number].isOpenAtServer else { return }
        self.serverLost(number)
        self.streams[number].isOpenAtServer = false
        let end = max(self.time + self.latency, self.streams[number].lastToProcess)
        self.schedule(at: end) { $0.processNotices(number) }
    }

    private func processNotices(_ number: Int) {
        guard self.streams[number].state != .closed else { return }
        self.note("loses connection \(number)", by: self.actor(of: number))
        self.closeStream(number, nil)
    }

    /// Cuts a connection; each end notices within so long.
    func cut(_ number: Int, noticedWithin: Int64) {
        guard !self.streams[number].isCut else { return }
        self.streams[number].isCut = true
        self.note("connection \(number) is cut")
        self.noticeCut(number, within: noticedWithin)
    }

    func noticeCut(_ number: Int, within: Int64) {
        self.schedule(after: self.dice.between(0, within)) { $0.serverNotices(number) }
        self.schedule(after: self.dice.between(0, within)) { $0.processNotices(number) }
    }

    /// A process is gone. What is left of it hears that all its streams are closed.
    func endStreams(of process: Int, noticedWithin: Int64) {
        self.gone.insert(process)
        for number in self.streams.indices where self.streams[number].process.number == process {
            guard self.streams[number].state != .closed else { continue }
            self.streams[number].state = .closed
            _ = self.dropUnsent(number)
            let onEvent = self.streams[number].onEvent
            self.streams[number].process.executor.execute { onEvent(.closed(nil, unsentBytes: 0)) }
            if self.streams[number].isOpenAtServer {
                self.noticeLater(number, within: self.dice.between(0, noticedWithin))
            }
        }
    }

    /// A job server is gone, and with it all that it held.
    func serverDied(_ server: Int) {
        for number in self.streams.indices where self.streams[number].server == server {
            guard self.streams[number].isOpenAtServer else { continue }
            self.streams[number].isOpenAtServer = false
            self.schedule(after: self.dice.between(100, 200_000)) { $0.processNotices(number) }
        }
    }

    /// Connections over which something passes.
    var openStreams: [Int] {
        self.streams.indices.filter { self.streams[$0].state == .open && !self.streams[$0].isCut }
    }

    func actor(of number: Int) -> Actor {
        let machine = self.streams[number].machine
        if machine < self.nodes.count { return .process(machine) }
        if machine < self.nodes.count + self.targets.count { return .target(machine - self.nodes.count) }
        return .client(machine - self.nodes.count - self.targets.count)
    }
}
