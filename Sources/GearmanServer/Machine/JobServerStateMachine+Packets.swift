internal import Gearman

/// What each packet asks for.
extension JobServerStateMachine {
    mutating func receive(_ packet: GearmanPacket, from slot: Int, now: JobServerTime) {
        switch packet.magic {
        case .request: break
        case .response: return self.send(.responseMagic, to: slot)
        }
        switch packet.type {
        case .submitJob: self.submit(packet, .normal, isBackground: false, from: slot, now: now)
        case .submitJobHigh: self.submit(packet, .high, isBackground: false, from: slot, now: now)
        case .submitJobLow: self.submit(packet, .low, isBackground: false, from: slot, now: now)
        case .submitJobBackground: self.submit(packet, .normal, isBackground: true, from: slot, now: now)
        case .submitJobHighBackground: self.submit(packet, .high, isBackground: true, from: slot, now: now)
        case .submitJobLowBackground: self.submit(packet, .low, isBackground: true, from: slot, now: now)
        case .submitReduceJob:
            self.submit(packet, .normal, isBackground: false, form: .reduce, from: slot, now: now)
        case .submitReduceJobBackground:
            self.submit(packet, .normal, isBackground: true, form: .reduce, from: slot, now: now)
        case .submitJobEpoch: self.submit(packet, .normal, isBackground: true, form: .epoch, from: slot, now: now)
        case .getStatus: self.tellStatus(ofHandle: packet.argument(0), to: slot)
        case .getStatusUnique: self.tellStatus(ofUnique: packet.argument(0), to: slot)
        case .echoRequest: self.send(.echoResponse, to: slot, body: packet.body)
        case .optionRequest: self.setOption(packet.argument(0), of: slot)
        case .canDo: self.register(packet.argument(0), timeoutMilliseconds: 0, of: slot)
        case .canDoTimeout:
            self.register(packet.argument(0), timeoutMilliseconds: LeadingNumber(packet.argument(1)).value, of: slot)
        case .cantDo:
            if let function = self.functions.index(of: packet.argumentBytes(0)) { self.unregister(function, of: slot) }
        case .resetAbilities: self.unregisterAll(of: slot)
        case .setClientID:
            // gearmand keeps it, and prints it, as a text of C.
            let clientID = packet.argument(0).prefix(ProtocolLimits.clientIDSizeBytes)
            self.connections[slot].clientID = Array(clientID.prefix { $0 != 0 })
        case .preSleep: self.fellAsleep(slot)
        case .grabJob, .grabJobUnique, .grabJobAll: self.grab(packet.type, from: slot, now: now)
        case .workData, .workWarning: self.passOn(packet, else: .noJobForData, from: slot)
        case .workStatus: self.reportStatus(packet, from: slot)
        case .workComplete: self.end(packet, else: .noJobForResult, from: slot)
        case .workException: self.end(packet, else: .noJobForException, from: slot)
        case .workFail:
            guard packet.argument(0).count <= ProtocolLimits.handleSizeBytes else {
                return self.send(.handleTooLarge, to: slot)
            }
            self.end(packet, else: .noJobForResult, from: slot)
        case .submitJobSchedule, .allYours, .unused, .noop, .jobCreated, .noJob, .jobAssign, .echoResponse, .error,
            .statusResponse, .optionResponse, .jobAssignUnique, .jobAssignAll, .statusResponseUnique:
            self.send(.unexpectedCommand, to: slot)
        }
    }

    // MARK: Clients

    /// What a submission says besides function, unique and workload.
    private enum SubmissionForm {
        case plain
        case reduce
        case epoch
    }

