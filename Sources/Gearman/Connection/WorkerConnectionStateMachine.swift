/// One connection of a worker to one job server, from the moment it is open until it is closed. It performs nothing.
///
/// It keeps several GRAB_JOB_UNIQ on their way. gearmand wakes a sleeping worker once, so after a NOOP it grabs until a
/// NO_JOB, and it sleeps (PRE_SLEEP) only when all grabs are answered. How many grabs are on their way grows with each
/// job that comes and halves with each sleep: a single job on a quiet server shall not cost dozens of NO_JOBs. The
/// runner that performs the actions is `GearmanWorker`.
///
/// gearmand before 2.0 wakes a worker again and again while a low job waits behind one of SUBMIT_JOB_EPOCH that is not
/// due, and gives it neither. So a worker that is woken as soon as it sleeps, and gets nothing each time, waits a while
/// before it grabs.
package struct WorkerConnectionStateMachine: Equatable, Sendable {
    private enum State: Equatable {
        /// The socket is not connected yet.
        /// Can transition to:
        ///   - `working` when it is,
        ///   - `closing` when a drain is asked for,
        ///   - `closed` when it never will be.
        case initial
        /// Can transition to:
        ///   - `draining` when a drain is asked for,
        ///   - `closing` when the server is silent or makes no sense,
        ///   - `closed` when the connection is closed.
        case working
        /// Nothing new is grabbed; what was grabbed is done.
        /// Can transition to:
        ///   - `closing` when nothing is in hand or on its way, or as from `working`,
        ///   - `closed` when the connection is closed.
        case draining
        /// The caller was told to close. What comes in is ignored.
        /// Can transition to:
        ///   - `closed` when the connection is closed.
        case closing
        /// All jobs are forgotten.
        case closed
    }

    /// What is known of jobs at the server.
    private enum Appetite: Equatable {
        /// There may be some.
        case hungry
        /// There were none when it last answered; sleep when it has answered all grabs.
        case sated
        /// PRE_SLEEP was sent; a NOOP will come.
        case asleep
        /// The NOOP came at once, once too often: grab then.
        case wary(until: GearmanInstant)
    }

    private struct Job: Equatable, Sendable {
        var handle: HandleBytes
        var sizeBytes: Int
    }

    private let configuration: WorkerConnectionConfiguration
    private let depth: Int
    private var state = State.initial
    private var appetite = Appetite.hungry
    private var decoder: GearmanPacketDecoder
    private var encoder: GearmanPacketEncoder
    private var liveness: ConnectionLiveness
    /// How many grabs may be on their way.
    private var window = 1
    private var unansweredGrabs = 0
    /// Since when the oldest unanswered grab has been the oldest.
    private var grabsAwaitedSince = GearmanInstant(nanoseconds: 0)
    /// The jobs in hand, by their numbers.
    private var jobs = ProbingTable<UInt64, Job>()
    /// The workloads in hand.
    private var heldBytes = 0
    private var lastNumber: UInt64 = 0
    /// How many jobs the last bytes brought: the next ones may bring as many.
    private var expectedJobs = 0
    private var lastFunction: [UInt8] = []
    /// Too much waits for the server to take it.
    private var isFull = false
    private var isGreeted = false
    private var futility = FutileRounds()

    package init(configuration: WorkerConnectionConfiguration) {
        self.configuration = configuration
        self.depth = configuration.functions.contains { $0.timeout != nil } ? 1 : configuration.depth
        self.decoder = GearmanPacketDecoder(limits: configuration.limits)
        self.encoder = GearmanPacketEncoder(limits: configuration.limits)
        self.liveness = ConnectionLiveness(timeouts: configuration.timeouts, now: GearmanInstant(nanoseconds: 0))
    }

    // MARK: Events

    /// The socket is connected.
    package mutating func connected(now: GearmanInstant) -> WorkerActions {
        switch self.state {
        case .initial:
            self.state = .working
            self.liveness = ConnectionLiveness(timeouts: self.configuration.timeouts, now: now)
            self.register()
            var actions = WorkerActions()
            self.finish(&actions, now: now)
            return actions
        case .working, .draining, .closing, .closed:
            preconditionFailure("Invalid state: \(self.state)")
        }
    }

    /// Bytes came from the server.
    package mutating func bytesReceived(_ bytes: [UInt8], now: GearmanInstant) -> WorkerActions {
        self.decoder.append(bytes)
        var actions = WorkerActions()
        actions.jobs.reserveCapacity(min(self.unansweredGrabs, self.expectedJobs))
        self.liveness.heard(now: now)
        do {
            while self.isListening, let packet = try self.decoder.nextLayout() {
                self.receive(packet, &actions, now: now)
            }
        } catch {
            self.close(.immediately(GearmanError(.protocolViolation, "Not a packet: \(error)")), &actions)
        }
        self.expectedJobs = actions.jobs.count
        self.finish(&actions, now: now)
        return actions
    }

    /// Packets came from the server. For a caller that carries packets instead of bytes.
    package mutating func packetsReceived(_ packets: [GearmanPacket], now: GearmanInstant) -> WorkerActions {
        var actions = WorkerActions()
        self.liveness.heard(now: now)
        for packet in packets where self.isListening {
            self.decoder.hold(packet)
            self.receive(packet.layout, &actions, now: now)
        }
        self.finish(&actions, now: now)
        return actions
    }

    /// The worker has something to say about jobs in hand, whose numbers alone count. What it says about others is
    /// dropped: their time is over.
    package mutating func replied(_ replies: [GearmanJobReply], now: GearmanInstant) -> WorkerActions {
        var actions = WorkerActions()
        switch self.state {
        case .working, .draining:
            // By their places: a reply that is passed on is a copy, which counts references to all that it holds.
            for place in replies.indices { self.send(replies, at: place, &actions) }
        case .initial, .closing, .closed:
            actions.droppedReplies = replies.count
        }
        self.finish(&actions, now: now)
        return actions
    }

    /// The socket accepted a part of the bytes that had to wait (not to be called for a write that went through whole).
    package mutating func writeProgressed(now: GearmanInstant) {
        self.liveness.writeProgressed(now: now)
    }

    /// Too much waits for the server to take it: no further job is grabbed. What comes is read all the same: the server
    /// may take nothing until it is, and the grabs on their way bound it.
    package mutating func writeBufferFilled() {
        self.isFull = true
    }

    /// The server has taken everything.
    package mutating func writeBufferDrained(now: GearmanInstant) -> WorkerActions {
        var actions = WorkerActions()
        self.isFull = false
        self.finish(&actions, now: now)
        return actions
    }

    /// The time asked for by ``WorkerActions/wakeAt`` has come. A late timer does no harm.
    package mutating func timerFired(now: GearmanInstant) -> WorkerActions {
        var actions = WorkerActions()
        switch self.state {
        case .working, .draining:
            self.rested(now: now)
            switch self.liveness.timerFired(now: now) {
            case .alive: break
            case .probe: self.encode(.echoRequest)
            case .silent: self.close(.immediately(GearmanError(.timedOut, "The server is silent")), &actions)
            }
            if let deadline = self.grabDeadline, now >= deadline {
                self.close(
                    .immediately(GearmanError(.timedOut, "The server did not answer a grab in time")), &actions)
            }
        case .initial, .closing, .closed: break
        }
        self.finish(&actions, now: now)
        return actions
    }

    /// Nothing new is to be grabbed; close when every job in hand is replied. Grabs on their way may still bring some.
    package mutating func drainRequested(now: GearmanInstant) -> WorkerActions {
        var actions = WorkerActions()
        switch self.state {
        case .initial: self.close(.afterFlush, &actions)
        case .working: self.state = .draining
        case .draining, .closing, .closed: break
        }
        self.finish(&actions, now: now)
        return actions
    }

    /// The connection is closed: its jobs are forgotten here, and go back into the queue at the server.
    /// - Returns: the numbers of the jobs that were in hand, in ascending order.
    package mutating func connectionClosed() -> [UInt64] {
        self.state = .closed
        self.unansweredGrabs = 0
        let forgotten = self.jobs.sorted.map(\.key)
        self.jobs = ProbingTable()
        self.heldBytes = 0
        return forgotten
    }

    // MARK: Sending

    private mutating func register() {
        if !self.configuration.clientID.isEmpty { self.encode(.setClientID, self.configuration.clientID) }
        for function in self.configuration.functions {
            guard let timeout = function.timeout else {
                self.encode(.canDo, function.name)
                continue
            }
            let milliseconds = max(1, (timeout.clampedNanoseconds + 999_999) / 1_000_000)
            self.encode(.canDoTimeout, function.name, Array(String(milliseconds).utf8))
        }
    }

    /// Encodes a packet of our own making. The names in it were checked when they were configured.
    private mutating func encode(_ type: GearmanPacketType, _ first: [UInt8]? = nil, _ second: [UInt8]? = nil) {
        do {
            try self.encoder.append(.request, type, first, second)
        } catch {
            preconditionFailure("Our own packet does not fit: \(error)")
        }
    }

    private mutating func send(_ replies: [GearmanJobReply], at place: Int, _ actions: inout WorkerActions) {
        let number = replies[place].job.number
        let isFinal = replies[place].result.isFinal
        guard let job = isFinal ? self.jobs.removeValue(of: number) : self.jobs[number] else {
            actions.droppedReplies += 1
            return
        }
        if isFinal { self.heldBytes -= job.sizeBytes }
        do {
            switch replies[place].result {
            case .data(let bytes): try self.encoder.append(.workData, job.handle, data: bytes)
            case .warning(let bytes): try self.encoder.append(.workWarning, job.handle, data: bytes)
            case .status(let numerator, let denominator):
                try self.encoder.append(
                    .request, .workStatus, job.handle.bytes, Array(String(numerator).utf8),
                    Array(String(denominator).utf8))
            case .complete(let bytes): try self.encoder.append(.workComplete, job.handle, data: bytes)
            case .fail: try self.encoder.append(.workFail, job.handle)
            case .exception(let bytes): try self.encoder.append(.workException, job.handle, data: bytes)
            }
        } catch {
            // A result beyond the limits: its job must end all the same.
            actions.unsendableReplies.append(GearmanError(.invalidRequest, "\(error)"))
            if isFinal { self.encode(.workFail, job.handle.bytes) }
        }
    }

    private var capacity: Int {
        guard !self.isFull, self.heldBytes < self.configuration.heldSizeBytes else { return 0 }
        return max(0, min(self.depth - self.jobs.count, self.window))
    }

    /// Grabs or sleeps, whichever is its time.
    private mutating func grab(now: GearmanInstant) {
        switch self.appetite {
        case .hungry:
            if self.unansweredGrabs == 0 { self.grabsAwaitedSince = now }
            let grabs = self.capacity - self.unansweredGrabs
            guard grabs > 0 else { return }
            for _ in 0..<grabs {
                self.encoder.appendEmpty(.request, self.configuration.wantsReducers ? .grabJobAll : .grabJobUnique)
            }
            self.unansweredGrabs += grabs
        case .sated:
            guard self.unansweredGrabs == 0 else { return }
            self.encode(.preSleep)
            self.appetite = .asleep
            self.futility.slept(now: now)
            self.window = max(1, self.window / 2)
        case .asleep, .wary: break
        }
    }

    private var grabDeadline: GearmanInstant? {
        self.unansweredGrabs == 0 ? nil : self.liveness.requestDeadline(sentAt: self.grabsAwaitedSince)
    }

    // MARK: Receiving

    /// Whether the server is slow: the answer to a grab is late.
    package func isLate(now: GearmanInstant) -> Bool {
        self.unansweredGrabs > 0 && self.liveness.isLate(dueSince: self.grabsAwaitedSince, now: now)
    }

    private var isListening: Bool {
        switch self.state {
        case .working, .draining: true
        case .initial, .closing, .closed: false
        }
    }

    /// Its parts lie with the decoder, as in all that follows.
    private mutating func receive(
        _ packet: GearmanPacketLayout, _ actions: inout WorkerActions, now: GearmanInstant
    ) {
        guard packet.magic == .response else {
            self.violation("The server sent a request", &actions)
            return
        }
        if !self.isGreeted {
            self.isGreeted = true
            actions.becameReady = true
        }
        switch packet.type {
        case .noop: self.woken(now: now)
        case .noJob:
            self.grabAnswered(packet, &actions, now: now)
            self.appetite = .sated
        case .jobAssign, .jobAssignUnique, .jobAssignAll:
            guard self.grabAnswered(packet, &actions, now: now) else { return }
            self.appetite = .hungry
            self.futility = FutileRounds()
            self.window = min(self.depth, self.window + 1)
            self.take(packet, &actions)
        case .error: actions.serverErrors.append(self.decoder.packet(packet).serverError)
        case .echoResponse, .optionResponse: break
        case .canDo, .cantDo, .resetAbilities, .preSleep, .unused, .submitJob, .jobCreated, .grabJob, .workStatus,
            .workComplete, .workFail, .getStatus, .echoRequest, .submitJobBackground, .statusResponse, .submitJobHigh,
            .setClientID, .canDoTimeout, .allYours, .workException, .optionRequest, .workData, .workWarning,
            .grabJobUnique, .submitJobHighBackground, .submitJobLow, .submitJobLowBackground, .submitJobSchedule,
            .submitJobEpoch, .submitReduceJob, .submitReduceJobBackground, .grabJobAll, .getStatusUnique,
            .statusResponseUnique:
            self.violation("The server sent \(packet.type) to a worker", &actions)
        }
    }

    private mutating func woken(now: GearmanInstant) {
        switch self.appetite {
        case .hungry, .sated: self.appetite = .hungry
        case .asleep: self.appetite = self.futility.woken(now: now).map { .wary(until: $0) } ?? .hungry
        case .wary: break
        }
    }

    private mutating func rested(now: GearmanInstant) {
        guard let until = self.grabsAgainAt, now >= until else { return }
        self.appetite = .hungry
    }

    private var grabsAgainAt: GearmanInstant? {
        switch self.appetite {
        case .wary(let until): until
        case .hungry, .sated, .asleep: nil
        }
    }

    /// - Returns: whether there was a grab to be answered.
    @discardableResult
    private mutating func grabAnswered(
        _ packet: GearmanPacketLayout, _ actions: inout WorkerActions, now: GearmanInstant
    ) -> Bool {
        guard self.unansweredGrabs > 0 else {
            self.violation("The server sent \(packet.type) without a grab", &actions)
            return false
        }
        self.unansweredGrabs -= 1
        self.grabsAwaitedSince = now
        return true
    }

    private mutating func take(_ packet: GearmanPacketLayout, _ actions: inout WorkerActions) {
        guard let handle = self.decoder.handle(of: packet) else {
            let sizeBytes = self.decoder.argumentBytes(0, of: packet).count
            self.violation("The server sent a handle of \(sizeBytes) bytes", &actions)
            return
        }
        self.lastNumber += 1
        let workload = self.decoder.dataBytes(of: packet)
        self.jobs.insert(Job(handle: handle, sizeBytes: workload.count), for: self.lastNumber)
        self.heldBytes += workload.count
        // Jobs of one function come in a row: they share its name.
        if !self.decoder.isArgument(1, of: packet, self.lastFunction) {
            self.lastFunction = self.decoder.argumentBytes(1, of: packet)
        }
        let unique = packet.argumentCount > 2 ? self.decoder.argumentBytes(2, of: packet) : []
        let reducer = packet.argumentCount > 3 ? self.decoder.argumentBytes(3, of: packet) : []
        actions.jobs.append(
            WorkerJob(
                number: self.lastNumber, handle: handle, function: self.lastFunction, unique: unique,
                reducer: reducer, workload: workload))
    }

    // MARK: Closing

    private mutating func violation(_ message: String, _ actions: inout WorkerActions) {
        self.close(.immediately(GearmanError(.protocolViolation, message)), &actions)
    }

    private mutating func close(_ close: ConnectionClose, _ actions: inout WorkerActions) {
        switch self.state {
        case .initial, .working, .draining:
            self.state = .closing
            actions.close = close
        case .closing, .closed: break
        }
    }

    /// The end of each event: what is to be written goes as one, and the timer is set.
    private mutating func finish(_ actions: inout WorkerActions, now: GearmanInstant) {
        switch self.state {
        case .working: self.grab(now: now)
        case .draining:
            if self.jobs.isEmpty, self.unansweredGrabs == 0 { self.close(.afterFlush, &actions) }
        case .initial, .closing, .closed: break
        }
        actions.write = self.encoder.take()
        // Grabs on their way and a rest exclude each other.
        let deadline = self.grabDeadline ?? self.grabsAgainAt
        if self.isListening { actions.wakeAt = self.liveness.schedule(noLaterThan: deadline) }
        precondition(
            self.jobs.count + self.unansweredGrabs <= self.depth, "More jobs are in hand or on their way than allowed")
    }
}

extension GearmanJobReply.Result {
    /// Nothing follows it for the job.
    fileprivate var isFinal: Bool {
        switch self {
        case .data, .warning, .status: false
        case .complete, .fail, .exception: true
        }
    }
}
