internal import DispatchExecutor
internal import Foundation

/// How the system finds out that the machine of a silent peer is gone. Nil: the system's own values.
package struct KeepAliveTimes: Hashable, Sendable {
    /// After so many seconds of silence it asks …
    package var idleSeconds: Int32?
    /// … again and again after so many …
    package var intervalSeconds: Int32?
    /// … and gives up after so many questions.
    package var count: Int32?

    package init(idleSeconds: Int32? = nil, intervalSeconds: Int32? = nil, count: Int32? = nil) {
        self.idleSeconds = idleSeconds
        self.intervalSeconds = intervalSeconds
        self.count = count
    }
}

/// Accepts the connections that come to one address.
package actor SocketListener {
    private enum State {
        /// Can transition to: `paused`, `closed`.
        case accepting
        /// Connections wait in the system's queue. Can transition to: `accepting`, `closed`.
        case paused
        case closed
    }

    private nonisolated let executor: DispatchQueueExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// Where it listens; with the port that the system chose, if it was to choose one.
    package nonisolated let port: Int

    private let keepAlive: KeepAliveTimes
    private let onAccept: @Sendable (Int32, String) -> Void
    private var state = State.accepting
    private var descriptor: Descriptor?
    private let watcher: DescriptorWatcher
    private var watch: DescriptorWatch?
    private enum TimerID { case start, resume }
    private var timers: EventLoopTimers<TimerID>

    /// Connections that are accepted before others have their turn.
    private static let acceptsInTurn = 64
    /// How long nothing is accepted when the process has no descriptors left.
    private static let shortagePause: Duration = .milliseconds(100)

    /// Listens on all addresses of a host, with one listener for each. They accept nothing before ``start()``.
    ///
    /// - Parameters:
    ///   - port: 0 if the system is to choose one, the same for all addresses.
    ///   - onAccept: gets the number of a descriptor, which does not block and is its own now, and the peer's address;
    ///     on the event loop's queue.
    package static func listeners(
        host: String, port: Int, backlog: Int32, keepAlive: KeepAliveTimes, eventLoop: GearmanEventLoop,
        onAccept: @escaping @Sendable (Int32, String) -> Void
    ) async throws(TransportError) -> [SocketListener] {
        let answer = await withCheckedContinuation { continuation in
            eventLoop.executor.execute {
                eventLoop.resolver.assumeIsolated { resolver in
                    resolver.resolve(GearmanServerAddress(host: host, port: port)) {
                        continuation.resume(returning: $0)
                    }
                }
            }
        }
        var listeners: [SocketListener] = []
        var missing = TransportError(operation: "listen", reason: "no address")
        var seen: Set<SocketAddress> = []
        for address in try answer.get() where seen.insert(address).inserted {
            do throws(TransportError) {
                let chosen = listeners.first?.port ?? port
                let socket = try Descriptor.listening(on: address.with(port: chosen), backlog: backlog)
                listeners.append(
                    SocketListener(socket, port: chosen, keepAlive: keepAlive, eventLoop: eventLoop, onAccept: onAccept)
                )
            } catch {
                // A host may have addresses of a family that this machine does not have; any other failure counts.
                missing = error
                guard !error.isMissingFamily else { continue }
                for listener in listeners { await listener.close() }
                throw error
            }
        }
        guard !listeners.isEmpty else { throw missing }
        return listeners
    }

    private init(
        _ descriptor: consuming Descriptor, port: Int, keepAlive: KeepAliveTimes, eventLoop: GearmanEventLoop,
        onAccept: @escaping @Sendable (Int32, String) -> Void
    ) {
        self.executor = eventLoop.queueExecutor
        self.watcher = eventLoop.watcher
        self.port = port == 0 ? descriptor.localPort : port
        self.keepAlive = keepAlive
        self.onAccept = onAccept
        self.timers = EventLoopTimers(executor: eventLoop.executor)
        self.descriptor = consume descriptor
    }

    /// Begins to accept. Called once.
    package func start() {
        guard let number = self.descriptor?.number else { return }
        do throws(TransportError) {
            self.watch = try self.watcher.watch(number, for: .readable) { _ in self.assumeIsolated { $0.arrived() } }
        } catch {
            // The system is short of memory for it.
            self.timers.schedule(.start, at: self.executor.now.advanced(by: Self.shortagePause)) {
                self.assumeIsolated { $0.start() }
            }
        }
    }

    /// Accepts nothing until ``resume()``.
    package func pause() {
        switch self.state {
        case .accepting:
            self.state = .paused
            if let watch = self.watch { self.watcher.setInterest([], of: watch) }
        case .paused, .closed: break
        }
    }

    package func resume() {
        switch self.state {
        case .paused:
            self.state = .accepting
            if let watch = self.watch { self.watcher.setInterest(.readable, of: watch) }
        case .accepting, .closed: break
        }
    }

    /// Stops listening: the address is free at once. Called once.
    package func close() {
        switch self.state {
        case .accepting, .paused:
            self.state = .closed
            self.timers.cancelAll()
            if let watch = self.watch { self.watcher.unwatch(watch) }
            self.watch = nil
            self.descriptor = nil
        case .closed: preconditionFailure("A listener is closed once")
        }
    }

    private func arrived() {
        for _ in 0..<Self.acceptsInTurn {
            // Whoever gets a connection may have no room for the next.
            guard case .accepting = self.state else { return }
            switch self.descriptor?.acceptConnection() ?? .none {
            case .connection(let number, let host):
                self.keepAlive.set(on: number)
                self.onAccept(number, host)
            case .none: return
            case .gone: continue
            case .shortage:
                // The connection stays in the queue, and the source would call again at once, for ever.
                self.pause()
                self.timers.schedule(.resume, at: self.executor.now.advanced(by: Self.shortagePause)) {
                    self.assumeIsolated { $0.resume() }
                }
                return
            }
        }
    }
}

