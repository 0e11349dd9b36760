internal import GearclockCore
internal import GearclockWorker
internal import Gearman

/// A job that a controller gave to a job server.
struct JobSubmission {
    let time: Int64
    let function: FunctionName
    /// The task's number in the ledger.
    let index: Int
    let attempt: UInt32?
    /// The stream on which its controller submitted it.
    let stream: Int
    /// A worker ended it.
    var isOver = false
}

/// What operators want of functions, and the audit of what controllers make of it.
extension ServiceWorld {
    func planOperations() {
        for (time, settings) in self.swarm.operations {
            for wanted in settings { self.schedule(at: time) { $0.operatorWants(wanted) } }
        }
    }

    /// An operator says what he wants until he is heard, or has changed his mind.
    func operatorWants(_ settings: FunctionSettings) {
        let number = self.wishes[settings.function, default: 0] + 1
        self.wishes[settings.function] = number
        self.say(settings, number)
    }

    private func say(_ settings: FunctionSettings, _ number: Int) {
        guard self.phase != .stopping, self.wishes[settings.function] == number else { return }
        let function = "{\"function\":\"\(settings.function)\"}"
        let (process, client) = (self.clients[0].process, self.clients[0].client)
        self.start("settings of \(settings.function)", on: process) {
            var isHeard = true
            for (question, workload) in [
                (IntakeFunction.limits, JSONWriter.limits(settings)),
                (settings.isPaused ? .pause : .resume, Array(function.utf8)),
            ] where isHeard {
                if case .failure = await client.answer(to: question, workload) { isHeard = false }
            }
            self.enter { world in
                guard !world.isOver, !isHeard else { return }
                world.schedule(after: 500_000) { $0.say(settings, number) }
            }
        }
    }

    /// The store hears of it.
    func changeFunctions(_ functions: [FunctionName], _ change: FunctionChange) -> [FunctionSettings] {
        let settings = self.store.changeFunctions(functions, change)
        self.note("change \(functions.map(\.description).story) -> \(settings)", by: .store)
        for function in functions {
            self.limits.settingsChangedAt[function] = self.time
            // Who changes a function that is held back takes it over.
            if function == self.heldBack { self.heldBack = nil }
        }
        return settings
    }

    // MARK: - The audit

    /// What a controller submits, at the moment in which it does.
    func readAlong(written bytes: [UInt8], by number: Int) {
        guard !self.swarm.operations.isEmpty, self.streams[number].machine < self.nodes.count else { return }
        self.streams[number].fromProcess.append(bytes)
        while let packet = try? self.streams[number].fromProcess.next() {
            switch packet.type {
            case .submitJob, .submitJobHigh, .submitJobLow: self.submitted(packet, on: number)
            default: break
            }
        }
    }

    private func submitted(_ packet: GearmanPacket, on number: Int) {
        let unique = packet.argumentBytes(1)
        guard let function = FunctionName(packet.argumentBytes(0)), self.submissions[unique] == nil,
            let id = TaskID(String(decoding: unique.prefix(36), as: UTF8.self)), let index = self.ledger.index(of: id),
            let settings = self.store.model.settings[function],
            let changedAt = self.limits.settingsChangedAt[function]
        else { return }
        self.submissions[unique] = JobSubmission(
            time: self.time, function: function, index: index, attempt: self.ledger[index].shadow?.attempt,
            stream: number)
        let hears = self.nodes[self.streams[number].machine].hearsSettings
        if settings.isPaused, hears.since <= changedAt, hears.isFresh(at: self.time),
            changedAt < self.time - LimitAudit.pauseMargin
        {
            let node = self.streams[number].machine
            self.ledger.fail("\(function) is paused, and process \(node) starts a job of it", breaks: .paused)
        }
        self.checkLimit(settings)
    }

    /// Where everybody knows what is wanted, and who the others are, limits are kept.
    private func checkLimit(_ settings: FunctionSettings) {
        let controllers = self.nodes.filter { $0.roles.contains(.controller) && $0.life != nil }
            .map { (beats: $0.hearsBeats, settings: $0.hearsSettings) }
        guard let since = self.limits.knownSince(settings.function, by: controllers, at: self.time), since < self.time
        else { return }
        self.limits.checks += 1
        if let limit = settings.inFlight { self.checkInFlight(settings.function, limit, since: since) }
        // What waits for a stream, or for a connection, leaves later than it was started.
        guard self.swarm.services.jams == 0, self.swarm.faults.allSatisfy({ $0 == 0 }) else { return }
        if let excess = self.limits.started(settings, controllers: controllers.count, since: since, at: self.time) {
            self.ledger.fail(excess, breaks: .limited)
        }
    }

    private func checkInFlight(_ function: FunctionName, _ limit: UInt32, since: Int64) {
        let count = self.submissions.values.count {
            $0.function == function && $0.time >= since && self.isInFlight($0)
        }
        if count > limit {
            self.ledger.fail(
                "\(count) jobs of \(function) are in flight, and \(limit) may be", breaks: .limited)
        }
    }

    /// Whether a job counts for its controller: not if it gave the job up, lost its way to it, or somebody else has a
    /// claim of its task. A task that was cancelled is nobody else's.
    private func isInFlight(_ job: JobSubmission) -> Bool {
        let entry = self.ledger[job.index]
        guard !job.isOver, !entry.hasTimeout, !entry.isCustom, let shadow = entry.shadow,
            shadow.state == .running || shadow.state == .cancelled, shadow.attempt == job.attempt
        else { return false }
        let stream = self.streams[job.stream]
        let node = self.nodes[stream.machine]
        return stream.state == .open && !stream.isCut && stream.isOpenAtServer && node.status == .up
            && node.life?.process.number == stream.process.number
    }
}

extension JSONWriter {
    fileprivate static func limits(_ settings: FunctionSettings) -> [UInt8] {
        let number = { (value: Double?) in value.map { JSONValue.number($0) } ?? .null }
        var object = JSONObject()
        object["function"] = .text(settings.function.description)
        object["in_flight"] = number(settings.inFlight.map(Double.init))
        object["per_second"] = number(settings.perThousandSeconds.map { Double($0) / 1000 })
        object["queue_watermark"] = number(settings.queueWatermark.map(Double.init))
        var writer = JSONWriter()
        writer.value(.object(object))
        return writer.bytes
    }
}
