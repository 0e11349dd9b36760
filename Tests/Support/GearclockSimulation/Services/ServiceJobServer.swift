internal import GearclockCore
internal import Gearman
internal import GearmanServer

/// A job server of an installation: the sans-IO core of `GearmanServer`.
struct ServiceJobServer {
    static let firstPort = GearmanServerAddress.defaultPort

    var isUp = true
    /// Counts its lives: what was planned for an earlier one is void.
    var incarnation = 0
    private(set) var machine = JobServerStateMachine(configuration: GearmanJobServerConfiguration())
    /// The streams of its connections, and the connections of the streams.
    private(set) var streams: [GearmanServer.ConnectionID: Int] = [:]
    private var connections: [Int: GearmanServer.ConnectionID] = [:]
    /// The jobs that daemons submitted, by their handles.
    private var jobs: Set<[UInt8]> = []

    static func addresses(count: Int) -> [GearmanServerAddress] {
        (0..<count).map { GearmanServerAddress(host: "jobs", port: Self.firstPort + $0) }
    }

    mutating func accepted(_ stream: Int) {
        let connection = self.machine.connectionOpened(descriptor: Int32(truncatingIfNeeded: stream), host: "simulated")
        self.streams[connection] = stream
        self.connections[stream] = connection
    }

    mutating func received(_ bytes: [UInt8], on stream: Int, now: JobServerTime) -> JobServerActions {
        guard let connection = self.connections[stream] else { return JobServerActions() }
        return self.machine.bytesReceived(bytes, from: connection, now: now)
    }

    mutating func lost(_ stream: Int, now: JobServerTime) -> JobServerActions {
        guard let connection = self.connections.removeValue(forKey: stream) else { return JobServerActions() }
        self.streams[connection] = nil
        return self.machine.connectionClosed(connection, now: now)
    }

    mutating func timerFired(now: JobServerTime) -> JobServerActions {
        self.machine.timerFired(now: now)
    }

    /// A daemon was told which job its submission is. Whether it joined one that was there.
    mutating func created(_ handle: [UInt8]) -> Bool { !self.jobs.insert(handle).inserted }

    /// The jobs of a function that no worker has, as an administrator reads it.
    func queued(_ function: [UInt8]) -> Int {
        var machine = self.machine
        let now = JobServerTime(monotonic: GearmanInstant(nanoseconds: 0), wallNanoseconds: 0)
        let administrator = machine.connectionOpened(descriptor: 0, host: "simulated")
        let actions = machine.bytesReceived(Array("status\n".utf8), from: administrator, now: now)
        for line in (actions.writes.first?.bytes ?? []).split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: "\t"))
            guard words.count == 4, words[0].elementsEqual(function) else { continue }
            let numbers = words.dropFirst().map { Int(String(decoding: $0, as: UTF8.self)) ?? 0 }
            return max(0, numbers[0] - numbers[1])
        }
        return 0
    }

    /// The process is gone, and with it all that it held.
    mutating func die() {
        let incarnation = self.incarnation + 1
        self = ServiceJobServer()
        self.incarnation = incarnation
        self.isUp = false
    }
}

/// What the job servers do with what they receive, and what the auditor sees of it.
extension ServiceWorld {
    private var serverNow: JobServerTime {
        JobServerTime(
            monotonic: GearmanInstant(nanoseconds: self.time * 1000),
            wallNanoseconds: self.trueNow.microseconds * 1000)
    }

    func serverAccepted(_ number: Int) {
        self.servers[self.streams[number].server].accepted(number)
    }

    func serverReceived(_ bytes: [UInt8], on number: Int) {
        let server = self.streams[number].server
        self.readAlong(bytes, from: number)
        self.perform(self.servers[server].received(bytes, on: number, now: self.serverNow), server)
    }

    func serverLost(_ number: Int) {
        let server = self.streams[number].server
        // Without a worker for its function, a controller gives a job up that is still queued.
        if self.target(of: number) != nil { self.limits.controllersChangedAt = self.time }
        self.stopJobs(of: number)
        self.perform(self.servers[server].lost(number, now: self.serverNow), server)
    }

    private func perform(_ actions: JobServerActions, _ server: Int) {
        for write in actions.writes {
            guard let number = self.servers[server].streams[write.connection] else { continue }
            let bytes = self.canary == .abandonsJobs ? Self.abandoningJobs(write.bytes) : write.bytes
            self.readAlong(bytes, to: number)
            self.send(bytes, to: number)
        }
        for close in actions.closes {
            guard let number = self.servers[server].streams[close.connection] else { continue }
            self.ledger.fail("Job server \(server) closes connection \(number), which broke no rule")
        }
        guard let moment = actions.wakeAt else { return }
        let incarnation = self.servers[server].incarnation
        self.schedule(at: moment.nanoseconds / 1000 + 1) { world in
            guard world.servers[server].incarnation == incarnation, world.servers[server].isUp else { return }
            world.perform(world.servers[server].timerFired(now: world.serverNow), server)
        }
    }