    private mutating func submit(
        _ packet: GearmanPacket, _ priority: JobPriority, isBackground: Bool, form: SubmissionForm = .plain,
        from slot: Int, now: JobServerTime
    ) {
        var dueAt: Int64?
        if form == .epoch {
            let seconds = LeadingNumber(packet.argument(2))
            guard !seconds.isOverflow else { return self.send(.timeTooLarge, to: slot) }
            let moment = Self.nanoseconds(ofSeconds: seconds.value)
            if moment > now.wallNanoseconds { dueAt = moment }
        }
        let unique = packet.argument(1)
        guard unique.count <= ProtocolLimits.uniqueSizeBytes else { return self.send(.uniqueTooLarge, to: slot) }
        guard let function = self.function(named: packet.argument(0), for: slot) else {
            return self.send(.queueFull, to: slot)
        }
        let workload = packet.data
        guard self.hasRoom(forBytes: workload.count) else { return self.send(.queueFull, to: slot) }
        let client = isBackground ? nil : self.connections[slot].id
        var job = ServedJob(
            number: self.lastNumber + 1, function: function, priority: priority, unique: unique,
            reducer: form == .reduce ? packet.argumentBytes(2) : [], workload: workload,
            place: dueAt.map { .scheduled(atNanoseconds: $0) } ?? .queued, isBackground: isBackground)
        if let other = self.jobs.slot(joinedBy: job) {
            return self.join(other, client: client, from: slot, now: now)
        }
        let limit = self.functions[function].queueLimits[priority]
        guard limit == 0 || self.functions[function].total < limit else { return self.send(.queueFull, to: slot) }
        self.lastNumber += 1
        self.counters[.submitted] += 1
        if let client { job.clients.append(client) }
        if isBackground, self.keepsJobs {
            job.place = .unkept(dueNanoseconds: dueAt)
            return self.keep(self.jobs.insert(consume job), submittedBy: slot, now: now)
        }
        let place = self.jobs.insert(consume job)
        if let dueAt { self.schedule(place, at: dueAt) } else { self.enqueue(place) }
        self.send(.jobCreated, to: slot, aboutJob: self.lastNumber)
    }

    private mutating func join(_ job: JobSlot, client: ConnectionID?, from slot: Int, now: JobServerTime) {
        self.counters[.submitted] += 1
        if let client { self.jobs.addClient(client, to: job) }
        // A running job that was cancelled, or left by everybody, is wanted again.
        self.jobs[job].isCancelled = false
        self.answerJoined(job, to: slot, isBackground: client == nil, now: now)
    }

    private mutating func hasRoom(forBytes count: Int) -> Bool {
        let limit = self.configuration.limits.queuedBytes
        if self.jobs.sizeBytes + count > limit { self.dropUnwanted() }
        return self.jobs.sizeBytes + count <= limit
    }

    /// - Returns: nil if there are too many functions.
    mutating func function(named name: ArraySlice<UInt8>, for slot: Int) -> Int? {
        let last = self.connections[slot].lastFunction
        if self.functions.isNamed(name, at: last) { return last }
        let name = Array(name)
        guard let index = self.functions.index(of: name) ?? self.createFunction(named: name) else { return nil }
        self.connections[slot].lastFunction = index
        return index
    }

    /// - Returns: nil if there are too many functions.
    mutating func createFunction(named name: [UInt8]) -> Int? {
        if self.functions.count >= self.configuration.limits.functions { self.functions.removeUnused() }
        guard self.functions.count < self.configuration.limits.functions else { return nil }
        return self.functions.insert(name: name)
    }

    private mutating func tellStatus(ofHandle handle: ArraySlice<UInt8>, to slot: Int) {
        // gearmand prints it as a text of C.
        let shown = Array(handle.prefix { $0 != 0 })
        guard let job = self.job(handle: handle).map({ self.jobs[$0] }) else {
            return self.send(.statusResponse, to: slot, shown, [0x30], [0x30], [0x30], [0x30])
        }
        self.send(
            .statusResponse, to: slot, shown, [0x31], [job.isRunning ? 0x31 : 0x30], .decimal(job.numerator),
            .decimal(job.denominator))
    }

    private mutating func tellStatus(ofUnique unique: ArraySlice<UInt8>, to slot: Int) {
        let unique = unique.prefix { $0 != 0 }
        let shown = Array(unique)
        guard let place = self.jobs.slot(unique: unique) else {
            return self.send(.statusResponseUnique, to: slot, shown, [0x30], [0x30], [0x30], [0x30], [0x30])
        }
        let job = self.jobs[place]
        self.send(
            .statusResponseUnique, to: slot, shown, [0x31], [job.isRunning ? 0x31 : 0x30], .decimal(job.numerator),
            .decimal(job.denominator), .decimal(job.clients.count(where: self.isOpen)))
    }

