internal import Gearman

/// What a server knows of a connection, of a client or of a worker: only what it sends makes it one or the other.
struct ServedConnection: Equatable, Sendable {
    enum State: Equatable, Sendable {
        /// Can transition to:
        ///   - `closing` when it makes no sense, or does not read what it is sent,
        ///   - `closed` when its end is reported.
        case open
        /// The caller was told to close it. What comes in is ignored, and it has no jobs any more.
        /// Can transition to:
        ///   - `closed` when its end is reported.
        case closing
        /// The place is free.
        /// Can transition to:
        ///   - `open` when another connection takes the place.
        case closed
    }

    struct Registration: Equatable, Sendable {
        let function: Int
        /// How long one job may take; 0: any time.
        let timeoutMilliseconds: Int64
    }

    var id: ConnectionID
    var state = State.open
    /// What the text command `workers` shows.
    let descriptor: Int32
    let host: String
    var clientID: [UInt8] = [UInt8(ascii: "-")]
    var decoder: GearmanPacketDecoder
    /// What it is sent at the end of this event.
    var output: [UInt8] = []
    /// How much was taken last: the next output will need about as much, and need not grow step by step.
    private var expectedOutputBytes = 0
    /// What was sent to it before, and waits for the journal.
    var held = HeldAnswers()
    /// What it was sent and has not read, as far as the caller reported it.
    var unsentBytes = 0
    /// What is kept for it, in both directions: its part of `JobServerStateMachine.bufferedBytes`.
    var countedBytes = 0
    /// More waits for it than it should; its requests wait too.
    var isBehind = false
    var sendsExceptions: Bool
    /// The functions it can do, the newest one last.
    var registrations: [Registration] = []
    var isSleeping = false
    /// A NOOP was sent, and no grab has come since.
    var isWoken = false
    /// The jobs that it has, the newest one last.
    var inHand = JobList()
    /// The function of its last submission: the next one is often of the same.
    var lastFunction = -1

    init(id: ConnectionID, descriptor: Int32, host: String, limits: GearmanLimits, sendsExceptions: Bool) {
        self.id = id
        self.descriptor = descriptor
        self.host = host
        self.decoder = GearmanPacketDecoder(limits: limits)
        self.sendsExceptions = sendsExceptions
    }

    /// What can be sent now.
    mutating func takeWrite() -> JobServerActions.Write {
        let taken = self.held.isEmpty ? self.output : self.held.take(adding: self.output)
        self.output = []
        self.expectedOutputBytes = min(taken.count, 64 << 10)
        return JobServerActions.Write(connection: self.id, bytes: taken)
    }

    /// So much is added next.
    mutating func makeRoomForOutput(_ bytes: Int) {
        if self.output.isEmpty { self.output.reserveCapacity(max(self.expectedOutputBytes, bytes)) }
    }

    /// Whether its requests are answered: it reads its answers.
    private var isServed: Bool {
        switch self.state {
        case .open: !self.isBehind && !self.isHeldUp
        case .closing, .closed: false
        }
    }

    /// Its next request, unless that is one of ``isAtText``.
    /// - Throws: `GearmanPacketError` if it makes no sense: close the connection.
    mutating func nextPacket() throws(GearmanPacketError) -> GearmanPacket? {
        guard self.isServed, !self.decoder.isAtText else { return nil }
        return try self.decoder.next()
    }

    /// Whether its next request is a line of the text protocol, or no request at all.
    var isAtText: Bool { self.isServed && self.decoder.isAtText }

    /// So much more is kept for it than it was when this was asked before.
    mutating func takeGrowth() -> Int {
        let bytes = self.decoder.bufferedBytes + self.output.count + self.held.sizeBytes + self.unsentBytes
        defer { self.countedBytes = bytes }
        return bytes - self.countedBytes
    }

    /// Whether a NOOP would wake it.
    var isWakeable: Bool { self.isSleeping && !self.isWoken }
}

/// The connections of a server, by place.
struct ConnectionTable: Equatable, Sendable {
    private var connections: [ServedConnection] = []
    private var free: [Int] = []

    /// The connections whose end was not reported.
    var count: Int { self.connections.count - self.free.count }
    /// The places that there were ever, free ones included.
    var indices: Range<Int> { self.connections.indices }

    subscript(slot: Int) -> ServedConnection {
        _read { yield self.connections[slot] }
        _modify { yield &self.connections[slot] }
    }

    /// - Parameter make: makes the connection of this name.
    mutating func insert(_ make: (ConnectionID) -> ServedConnection) -> ConnectionID {
        if let slot = self.free.popLast() {
            let generation = self.connections[slot].id.generation &+ 1
            self.connections[slot] = make(ConnectionID(slot: slot, generation: generation))
            return self.connections[slot].id
        }
        self.connections.append(make(ConnectionID(slot: self.connections.count, generation: 0)))
        return self.connections[self.connections.count - 1].id
    }

    /// The place is free; `closed` lies there until it is used again, and keeps the name.
    mutating func remove(_ slot: Int, leaving closed: ServedConnection) {
        self.connections[slot] = closed
        self.free.append(slot)
    }
}
