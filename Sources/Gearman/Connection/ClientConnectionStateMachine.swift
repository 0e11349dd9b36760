/// One connection of a client to one job server, from the moment it is open until it is closed. It performs nothing.
///
/// JOB_CREATED, ERROR, STATUS_RES, ECHO_RES and OPTION_RES carry no reference: each answers the oldest request that
/// waits. WORK_* packets name a handle. The runner that performs the actions is `GearmanClient`.
package struct ClientConnectionStateMachine: Equatable, Sendable {
    private enum State: Equatable {
        /// The socket is not connected yet.
        /// Can transition to:
        ///   - `greeting` when it is,
        ///   - `closed` when it never will be.
        case initial
        /// The first request is sent; that it was answered shows that a server is there and alive.
        /// Can transition to:
        ///   - `ready` by that answer,
        ///   - `draining`, `closing`, `closed` as from `ready`.
        case greeting
        /// Can transition to:
        ///   - `draining` when a drain is asked for,
        ///   - `closing` when the server is silent or makes no sense,
        ///   - `closed` when the connection is closed.
        case ready
        /// Nothing new is taken.
        /// Can transition to:
        ///   - `closing` when all that was under way has ended, or as from `ready`,
        ///   - `closed` when the connection is closed.
        case draining
        /// The caller was told to close. What comes in is ignored.
        /// Can transition to:
        ///   - `closed` when the connection is closed.
        case closing
        /// Everything is settled.
        case closed
    }

    private let server: GearmanServerAddress
    private let limits: GearmanLimits
    private let timeouts: ConnectionTimeouts
    private let wantsExceptions: Bool
    private var state = State.initial
    /// Why the caller was told to close at once.
    private var closeReason: GearmanError?
    private var decoder: GearmanPacketDecoder
    private var encoder: GearmanPacketEncoder
    private var liveness: ConnectionLiveness
    private var pending = FirstInFirstOutQueue<PendingRequest>()
    private var jobs = ClientJobs()
    /// The names that the questions under way asked for, or the payloads of echoes, by the questions' numbers.
    private var questions: [UInt64: [UInt8]] = [:]
    /// When the last answer came. The next one is due from then on: a server that works off a long queue is not late.
    private var answeredAt = GearmanInstant(nanoseconds: .min)
    /// When the last request was sent that this event brought the answer to.
    private var answeredRequestSentAt: GearmanInstant?
    /// How many events the last bytes brought: the next ones may bring as many.
    private var expectedUpdates = 0
    /// How many bytes the caller was told to write.
    private var writtenBytes: UInt64 = 0

    package init(configuration: ClientConnectionConfiguration) {
        self.server = configuration.server
        self.limits = configuration.limits
        self.timeouts = configuration.timeouts
        self.wantsExceptions = configuration.wantsExceptions
        self.decoder = GearmanPacketDecoder(limits: configuration.limits)
        self.encoder = GearmanPacketEncoder(limits: configuration.limits)
        self.liveness = ConnectionLiveness(timeouts: configuration.timeouts, now: GearmanInstant(nanoseconds: 0))
    }

    // MARK: Events

    /// The socket is connected.
    package mutating func connected(now: GearmanInstant) -> ClientActions {
        switch self.state {
        case .initial:
            self.state = .greeting
            self.liveness = ConnectionLiveness(timeouts: self.timeouts, now: now)
            var actions = ClientActions()
            self.sendGreeting(now: now)
            self.finish(&actions)
            return actions
        case .greeting, .ready, .draining, .closing, .closed:
            preconditionFailure("Invalid state: \(self.state)")
        }
    }

    /// Bytes came from the server.
    package mutating func bytesReceived(_ bytes: [UInt8], now: GearmanInstant) -> ClientActions {
        self.decoder.append(bytes)
        var actions = ClientActions()
        actions.updates.reserveCapacity(self.expectedUpdates)
        self.liveness.heard(now: now)
        do {
            while self.isListening, let packet = try self.decoder.nextLayout() {
                self.receive(packet, &actions, now: now)
            }
        } catch {
            self.close(.immediately(GearmanError(.protocolViolation, "Not a packet: \(error)")), &actions)
        }
        self.expectedUpdates = min(actions.updates.count, 1_024)
        self.finish(&actions)
        return actions
    }

    /// Packets came from the server. For a caller that carries packets instead of bytes.
    package mutating func packetsReceived(_ packets: [GearmanPacket], now: GearmanInstant) -> ClientActions {
        var actions = ClientActions()
        self.liveness.heard(now: now)
        for packet in packets where self.isListening {
            self.decoder.hold(packet)
            self.receive(packet.layout, &actions, now: now)
        }
        self.finish(&actions)
        return actions
    }

    /// Jobs are to be sent. No number of a job that has not had its final event may be used again.
    /// - Parameter room: how many bytes may be written; the last job may go beyond it.
    package mutating func jobsSubmitted(
        _ jobs: [GearmanPipelinedJob], room: Int = .max, now: GearmanInstant
    ) -> ClientActions {
        var actions = ClientActions()
        // By their places: a job that is passed on is a copy, which counts references to all that it holds.
        for place in jobs.indices {
            do throws(GearmanError) {
                try self.checkRoom(room)
                try self.encoder.append(jobs, at: place, limits: self.limits)
                self.jobs.submitted(jobs[place].id)
                self.expect(.submission(id: jobs[place].id, isBackground: jobs[place].isBackground), now: now)
            } catch {
                actions.updates.append(GearmanJobUpdate(id: jobs[place].id, event: .refused(error)))
            }
        }
        self.finish(&actions)
        return actions
    }

    /// Nobody wants to hear of these jobs any more; their numbers are free when the server is done with them.
    package mutating func jobsAbandoned(_ ids: [UInt64]) -> ClientActions {
        for id in ids { self.jobs.abandoned(id) }
        var actions = ClientActions()
        self.finish(&actions)
        return actions
    }

    /// Questions are to be sent.
    /// - Parameter room: as for ``jobsSubmitted(_:room:now:)``.
    package mutating func questionsAsked(
        _ questions: [ClientQuestion], room: Int = .max, now: GearmanInstant
    ) -> ClientActions {
        var actions = ClientActions()
        for question in questions {
            do throws(GearmanError) {
                try self.checkRoom(room)
                try self.ask(question, now: now)
            } catch {
                actions.answers.append(ClientAnswer(id: question.id, result: .failed(error)))
            }
        }
        self.finish(&actions)
        return actions
    }

    /// The socket accepted a part of the bytes that had to wait (not to be called for a write that went through whole).
    package mutating func writeProgressed(now: GearmanInstant) {
        self.liveness.writeProgressed(now: now)
    }

    /// Reading goes on after a pause of our own: the wait of that time was not the server's.
    package mutating func readingResumed(now: GearmanInstant) {
        self.liveness.writeProgressed(now: now)
    }

    /// The time asked for by ``ClientActions/wakeAt`` has come. A late timer does no harm.
    package mutating func timerFired(now: GearmanInstant) -> ClientActions {
        var actions = ClientActions()
        switch self.state {
        case .greeting, .ready, .draining:
            switch self.liveness.timerFired(now: now) {
            case .alive: break
            case .probe: self.sendHeartbeat(now: now)
            case .silent:
                self.close(.immediately(GearmanError(.timedOut, "The server is silent")), &actions)
            }
            if let answerDeadline, now >= answerDeadline {
                self.close(
                    .immediately(GearmanError(.timedOut, "The server did not answer a request in time")), &actions)
            }
        case .initial, .closing, .closed: break
        }
        self.finish(&actions)
        return actions
    }

    /// Nothing new is to be taken; close when all that is under way has ended.
    package mutating func drainRequested(now: GearmanInstant) -> ClientActions {
        var actions = ClientActions()
        switch self.state {
        case .greeting, .ready: self.state = .draining
        case .initial: self.close(.afterFlush, &actions)
        case .draining, .closing, .closed: break
        }
        self.finish(&actions)
        return actions
    }

    /// The connection is closed, by whomever, for whatever reason. Settles everything that was under way.
    /// - Parameters:
    ///   - unsentBytes: how many bytes of ``ClientActions/write`` the socket never took. A job that does not lie wholly
    ///     before them was certainly not submitted.
    ///   - error: why, if the caller knows.
    package mutating func connectionClosed(unsentBytes: Int, error: GearmanError? = nil) -> ClientActions {
        var reason = error ?? GearmanError(.connectionLost, "The server closed the connection")
        switch self.state {
        case .initial, .greeting, .ready, .draining: break
        case .closing: reason = self.closeReason ?? reason
        case .closed: return ClientActions()
        }
        self.state = .closed
        let unsent = UInt64(clamping: unsentBytes)
        let sentBytes = self.writtenBytes > unsent ? self.writtenBytes - unsent : 0
        var actions = ClientActions()
        self.settlePending(sentBytes: sentBytes, reason, &actions)
        actions.updates += self.jobs.lost(reason)
        self.checkInvariants()
        return actions
    }

    // MARK: Sending

    private mutating func sendGreeting(now: GearmanInstant) {
        guard self.wantsExceptions else {
            self.sendHeartbeat(now: now)
            return
        }
        self.encode(.optionRequest, Array("exceptions".utf8))
        self.expect(.option, now: now)
    }

    private mutating func sendHeartbeat(now: GearmanInstant) {
        self.encode(.echoRequest)
        self.expect(.heartbeat, now: now)
    }

    /// - Throws: why there will be no answer.
    private mutating func ask(_ question: ClientQuestion, now: GearmanInstant) throws(GearmanError) {
        guard let (type, name, kind) = question.request(handleOfJob: { self.jobs.handle(of: $0) }) else {
            throw GearmanError(.invalidRequest, "The job has no handle here")
        }
        let sizeLimit = type == .getStatusUnique ? self.limits.uniqueSizeBytes : .max
        guard type == .echoRequest || name.count <= sizeLimit && !name.contains(0) else {
            throw GearmanError(.invalidRequest, "No server would answer for a name of \(name.count) bytes like this")
        }
        do {
            if type == .echoRequest {
                try self.encoder.append(.request, type, data: name)
            } else {
                try self.encoder.append(.request, type, name)
            }
        } catch {
            throw GearmanError(.invalidRequest, "\(error)")
        }
        self.questions[question.id] = name
        self.expect(kind, now: now)
    }

    /// - Throws: why nothing new is taken.
    @inline(__always)
    private func checkRoom(_ room: Int) throws(GearmanError) {
        switch self.state {
        case .initial: throw GearmanError(.notConnected, "The connection is not open yet")
        case .greeting, .ready:
            guard self.pending.count < self.limits.pendingRequests else {
                throw GearmanError(.tooManyRequests, "\(self.pending.count) requests wait for their answers")
            }
            guard self.encoder.bytes.count < room else {
                throw GearmanError(.tooManyRequests, "Too much waits to be sent to the job server")
            }
        case .draining: throw GearmanError(.closed, "The connection is being drained")
        case .closing, .closed: throw GearmanError(.notConnected, "The connection is closed")
        }
    }

    /// Encodes a packet of our own making, that fits every limit.
    private mutating func encode(_ type: GearmanPacketType, _ argument: [UInt8]? = nil) {
        do {
            try self.encoder.append(.request, type, argument)
        } catch {
            preconditionFailure("Our own packet does not fit: \(error)")
        }
    }

    private mutating func expect(_ kind: PendingRequest.Kind, now: GearmanInstant) {
        let endOffset = self.writtenBytes + UInt64(self.encoder.bytes.count)
        self.pending.append(PendingRequest(kind: kind, sentAt: now, endOffset: endOffset))
    }

    // MARK: Receiving

    /// Whether the server is slow: the next answer is late.
    package func isLate(now: GearmanInstant) -> Bool {
        guard let first = self.pending.first else { return false }
        return self.liveness.isLate(dueSince: max(first.sentAt, self.answeredAt), now: now)
    }

    private var answerDeadline: GearmanInstant? {
        @inline(__always) get {
            guard let first = self.pending.first else { return nil }
            return self.liveness.requestDeadline(sentAt: max(first.sentAt, self.answeredAt))
        }
    }

    private var isListening: Bool {
        switch self.state {
        case .greeting, .ready, .draining: true
        case .initial, .closing, .closed: false
        }
    }

    /// Its parts lie with the decoder, as in all that follows.
    private mutating func receive(
        _ packet: GearmanPacketLayout, _ actions: inout ClientActions, now: GearmanInstant
    ) {
        guard packet.magic == .response else {
            self.violation("The server sent a request", &actions)
            return
        }
        switch packet.type {
        case .workData: self.jobPacket(packet, &actions) { .data($0.dataBytes(of: packet)) }
        case .workWarning: self.jobPacket(packet, &actions) { .warning($0.dataBytes(of: packet)) }
        case .workStatus: self.jobPacket(packet, &actions) { $0.packet(packet).workStatus }
        case .workComplete: self.jobPacket(packet, isLast: true, &actions) { .complete($0.dataBytes(of: packet)) }
        case .workException: self.jobPacket(packet, isLast: true, &actions) { .exception($0.dataBytes(of: packet)) }
        case .workFail: self.jobPacket(packet, isLast: true, &actions) { _ in .fail }
        case .jobCreated, .statusResponse, .statusResponseUnique, .echoResponse, .optionResponse, .error:
            self.answer(packet, &actions, now: now)
        case .canDo, .cantDo, .resetAbilities, .preSleep, .unused, .noop, .submitJob, .grabJob, .noJob, .jobAssign,
            .getStatus, .echoRequest, .submitJobBackground, .submitJobHigh, .setClientID, .canDoTimeout, .allYours,
            .optionRequest, .grabJobUnique, .jobAssignUnique, .submitJobHighBackground, .submitJobLow,
            .submitJobLowBackground, .submitJobSchedule, .submitJobEpoch, .submitReduceJob,
            .submitReduceJobBackground, .grabJobAll, .jobAssignAll, .getStatusUnique:
            self.violation("The server sent \(packet.type) to a client", &actions)
        }
    }

    /// A packet about a job. One about a job that has ended, or was never ours, means nothing.
    @inline(__always)
    private mutating func jobPacket(
        _ packet: GearmanPacketLayout, isLast: Bool = false, _ actions: inout ClientActions,
        _ event: (GearmanPacketDecoder) -> GearmanJobEvent
    ) {
        guard let handle = self.decoder.handle(of: packet), let id = self.jobs.heard(of: handle, isLast: isLast)
        else { return }
        actions.updates.append(GearmanJobUpdate(id: id, event: event(self.decoder)))
    }

    private mutating func update(
        _ id: UInt64, _ event: GearmanJobEvent, isLast: Bool, _ actions: inout ClientActions
    ) {
        guard self.jobs.heard(of: id, isLast: isLast) else { return }
        actions.updates.append(GearmanJobUpdate(id: id, event: event))
    }

    /// A packet that answers the oldest request.
    private mutating func answer(
        _ packet: GearmanPacketLayout, _ actions: inout ClientActions, now: GearmanInstant
    ) {
        guard let request = self.pending.first else {
            self.violation("The server sent \(packet.type) without a request", &actions)
            return
        }
        guard self.match(packet, request.kind, &actions) else {
            self.violation("The server sent \(packet.type) as an answer to another request", &actions)
            return
        }
        self.pending.popFirst()
        self.answeredAt = now
        self.answeredRequestSentAt = request.sentAt
        switch self.state {
        case .greeting:
            self.state = .ready
            actions.becameReady = true
        case .initial, .ready, .draining, .closing, .closed: break
        }
    }

    /// Acts on the answer if it is one to a request of this kind.
    private mutating func match(
        _ packet: GearmanPacketLayout, _ kind: PendingRequest.Kind, _ actions: inout ClientActions
    ) -> Bool {
        if case .submission(let id, let isBackground) = kind, packet.type == .jobCreated {
            guard let handle = self.decoder.handle(of: packet) else {
                // The first reason for closing is the one that counts.
                let sizeBytes = self.decoder.argumentBytes(0, of: packet).count
                self.violation("The server sent a handle of \(sizeBytes) bytes", &actions)
                return false
            }
            self.created(id, handle: handle, isBackground: isBackground, &actions)
            return true
        }
        return self.match(self.decoder.packet(packet), kind, &actions)
    }

    /// The same for what does not come for each job.
    private mutating func match(
        _ packet: GearmanPacket, _ kind: PendingRequest.Kind, _ actions: inout ClientActions
    ) -> Bool {
        let isError = packet.type == .error
        switch kind {
        case .option: return packet.type == .optionResponse || isError
        case .heartbeat: return packet.type == .echoResponse && packet.data.isEmpty || isError
        case .submission(let id, _):
            guard isError else { return false }
            self.update(id, .refused(packet.serverError), isLast: true, &actions)
        case .status(let id):
            let isAnswer = packet.type == .statusResponse && packet.handle?.bytes == self.questions[id]
            guard isAnswer || isError else { return false }
            self.answerQuestion(id, isError ? .failed(packet.serverError) : .status(packet.jobStatus), &actions)
        case .statusUnique(let id):
            guard packet.type == .statusResponseUnique || isError else { return false }
            self.answerQuestion(id, isError ? .failed(packet.serverError) : .status(packet.jobStatus), &actions)
        case .echo(let id):
            let payload = self.questions[id] ?? []
            let isAnswer = packet.type == .echoResponse && packet.data == payload[...]
            guard isAnswer || isError else { return false }
            self.answerQuestion(id, isError ? .failed(packet.serverError) : .echo(payload), &actions)
        }
        return true
    }

    private mutating func created(
        _ id: UInt64, handle: HandleBytes, isBackground: Bool, _ actions: inout ClientActions
    ) {
        if !isBackground { self.jobs.created(id, handle: handle) }
        guard self.jobs.heard(of: id, isLast: isBackground) else { return }
        let event = GearmanJobEvent.created(GearmanJobHandle(handle, server: self.server))
        actions.updates.append(GearmanJobUpdate(id: id, event: event))
    }

    private mutating func answerQuestion(_ id: UInt64, _ result: ClientAnswer.Result, _ actions: inout ClientActions) {
        self.questions[id] = nil
        actions.answers.append(ClientAnswer(id: id, result: result))
    }

    // MARK: Closing

    private mutating func violation(_ message: String, _ actions: inout ClientActions) {
        self.close(.immediately(GearmanError(.protocolViolation, message)), &actions)
    }

    private mutating func close(_ close: ConnectionClose, _ actions: inout ClientActions) {
        switch self.state {
        case .initial, .greeting, .ready, .draining:
            self.state = .closing
            if case .immediately(let error) = close { self.closeReason = error }
            actions.close = close
        case .closing, .closed: break
        }
    }

    /// Requests without an answer, in their order: what the socket never took was not submitted.
    private mutating func settlePending(
        sentBytes: UInt64, _ reason: GearmanError, _ actions: inout ClientActions
    ) {
        while let request = self.pending.popFirst() {
            switch request.kind {
            case .option, .heartbeat: break
            case .submission(let id, _):
                let isSent = request.endOffset <= sentBytes
                let refusal = GearmanError(
                    .notConnected, "The connection ended before the job was sent", underlying: reason)
                self.update(id, isSent ? .lost(reason) : .refused(refusal), isLast: true, &actions)
            case .status(let id), .statusUnique(let id), .echo(let id):
                self.answerQuestion(id, .failed(reason), &actions)
            }
        }
    }

    /// The end of each event: what is to be written goes as one, and the timer is set.
    private mutating func finish(_ actions: inout ClientActions) {
        switch self.state {
        case .draining:
            if self.jobs.isQuiet, self.questions.isEmpty { self.close(.afterFlush, &actions) }
        case .initial, .greeting, .ready, .closing, .closed: break
        }
        if let sentAt = self.answeredRequestSentAt {
            actions.responseTime = sentAt.duration(to: self.answeredAt)
            self.answeredRequestSentAt = nil
        }
        actions.write = self.encoder.take()
        self.writtenBytes += UInt64(actions.write.count)
        if self.isListening {
            actions.wakeAt = self.liveness.schedule(noLaterThan: self.answerDeadline)
        }
        self.checkInvariants()
    }

    private func checkInvariants() {
        self.jobs.checkInvariants()
        precondition(self.questions.count <= self.pending.count, "Questions are miscounted")
    }
}
