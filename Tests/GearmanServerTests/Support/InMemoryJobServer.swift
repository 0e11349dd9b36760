import Gearman
import GearmanServer

/// The machine with connections by name and a clock that a test, or the fuzzer, moves.
struct InMemoryJobServer {
    var machine: JobServerStateMachine
    private(set) var now = JobServerTime(
        monotonic: GearmanInstant(nanoseconds: 5_000_000_000), wallNanoseconds: 1_700_000_000_000_000_000)
    private var connections: [String: ConnectionID] = [:]
    private var received: [String: [UInt8]] = [:]
    private var wakeAt: GearmanInstant?
    /// Those that the server wanted closed.
    private(set) var closedByServer: Set<String> = []
    private(set) var closedAtOnce: Set<String> = []
    /// Whether who is to be closed is gone at once; else when somebody calls `close`, as a socket may be slow to end.
    var reportsClosesAtOnce = true
    private(set) var isFinished = false
    private(set) var stopsListening = false
    /// What the journal was asked to write, and has not answered.
    private(set) var change: GearmanJournalChange?

    init(keepsJobs: Bool = false, _ change: (inout GearmanJobServerConfiguration) -> Void = { _ in }) {
        var configuration = GearmanJobServerConfiguration()
        configuration.handlePrefix = "H:lab"
        configuration.version = "1.1.20+ds"
        configuration.verbosity = "INFO"
        change(&configuration)
        self.machine = JobServerStateMachine(
            configuration: configuration, processID: 77, keepsJobs: keepsJobs)
    }

    mutating func open(_ names: String...) {
        for name in names { self.connections[name] = self.machine.connectionOpened(descriptor: 19, host: "127.0.0.1") }
    }

    mutating func send(_ name: String, _ bytes: [UInt8]) {
        guard let connection = self.connections[name] else { return }
        self.perform(self.machine.bytesReceived(bytes, from: connection, now: self.now))
    }

    mutating func send(_ name: String, _ type: GearmanPacketType, _ arguments: String..., data: String = "") throws {
        self.send(name, try request(type, arguments, data: data))
    }

    /// A line of text, and its answer.
    mutating func ask(_ name: String, _ line: String) -> String {
        self.send(name, Array("\(line)\n".utf8))
        return String(decoding: self.take(name), as: UTF8.self)
    }

    func isConnected(_ name: String) -> Bool { self.connections[name] != nil }

    /// All that was sent to a connection since the last time.
    mutating func take(_ name: String) -> [UInt8] {
        self.received.removeValue(forKey: name) ?? []
    }

    /// The same as packets: their type and body, with `|` for NUL.
    mutating func packets(_ name: String) throws -> [String] {
        try shown(self.take(name))
    }

    mutating func close(_ name: String) {
        guard let connection = self.connections.removeValue(forKey: name) else { return }
        self.perform(self.machine.connectionClosed(connection, now: self.now))
    }

    mutating func fellBehind(_ name: String, unsentBytes: Int) {
        guard let connection = self.connections[name] else { return }
        self.perform(self.machine.connectionFellBehind(connection, unsentBytes: unsentBytes, now: self.now))
    }

    mutating func caughtUp(_ name: String) {
        guard let connection = self.connections[name] else { return }
        self.perform(self.machine.connectionCaughtUp(connection, now: self.now))
    }

    mutating func shutDown(isGraceful: Bool) {
        self.perform(self.machine.shutdownRequested(isGraceful: isGraceful, now: self.now))
    }

    // MARK: The journal

    mutating func restore(_ jobs: [GearmanKeptJob], lastNumber: UInt64 = 0) {
        self.perform(self.machine.restored(jobs, lastNumber: lastNumber, now: self.now))
    }

    /// The change is written, and whatever follows from it is asked for.
    mutating func written(refused: Set<UInt64> = []) {
        self.change = nil
        self.perform(self.machine.changeWritten(refused: refused, now: self.now))
    }

    mutating func failed() {
        self.change = nil
        self.perform(self.machine.changeFailed(now: self.now))
    }

    mutating func superseded() {
        self.change = nil
        self.perform(self.machine.journalSuperseded(now: self.now))
    }

    /// Time passes, and timers fire as they were asked for.
    mutating func pass(_ duration: Duration) {
        let end = self.now.monotonic.advanced(by: duration)
        while let wakeAt = self.wakeAt, wakeAt <= end { self.fireTimer() }
        self.move(to: end)
    }

    /// The wall clock is set, and nobody notices at once.
    mutating func setWallClock(forward duration: Duration) {
        self.now.wallNanoseconds += duration.clampedNanoseconds
    }

    /// Moves to the moment that the machine waits for.
    /// - Returns: false if it waits for none.
    @discardableResult
    mutating func fireTimer() -> Bool {
        guard let wakeAt = self.wakeAt else { return false }
        self.wakeAt = nil
        self.move(to: wakeAt)
        self.perform(self.machine.timerFired(now: self.now))
        return true
    }

    private mutating func move(to instant: GearmanInstant) {
        self.now.wallNanoseconds += max(self.now.monotonic.duration(to: instant), .zero).clampedNanoseconds
        self.now.monotonic = max(self.now.monotonic, instant)
    }

    private func name(of connection: ConnectionID) -> String? {
        self.connections.first { $0.value == connection }?.key
    }

    mutating func perform(_ actions: JobServerActions) {
        for write in actions.writes {
            if let name = self.name(of: write.connection) { self.received[name, default: []] += write.bytes }
        }
        if let wakeAt = actions.wakeAt { self.wakeAt = wakeAt }
        if let change = actions.change {
            precondition(self.change == nil, "One change at a time")
            self.change = change
        }
        self.stopsListening = self.stopsListening || actions.stopsListening
        self.isFinished = self.isFinished || actions.isFinished
        for close in actions.closes {
            guard let name = self.name(of: close.connection) else { continue }
            self.closedByServer.insert(name)
            if !close.isAfterFlush { self.closedAtOnce.insert(name) }
            if self.reportsClosesAtOnce { self.close(name) }
        }
    }
}

/// The bytes of a request.
func request(_ type: GearmanPacketType, _ arguments: [String] = [], data: String = "") throws -> [UInt8] {
    var encoder = GearmanPacketEncoder()
    encoder.append(
        try GearmanPacket(.request, type, arguments: arguments.map { Array($0.utf8) }, data: Array(data.utf8)))
    return encoder.take()
}

/// Packets as a person reads them: `JOB_CREATED H:lab:1`, with `|` for NUL.
func shown(_ bytes: [UInt8]) throws -> [String] {
    var decoder = GearmanPacketDecoder()
    decoder.append(bytes)
    var texts: [String] = []
    while let packet = try decoder.next() {
        let body = String(decoding: packet.body.map { $0 == 0 ? UInt8(ascii: "|") : $0 }, as: UTF8.self)
        texts.append(body.isEmpty ? "\(packet.type)" : "\(packet.type) \(body)")
    }
    if decoder.bufferedBytes > 0 { texts.append("\(decoder.bufferedBytes) bytes that are no packet") }
    return texts
}
