import Foundation
import Gearman
import Logging
import Testing

/// Listens on a port of its own on loopback and hands each connection to the test, which plays the job server: it waits
/// for packets, and answers as it likes, or not at all.
actor InProcessGearmanServer {
    nonisolated let eventLoop = GearmanEventLoop(label: "test.server")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }
    nonisolated let address: GearmanServerAddress

    private var listener: Descriptor?
    private var watch: DescriptorWatch?
    private var arrivals: [ServerSideConnection] = []
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// Answers what a client asks first by itself, at once, however busy the test's own tasks are: for tests of short
    /// timeouts.
    private let greetsClients: Bool

    init(greetsClients: Bool = false) async throws {
        self.greetsClients = greetsClients
        let listener = try Self.makeListener(port: 0)
        self.address = GearmanServerAddress(host: "127.0.0.1", port: try Self.port(of: listener))
        self.listen(listener)
    }

    /// The next connection that a client opens.
    func accept() async throws -> ServerSideConnection {
        while self.arrivals.isEmpty { try await self.somethingArrives() }
        return self.arrivals.removeFirst()
    }

    private func somethingArrives() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { self.waiters.append($0) }
        } onCancel: {
            self.eventLoop.executor.execute { self.assumeIsolated { $0.wakeAll() } }
        }
        try Task.checkCancellation()
    }

    private func wakeAll() {
        let waiters = self.waiters
        self.waiters = []
        for waiter in waiters { waiter.resume() }
    }

    /// Refuses connections from now on.
    func stopListening() {
        if let watch = self.watch { self.eventLoop.watcher.unwatch(watch) }
        self.watch = nil
        self.listener = nil
    }

    /// Accepts connections again, on the same port.
    func listenAgain() throws {
        self.listen(try Self.makeListener(port: self.address.port))
    }

    private func listen(_ number: Int32) {
        self.listener = Descriptor(owning: number)
        self.watch = try? self.eventLoop.watcher.watch(number, for: .readable) { _ in
            self.assumeIsolated { $0.arrived(on: number) }
        }
    }

    private func arrived(on listener: Int32) {
        let number = Foundation.accept(listener, nil, nil)
        guard number >= 0 else { return }
        _ = fcntl(number, F_SETFL, O_NONBLOCK)
        let connection = ServerSideConnection(eventLoop: self.eventLoop, greetsClient: self.greetsClients)
        connection.assumeIsolated { $0.open(number) }
        self.arrivals.append(connection)
        self.wakeAll()
    }

    private static func makeListener(port: Int) throws -> Int32 {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0, "bind: \(String(cString: strerror(errno)))")
        try #require(Foundation.listen(number, 64) == 0)
        return number
    }

    private static func port(of listener: Int32) throws -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        try #require(result == 0)
        return Int(in_port_t(bigEndian: address.sin_port))
    }
}