    func killServer(_ server: Int) {
        guard self.servers[server].isUp else { return }
        self.note("dies", by: .server(server))
        for number in self.streams.indices where self.streams[number].server == server { self.stopJobs(of: number) }
        self.servers[server].die()
        self.serverDied(server)
    }

    // MARK: - Reading along

    /// What a server tells a worker of the users' functions: which job it has from now on; and a daemon: which job its
    /// submission is.
    private func readAlong(_ bytes: [UInt8], to number: Int) {
        let isTarget = self.target(of: number) != nil
        guard isTarget || self.streams[number].machine < self.nodes.count else { return }
        self.streams[number].fromServer.append(bytes)
        while let packet = try? self.streams[number].fromServer.next() {
            if isTarget, packet.type == .jobAssignUnique { self.jobStarted(packet, on: number) }
            // Hand-overs have no unique, and join nothing.
            if !isTarget, packet.type == .jobCreated,
                self.servers[self.streams[number].server].created(packet.argumentBytes(0))
            {
                self.ledger.statistics.adoptions += 1
            }
        }
    }

    /// The same, except that no job of which its unique is asked has a worker or a client. To deny that there is one
    /// would do no harm here: what is submitted by its unique joins it.
    private static func abandoningJobs(_ bytes: [UInt8]) -> [UInt8] {
        var decoder = GearmanPacketDecoder()
        decoder.append(bytes)
        var encoder = GearmanPacketEncoder()
        while let packet = try? decoder.next() {
            guard packet.type == .statusResponseUnique else {
                encoder.append(packet)
                continue
            }
            let nothing = [[UInt8]](repeating: [UInt8(ascii: "0")], count: 4)
            let arguments = [packet.argumentBytes(0), packet.argumentBytes(1)] + nothing
            encoder.append((try? GearmanPacket(packet.magic, packet.type, arguments: arguments)) ?? packet)
        }
        return encoder.bytes
    }

    private func jobStarted(_ packet: GearmanPacket, on number: Int) {
        let unique = packet.argumentBytes(2)
        let id = String(decoding: unique.prefix(36), as: UTF8.self)
        guard let index = TaskID(id).flatMap(self.ledger.index(of:)) else {
            return self.ledger.fail("A job of a task that nobody submitted is run: \(id)", breaks: .fenced)
        }
        let (server, handle) = (self.streams[number].server, packet.argumentBytes(0))
        self.note("\(self.ledger.name(index)) goes to connection \(number)", by: .server(server))
        if !self.ledger[index].isRevived, let due = self.ledger[index].dueOfAttempt.min(),
            due > self.trueNow.advanced(by: .microseconds(self.swarm.clockLimit))
        {
            self.ledger.fail("\(self.ledger.name(index)) runs early", breaks: .neverEarly)
        }
        self.streams[number].jobs[handle] = (index, unique)
        self.ledger.started(index, server: server, handle: self.number(of: handle, server), isStrict: self.isStrict)
    }

    /// What a worker of the users' functions tells a server: how a job ended.
    private func readAlong(_ bytes: [UInt8], from number: Int) {
        guard self.target(of: number) != nil else { return }
        self.streams[number].fromProcess.append(bytes)
        while let packet = try? self.streams[number].fromProcess.next() {
            if packet.type == .workComplete { self.jobStopped(packet, isMiss: false, on: number) }
            if packet.type == .workFail || packet.type == .workException {
                self.jobStopped(packet, isMiss: true, on: number)
            }
        }
    }

    private func jobStopped(_ packet: GearmanPacket, isMiss: Bool, on number: Int) {
        let handle = packet.argumentBytes(0)
        guard let (index, unique) = self.streams[number].jobs.removeValue(forKey: handle) else { return }
        self.submissions[unique]?.isOver = true
        let server = self.streams[number].server
        self.ledger.stopped(index, server: server, handle: self.number(of: handle, server))
        if isMiss { self.ledger[index].misses += 1 }
    }

    /// A server lost a connection, or itself: for it, the jobs of that connection no longer run.
    private func stopJobs(of number: Int) {
        let server = self.streams[number].server
        for (handle, job) in self.streams[number].jobs {
            self.ledger.stopped(job.index, server: server, handle: self.number(of: handle, server))
        }
        self.streams[number].jobs = [:]
    }

    /// A handle ends with a number, which begins anew with each life of the server.
    private func number(of handle: [UInt8], _ server: Int) -> Handle {
        let digits = handle.reversed().prefix { $0 != UInt8(ascii: ":") }.reversed()
        let number = digits.reduce(0 as UInt64) { $0 &* 10 &+ UInt64($1 &- 48) }
        return UInt64(self.servers[server].incarnation) << 32 | number
    }

    /// Whether two jobs of one task may never run at once: with several servers, a controller that cannot reach the one
    /// where the job runs can do no better than to try another.
    private var isStrict: Bool { self.swarm.servers == 1 || !self.swarm.separatesServers }
}