/// What one look into the queue of a listening socket came to.
private enum Acceptance {
    case connection(Int32, host: String)
    case none
    /// The peer did not wait.
    case gone
    /// The process has no descriptors left, or the system no memory.
    case shortage
}

extension KeepAliveTimes {
    fileprivate func set(on descriptor: Int32) {
        let level = Int32(IPPROTO_TCP)
        if let seconds = self.idleSeconds { setOption(descriptor, level, TCP_KEEPIDLE, seconds) }
        if let seconds = self.intervalSeconds { setOption(descriptor, level, TCP_KEEPINTVL, seconds) }
        if let count = self.count { setOption(descriptor, level, TCP_KEEPCNT, count) }
    }
}

private func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    // A socket without the option still works, so a refusal is not an error.
    var value = value
    _ = setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}

extension TransportError {
    fileprivate var isMissingFamily: Bool {
        [EAFNOSUPPORT, EADDRNOTAVAIL].contains { self.reason == String(cString: strerror($0)) }
    }
}

extension Descriptor {
    fileprivate static func listening(on address: SocketAddress, backlog: Int32) throws(TransportError) -> Descriptor {
        let descriptor = try Descriptor.streamSocket(family: address.family)
        // A server that is started again takes its port at once.
        setOption(descriptor.number, SOL_SOCKET, SO_REUSEADDR, 1)
        if address.family == AF_INET6 { setOption(descriptor.number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        guard address.withSockaddr({ bind(descriptor.number, $0, $1) }) == 0 else { throw .current("bind") }
        guard listen(descriptor.number, backlog) == 0 else { throw .current("listen") }
        return descriptor
    }

    fileprivate var localPort: Int {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { getsockname(self.number, $0.baseAddress, &length) }
        }
        return withUnsafeBytes(of: &address) {
            Int(in_port_t(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: in_port_t.self)))
        }
    }

    fileprivate func acceptConnection() -> Acceptance {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let number = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { addresses in
                let number = accept(self.number, addresses.baseAddress, &length)
                guard number >= 0 else { return number }
                _ = getnameinfo(
                    addresses.baseAddress, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
                return number
            }
        }
        guard number < 0 else {
            _ = fcntl(number, F_SETFL, O_NONBLOCK)
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
            return .connection(number, host: String(decoding: host.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
        }
        switch errno {
        case EAGAIN, EWOULDBLOCK: return .none
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .shortage
        default: return .gone
        }
    }
}