/// The server's end of a connection, in the hands of a test.
actor ServerSideConnection {
    private nonisolated let eventLoop: GearmanEventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.eventLoop.executor.asUnownedSerialExecutor() }

    private var channel: StreamConnection?
    private var number: Int32 = -1
    private var decoder = GearmanPacketDecoder()
    /// What came and was not looked at: packets or lines, as the test will ask.
    private var inbox: [UInt8] = []
    private var isClosed = false
    /// A worker takes it ill if there are more answers than grabs.
    private var unansweredGrabs = 0
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// The greeting is still to be answered, without the test.
    private var owesGreeting: Bool

    init(eventLoop: GearmanEventLoop, greetsClient: Bool) {
        self.owesGreeting = greetsClient
        self.eventLoop = eventLoop
    }

    func open(_ number: Int32) {
        self.number = number
        let channel = StreamConnection(accepted: Descriptor(owning: number), eventLoop: self.eventLoop) { event in
            self.assumeIsolated { $0.happened(event) }
        }
        self.channel = channel
        channel.open()
    }

    private func happened(_ event: StreamEvent) {
        switch event {
        case .received(let bytes):
            self.inbox += bytes
            self.greetIfOwed()
        case .closed: self.isClosed = true
        case .connected, .blocked, .progressed, .drained: return
        }
        self.wakeAll()
    }

    private func greetIfOwed() {
        var encoder = GearmanPacketEncoder()
        guard self.owesGreeting, (try? encoder.append(.request, .optionRequest, bytes("exceptions"))) != nil,
            self.inbox.starts(with: encoder.take()),
            (try? encoder.append(.response, .optionResponse, bytes("exceptions"))) != nil
        else { return }
        self.owesGreeting = false
        let answer = encoder.take()
        self.inbox.removeFirst(answer.count)
        self.sendRaw(answer)
    }

    private func wakeAll() {
        let waiters = self.waiters
        self.waiters = []
        for waiter in waiters { waiter.resume() }
    }

    private func somethingHappens() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { self.waiters.append($0) }
        } onCancel: {
            self.eventLoop.executor.execute { self.assumeIsolated { $0.wakeAll() } }
        }
        try Task.checkCancellation()
    }

    /// The next packet; nil if the peer closes the connection instead.
    func next() async throws -> GearmanPacket? {
        while true {
            self.decoder.append(self.inbox)
            self.inbox = []
            if let packet = try self.decoder.next() {
                if packet.type == .grabJobUnique { self.unansweredGrabs += 1 }
                return packet
            }
            if self.isClosed { return nil }
            try await self.somethingHappens()
        }
    }

    /// The next packet, which must be of this type.
    @discardableResult
    func expect(
        _ type: GearmanPacketType, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> GearmanPacket {
        let packet = try await self.next()
        try #require(packet?.type == type, sourceLocation: sourceLocation)
        return try #require(packet, sourceLocation: sourceLocation)
    }

    /// The next line, without its end; nil if the peer closes the connection instead.
    func nextLine() async throws -> String? {
        while true {
            if let end = self.inbox.firstIndex(of: 0x0a) {
                let line = String(decoding: self.inbox[..<end], as: UTF8.self)
                self.inbox.removeSubrange(...end)
                return line
            }
            if self.isClosed { return nil }
            try await self.somethingHappens()
        }
    }

    /// Returns when the connection is closed, whatever comes before.
    func closed() async throws {
        while !self.isClosed { try await self.somethingHappens() }
    }

    func send(_ type: GearmanPacketType, _ arguments: [UInt8]..., data: [UInt8] = []) throws {
        self.send([try GearmanPacket(.response, type, arguments: arguments, data: data)])
    }

    func send(_ packets: [GearmanPacket]) {
        var encoder = GearmanPacketEncoder()
        for packet in packets {
            encoder.append(packet)
            if [.noJob, .jobAssignUnique].contains(packet.type) { self.unansweredGrabs -= 1 }
        }
        self.sendRaw(encoder.take())
    }

    /// Has no job for any grab that has come.
    func refuseGrabs() throws {
        while self.unansweredGrabs > 0 { try self.send(.noJob) }
    }

    /// Has no jobs until the worker closes the connection.
    ///
    /// - Returns: everything else that came.
    @discardableResult
    func refuseGrabsUntilClosed() async throws -> [GearmanPacket] {
        var others: [GearmanPacket] = []
        try self.refuseGrabs()
        while let packet = try await self.next() {
            if packet.type != .grabJobUnique { others.append(packet) }
            try self.refuseGrabs()
        }
        return others
    }

    func sendRaw(_ bytes: [UInt8]) {
        self.channel?.write(bytes)
    }

    /// Sends what waits and no more; the peer may still send.
    func halfClose() {
        self.channel?.finish()
    }

    func close() {
        self.channel?.close()
    }

    /// Ends the connection by a reset.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(self.number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        self.channel?.close()
    }

    func stopReading() {
        self.channel?.pauseReading()
    }

    func readAgain() {
        self.channel?.resumeReading()
    }

    /// Answers what a client asks first.
    func greetClient() async throws {
        let packet = try await self.expect(.optionRequest)
        try self.send(.optionResponse, packet.argumentBytes(0))
    }
}
