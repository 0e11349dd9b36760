package import Gearman

/// A whole job server, between the bytes of its connections: it decides what gearmand 1.1.20 would answer. It performs
/// nothing; `GearmanJobServer` does.
///
/// It differs from gearmand where gearmand's answer is a bug that costs jobs or connections. A client that joins an
/// abandoned job revives it; a cancelled one is joined by nobody. A background submission that joins a job keeps it.
/// Each running job has a timeout of its own. A job of SUBMIT_JOB_EPOCH wakes a worker when it is due, and delays no
/// other one. Each request that makes sense has an answer, and one that makes none closes the connection at once.
package struct JobServerStateMachine: Equatable, Sendable {
    private enum State: Equatable {
        /// Can transition to:
        ///   - `draining` when a graceful stop is asked for,
        ///   - `stopped` when a stop is.
        case running
        /// No new connections; it ends with its last job.
        /// Can transition to:
        ///   - `stopped` when there are no jobs, or a stop is asked for.
        case draining
        /// The caller was told to close everything.
        case stopped
    }

    /// While a job waits for its time, the wall clock is looked at this often: it may be set.
    private static let wallClockInterval: Duration = .seconds(1)

    let configuration: GearmanJobServerConfiguration
    /// Whether there is a journal.
    var keepsJobs: Bool
    let handlePrefix: [UInt8]
    let processID: Int32
    private let limits: GearmanLimits
    private var state = State.running
    var connections = ConnectionTable()
    var functions = FunctionTable()
    var jobs = JobTable()
    var lastNumber: UInt64 = 0
    /// Scheduled jobs, by the wall clock.
    var dueTimes = JobTimers()
    var scheduledCount = 0
    /// Running jobs that have a timeout, by the monotonic clock.
    var deadlines = JobTimers()
    var deadlineCount = 0
    /// Whether a connection was closed, or a job cancelled, since all jobs were looked through.
    var mayHaveUnwanted = false
    var journal = JournalQueue()
    /// The connections with answers that had to wait until now.
    var answered: [Int] = []
    /// The connections that have output.
    private var touched: [Int] = []
    var closes: [JobServerActions.Close] = []
    /// What is kept for all connections, in both directions.
    var bufferedBytes = 0
    /// The connections that missed an answer, because there was no room for it.
    var unanswered: [Int] = []
    package internal(set) var counters = JobServerCounters()
    private var stopsListening = false
    private var timerSetFor: GearmanInstant?

    /// - Parameters:
    ///   - processID: what the text command `getpid` answers.
    ///   - keepsJobs: whether there is a journal.
    package init(configuration: GearmanJobServerConfiguration, processID: Int32 = 0, keepsJobs: Bool = false) {
        self.configuration = configuration
        self.keepsJobs = keepsJobs
        let prefix = configuration.handlePrefix ?? "H:localhost"
        self.handlePrefix =
            prefix.utf8.prefix(GearmanJobServerConfiguration.handlePrefixLimitBytes) + [UInt8(ascii: ":")]
        self.processID = processID
        self.limits = GearmanLimits(payloadSizeBytes: configuration.limits.payloadSizeBytes)
    }

    // MARK: Events

    /// Whether one more connection may be opened. Before it is, leave it in the listener's queue.
    package var hasRoom: Bool {
        switch self.state {
        case .running: self.connectionCount < self.configuration.limits.connections
        case .draining, .stopped: false
        }
    }

    /// The connections whose end was not reported.
    package var connectionCount: Int { self.connections.count }

    /// The jobs that are queued, scheduled or running, and their sizes.
    package var held: (jobs: Int, bytes: Int) { (self.jobs.count, self.jobs.sizeBytes) }

    /// A connection was accepted.
    /// - Parameters:
    ///   - descriptor: its number, for the text command `workers`.
    ///   - host: the peer's address, for the same.
    package mutating func connectionOpened(descriptor: Int32, host: String) -> ConnectionID {
        self.connections.insert { id in
            ServedConnection(
                id: id, descriptor: descriptor, host: host, limits: self.limits,
                sendsExceptions: self.configuration.sendsExceptions)
        }
    }

    /// Bytes came.
    package mutating func bytesReceived(
        _ bytes: [UInt8], from connection: ConnectionID, now: JobServerTime
    ) -> JobServerActions {
        self.advance(now)
        if self.isOpen(connection) {
            self.connections[connection.slot].decoder.append(bytes)
            self.serve(connection.slot, now: now)
        }
        return self.finish(now)
    }

    /// Packets came. For a caller that carries packets instead of bytes.
    package mutating func packetsReceived(
        _ packets: [GearmanPacket], from connection: ConnectionID, now: JobServerTime
    ) -> JobServerActions {
        self.advance(now)
        for packet in packets where self.isOpen(connection) {
            self.receive(packet, from: connection.slot, now: now)
        }
        return self.finish(now)
    }

    /// So many bytes wait for the connection to read what it was sent before.
    package mutating func connectionFellBehind(
        _ connection: ConnectionID, unsentBytes: Int, now: JobServerTime
    ) -> JobServerActions {
        self.advance(now)
        self.setUnsentBytes(unsentBytes, of: connection)
        if self.isOpen(connection) {
            if unsentBytes >= StreamLimits.writeBufferHighBytes { self.connections[connection.slot].isBehind = true }
            if unsentBytes > self.configuration.limits.unsentBytes {
                self.close(connection.slot, isAfterFlush: false)
            }
        }
        return self.finish(now)
    }

    /// Nothing waits any more for a connection that had fallen behind.
    package mutating func connectionCaughtUp(_ connection: ConnectionID, now: JobServerTime) -> JobServerActions {
        self.advance(now)
        self.setUnsentBytes(0, of: connection)
        if self.isOpen(connection) {
            self.connections[connection.slot].isBehind = false
            self.serve(connection.slot, now: now)
        }
        return self.finish(now)
    }

    /// The connection is closed, whoever wanted it. Its name must not be used again.
    package mutating func connectionClosed(_ connection: ConnectionID, now: JobServerTime) -> JobServerActions {
        self.advance(now)
        switch self.connections[connection.slot].state {
        case .open: self.release(connection.slot)
        case .closing: break
        case .closed: preconditionFailure("A connection is closed once")
        }
        let slot = connection.slot
        self.uncount(slot)
        var closed = ServedConnection(
            id: self.connections[slot].id, descriptor: -1, host: "", limits: self.limits, sendsExceptions: false)
        closed.state = .closed
        self.connections.remove(slot, leaving: closed)
        return self.finish(now)
    }

    /// The time asked for by ``JobServerActions/wakeAt`` has come. A late timer does no harm.
    package mutating func timerFired(now: JobServerTime) -> JobServerActions {
        self.timerSetFor = nil
        self.advance(now)
        return self.finish(now)
    }

    /// Somebody wants the server to end: at once, or gracefully, with its last job.
    package mutating func shutdownRequested(isGraceful: Bool, now: JobServerTime) -> JobServerActions {
        self.shutDown(isGraceful: isGraceful)
        return self.finish(now)
    }

    // MARK: Inside of an event

    mutating func shutDown(isGraceful: Bool) {
        switch self.state {
        case .running:
            self.stopsListening = true
            self.state = isGraceful ? .draining : .stopped
        case .draining:
            if !isGraceful { self.state = .stopped }
        case .stopped: break
        }
    }

    /// Whether it is the connection that was meant, and still there.
    func isOpen(_ connection: ConnectionID) -> Bool {
        guard self.connections[connection.slot].id == connection else { return false }
        switch self.connections[connection.slot].state {
        case .open: return true
        case .closing, .closed: return false
        }
    }

    var isStopped: Bool {
        switch self.state {
        case .running, .draining: false
        case .stopped: true
        }
    }

    /// Does what a connection asks for, as far as it reads its answers.
    mutating func serve(_ slot: Int, now: JobServerTime) {
        do {
            while true {
                if let packet = try self.connections[slot].nextPacket() {
                    self.receive(packet, from: slot, now: now)
                } else {
                    guard try self.serveText(slot) else { break }
                }
                if self.connections[slot].output.count >= StreamLimits.writeBufferHighBytes {
                    self.connections[slot].isBehind = true
                }
                self.makeRoom()
            }
            self.count(slot)
        } catch {
            self.close(slot, isAfterFlush: true)
        }
    }

    /// - Returns: whether there was a line of the text protocol.
    private mutating func serveText(_ slot: Int) throws(GearmanPacketError) -> Bool {
        guard self.connections[slot].isAtText else { return false }
        guard !self.connections[slot].decoder.isAtTLS else {
            self.close(slot, isAfterFlush: false)
            return false
        }
        guard let line = try self.connections[slot].decoder.nextLine(limitBytes: ProtocolLimits.lineSizeBytes)
        else { return false }
        self.receive(line: line, from: slot)
        return true
    }

    /// Lets happen what the clocks say.
    mutating func advance(_ now: JobServerTime) {
        while let entry = self.dueTimes.first, entry.nanoseconds <= now.wallNanoseconds {
            self.dueTimes.popFirst()
            if self.jobs.isScheduled(entry) { self.becameDue(entry.slot) }
        }
        while let entry = self.deadlines.first, entry.nanoseconds <= now.monotonic.nanoseconds {
            self.deadlines.popFirst()
            if self.jobs.hasDeadline(entry) { self.attemptLost(entry.slot) }
        }
        self.refuseLate(now)
    }

    mutating func touch(_ slot: Int) {
        if self.connections[slot].output.isEmpty { self.touched.append(slot) }
    }

    mutating func close(_ slot: Int, isAfterFlush: Bool) {
        if !isAfterFlush { self.uncount(slot) }
        self.release(slot)
        self.connections[slot].state = .closing
        self.closes.append(
            JobServerActions.Close(connection: self.connections[slot].id, isAfterFlush: isAfterFlush))
    }

    /// The end of each event: what is to be written goes as one, and the timer is set.
    mutating func finish(_ now: JobServerTime) -> JobServerActions {
        var actions = JobServerActions()
        self.closeOverfull(self.touched)
        self.makeRoom()
        actions.writes.reserveCapacity(self.touched.count)
        for slot in self.touched {
            let write = self.connections[slot].takeWrite()
            self.count(slot)
            if !write.bytes.isEmpty { actions.writes.append(write) }
        }
        self.touched.removeAll(keepingCapacity: true)
        actions.closes = self.closes
        self.closes = []
        switch self.state {
        case .running: break
        case .draining:
            guard self.hasEnded else { break }
            self.state = .stopped
            actions.isFinished = true
        case .stopped: actions.isFinished = true
        }
        actions.change = self.nextChange(now)
        actions.stopsListening = self.stopsListening
        self.stopsListening = false
        if let next = self.nextWake(now), self.timerSetFor.map({ next < $0 }) ?? true {
            self.timerSetFor = next
            actions.wakeAt = next
        }
        self.checkInvariants()
        return actions
    }

    private func nextWake(_ now: JobServerTime) -> GearmanInstant? {
        var deadline = self.journal.nextWake
        if let entry = self.deadlines.first {
            let end = GearmanInstant(nanoseconds: entry.nanoseconds)
            deadline = deadline.map { min($0, end) } ?? end
        }
        guard let entry = self.dueTimes.first else { return deadline }
        let (wait, isOverflow) = entry.nanoseconds.subtractingReportingOverflow(now.wallNanoseconds)
        let patience = min(.nanoseconds(isOverflow ? .max : max(wait, 0)), Self.wallClockInterval)
        let look = now.monotonic.advanced(by: patience)
        return deadline.map { min($0, look) } ?? look
    }

    /// Whether nothing is left that would be lost. Kept jobs run when there is a server again.
    private var hasEnded: Bool {
        guard self.jobs.count == self.journal.keptCount else { return false }
        return self.journal.keptCount == 0 || self.functions.all.allSatisfy { self.functions[$0].running == 0 }
    }

    /// How much is kept for the clocks, dead entries included.
    package var timerCount: Int { self.dueTimes.count + self.deadlines.count }

    private func checkInvariants() {
        precondition(self.scheduledCount >= 0 && self.deadlineCount >= 0, "More timers ended than began")
        precondition((0...self.jobs.count).contains(self.journal.keptCount), "More jobs are kept than there are")
        precondition(self.jobs.sizeBytes >= 0, "More was removed than was queued")
        precondition(self.bufferedBytes >= 0, "More was taken from connections than they had")
        precondition(self.bufferedBytes <= self.configuration.limits.bufferedBytes, "There is more than there is room")
    }
}
