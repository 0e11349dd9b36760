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
    var clientID: [UInt8] = []
    var decoder: GearmanPacketDecoder
    /// What it is sent at the end of this event.
    var output: [UInt8] = []
    /// What was sent to it before, and waits for the journal.
    var held = HeldAnswers()
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
    mutating func takeOutput() -> [UInt8] {
        defer { self.output = [] }
        return self.held.isEmpty ? self.output : self.held.take(adding: self.output)
    }

    /// Whether a NOOP would wake it.
    var isWakeable: Bool { self.isSleeping && !self.isWoken }
}