    private mutating func setOption(_ option: ArraySlice<UInt8>, of slot: Int) {
        guard option.lowercaseWord == "exceptions" else { return self.send(.unknownOption, to: slot) }
        self.connections[slot].sendsExceptions = true
        self.send(.optionResponse, to: slot, Array(option))
    }

    // MARK: Workers

    private mutating func register(_ name: ArraySlice<UInt8>, timeoutMilliseconds: Int64, of slot: Int) {
        guard self.connections[slot].registrations.count < self.configuration.limits.registrations,
            let function = self.function(named: name, for: slot)
        else { return self.close(slot, isAfterFlush: true) }
        self.connections[slot].registrations.append(
            ServedConnection.Registration(
                function: function,
                timeoutMilliseconds: timeoutMilliseconds <= 0
                    ? 0 : max(timeoutMilliseconds, ProtocolLimits.shortestTimeoutMilliseconds)))
        self.functions[function].workers.append(self.connections[slot].id)
        if self.connections[slot].isWakeable { self.functions[function].sleepers += 1 }
    }

    private mutating func grab(_ type: GearmanPacketType, from slot: Int, now: JobServerTime) {
        self.setSleeping(false, slot)
        guard let place = self.take(for: slot, now: now) else { return self.send(.noJob, to: slot) }
        let hasReducer = type == .grabJobAll && !self.jobs[place].reducer.isEmpty
        self.sendAssignment(
            type == .grabJob ? .jobAssign : hasReducer ? .jobAssignAll : .jobAssignUnique, of: place, to: slot)
    }

    /// The job of this handle, if this connection has it in hand.
    private func jobInHand(_ handle: ArraySlice<UInt8>, of slot: Int) -> JobSlot? {
        guard let job = self.job(handle: handle), self.jobs[job].place == .running(on: self.connections[slot].id)
        else { return nil }
        return job
    }

    private mutating func passOn(_ packet: GearmanPacket, else error: ServerError, from slot: Int) {
        guard let job = self.jobInHand(packet.argument(0), of: slot) else { return self.send(error, to: slot) }
        let body = self.completed(packet)
        for client in self.jobs[job].clients where self.isOpen(client) {
            self.send(packet.type, to: client.slot, body: body)
        }
    }

    private mutating func reportStatus(_ packet: GearmanPacket, from slot: Int) {
        if let job = self.jobInHand(packet.argument(0), of: slot) {
            self.jobs[job].numerator = UInt32(truncatingIfNeeded: LeadingNumber(packet.argument(1)).value)
            self.jobs[job].denominator = UInt32(truncatingIfNeeded: LeadingNumber(packet.argument(2)).value)
        }
        self.passOn(packet, else: .noJobForResult, from: slot)
    }

    /// The worker has said the last word about a job.
    private mutating func end(_ packet: GearmanPacket, else error: ServerError, from slot: Int) {
        guard let job = self.jobInHand(packet.argument(0), of: slot) else { return self.send(error, to: slot) }
        self.counters[packet.type == .workComplete ? .complete : packet.type == .workFail ? .fail : .exception] += 1
        let (body, number) = (self.completed(packet), self.jobs[job].number)
        for client in self.jobs[job].clients where self.isOpen(client) {
            if packet.type == .workException, !self.connections[client.slot].sendsExceptions {
                // gearmand puts a NUL behind the handle here, and then its own library does not understand it.
                self.send(.workFail, to: client.slot, aboutJob: number)
            } else {
                self.send(packet.type, to: client.slot, body: body)
            }
        }
        self.remove(job)
    }

    /// What clients are told. Perl's library leaves out the NUL behind the handle if there is no result; a client could
    /// not read that.
    private func completed(_ packet: GearmanPacket) -> ArraySlice<UInt8> {
        packet.lacksNul ? packet.body + [0] : packet.body
    }
}

extension ServedJob {
    var isRunning: Bool {
        switch self.place {
        case .running: true
        case .unkept, .scheduled, .queued: false
        }
    }
}
