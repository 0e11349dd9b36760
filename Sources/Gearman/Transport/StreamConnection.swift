internal import DispatchExecutor
internal import Foundation

/// A TCP stream on the event loop: connects without blocking, reads what is there, and writes what one turn of the
/// event loop brought together in one system call. It watches for room to write only while bytes wait for the peer.
package actor StreamConnection: StreamChannel {
    enum State {
        /// Made, not opened. Can transition to: `resolving`, or `open` with an accepted socket, `closing`.
        case idle
        /// Waits for the addresses of the server. Can transition to: `connecting`, `closing`.
        case resolving
        /// Waits for one address to accept. Can transition to: `open`, `closing`.
        case connecting
        /// Both directions are open. Can transition to: `finishing`, `closing`.
        case open
        /// Sends what waits and then nothing more; reads until the peer ends it. Can transition to: `closing`.
        case finishing
        /// The descriptor is closed; that is reported in the next turn. Can transition to: `closed`.
        case closing
        /// Over, and reported so.
        case closed
    }

    nonisolated let executor: DispatchQueueExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// Whom to connect to, and who looks up the address. Nil for a socket that was accepted.
    private let peer: (server: GearmanServerAddress, resolver: AddressResolver)?
    private let timeout: Duration
    private let onEvent: @Sendable (StreamEvent) -> Void

    private var state = State.idle
    private var descriptor: Descriptor?
    private let watcher: DescriptorWatcher
    private var watch: DescriptorWatch?
    /// Why the stream ends, or why the last address did not accept.
    private var reason: TransportError?
    private var candidates: [SocketAddress] = []
    private enum TimerID {
        /// Ends a single attempt, so that one silent address does not use up the time of the others.
        case attempt
    }
    private var timers: EventLoopTimers<TimerID>

    private var isReadPaused = false
    /// The socket is full: what waits goes on when it has room.
    private var isWriteBlocked = false
    /// The size of the next array to read into: as much as came at once until now, and took no longer than it should.
    private var readCapacity = StreamLimits.firstReadBytes

    private var pending: [UInt8] = []
    private var pendingStart = 0
    private var isFlushScheduled = false
    /// What is written now answers what was just read.
    private var isAnswering = false
    /// Whoever writes is told when all is sent.
    private var wasFull = false

    init(
        server: GearmanServerAddress, timeout: Duration, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) {
        self.peer = (server, eventLoop.resolver)
        self.timeout = timeout
        self.executor = eventLoop.queueExecutor
        self.watcher = eventLoop.watcher
        self.onEvent = onEvent
        self.timers = EventLoopTimers(executor: eventLoop.executor)
    }

    /// A stream over a socket that a listener accepted; ``open()`` starts it.
    package init(
        accepted descriptor: consuming Descriptor, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) {
        self.peer = nil
        self.timeout = .zero
        self.executor = eventLoop.queueExecutor
        self.watcher = eventLoop.watcher
        self.onEvent = onEvent
        self.timers = EventLoopTimers(executor: eventLoop.executor)
        self.descriptor = consume descriptor
    }

    // MARK: StreamChannel

    package nonisolated func open() { self.enter { $0.start() } }
    package nonisolated func write(_ bytes: [UInt8]) { self.enter(with: bytes) { $0.enqueue($1) } }
    package nonisolated var pendingBytes: Int { self.enter { $0.pending.count - $0.pendingStart } }
    package nonisolated func pauseReading() { self.enter { $0.setReading(false) } }
    package nonisolated func resumeReading() { self.enter { $0.setReading(true) } }
    package nonisolated func finish() { self.enter { $0.startFinishing() } }
    package nonisolated func close() { self.enter { $0.end(reason: nil) } }

    // MARK: Connecting

    private func start() {
        switch self.state {
        case .idle:
            guard let (server, resolver) = self.peer else { return self.established() }
            self.state = .resolving
            self.timers.schedule(.attempt, at: self.executor.now.advanced(by: self.timeout)) {
                self.enter { $0.attemptTimedOut() }
            }
            resolver.enter { resolver in
                resolver.resolve(server) { answer in self.enter { $0.resolved(answer) } }
            }
        case .resolving, .connecting, .open, .finishing, .closing, .closed:
            preconditionFailure("A stream is opened once, not in state \(self.state)")
        }
    }

    private func resolved(_ answer: AddressResolver.Answer) {
        switch self.state {
        case .resolving:
            switch answer {
            case .success(let addresses):
                self.candidates = addresses.reversed()
                self.attemptNext()
            case .failure(let error):
                self.end(reason: error)
            }
        case .idle, .connecting, .open, .finishing, .closing, .closed:
            break  // it was closed, or timed out, meanwhile
        }
    }

    /// Tries the next address; ends the stream when there is none.
    private func attemptNext() {
        while let address = self.candidates.popLast() {
            do throws(TransportError) {
                let descriptor = try Descriptor.streamSocket(family: address.family)
                try descriptor.connect(to: address)
                let share = self.timeout / (self.candidates.count + 1)
                self.timers.schedule(.attempt, at: self.executor.now.advanced(by: share)) {
                    self.enter { $0.attemptTimedOut() }
                }
                try self.watch(descriptor.number, for: .writable)
                self.state = .connecting
                self.descriptor = consume descriptor
                return
            } catch {
                self.reason = error
            }
        }
        self.end(reason: self.reason ?? TransportError(operation: "connect", reason: "no address accepted"))
    }

    private func attemptTimedOut() {
        let error = TransportError(operation: "connect", reason: "timed out")
        switch self.state {
        case .resolving: self.end(reason: error)
        case .connecting: self.abandonAttempt(error)
        case .idle, .open, .finishing, .closing, .closed: break  // too late to matter
        }
    }

    private func abandonAttempt(_ error: TransportError) {
        self.reason = error
        self.closeDescriptor()
        self.attemptNext()
    }

    private func attemptEnded() {
        guard let error = self.descriptor?.pendingError() else { return self.established() }
        self.abandonAttempt(error)
    }

    private func established() {
        guard let number = self.descriptor?.number else { return }
        self.timers.cancelAll()
        self.candidates = []
        self.reason = nil
        self.state = .open
        self.descriptor?.configureStream()
        do throws(TransportError) {
            if self.watch == nil { try self.watch(number, for: .readable) } else { self.updateInterest() }
        } catch {
            return self.end(reason: error)
        }
        self.onEvent(.connected)
    }

    // MARK: The descriptor

    private func watch(_ number: Int32, for interest: Readiness) throws(TransportError) {
        self.watch = try self.watcher.watch(number, for: interest) { readiness in
            self.enter(with: readiness) { $0.became($1) }
        }
    }

    private func updateInterest() {
        guard let watch = self.watch else { return }
        var interest: Readiness = self.isReadPaused ? [] : .readable
        if self.isWriteBlocked { interest.insert(.writable) }
        self.watcher.setInterest(interest, of: watch)
    }

    private func became(_ readiness: Readiness) {
        if readiness.contains(.writable) { self.writable() }
        if readiness.contains(.readable) { self.readable() }
    }

    private func closeDescriptor() {
        if let watch = self.watch { self.watcher.unwatch(watch) }
        self.watch = nil
        self.descriptor = nil
    }

    // MARK: Reading

    private func readable() {
        guard self.isOpen, !self.isReadPaused else { return }
        let capacity = self.readCapacity
        var bytes = self.watcher.takeReadBuffer()
        let result = self.descriptor?.receive(&bytes, capacity: capacity) ?? .wouldBlock
        switch result {
        case .transferred(let received) where received < capacity && capacity == StreamLimits.firstReadBytes:
            self.deliver(bytes)
        case .transferred(let received):
            let start = self.executor.now
            self.deliver(bytes)
            let duration = start.duration(to: self.executor.now)
            if received < capacity / 4 || duration > StreamLimits.longTurn {
                self.readCapacity = max(capacity / 2, StreamLimits.firstReadBytes)
            } else if received == capacity, duration < StreamLimits.shortTurn {
                self.readCapacity = min(2 * capacity, StreamLimits.readBytes)
            }
        case .wouldBlock: break
        case .endOfStream: self.end(reason: nil)
        case .failed(let error): self.end(reason: error)
        }
        self.watcher.giveBack(readBuffer: bytes)
    }

    /// A server gets the answer to what it sent at once: it works on that while the turn goes on. Whoever connected to
    /// us gets it at the end of the turn, because others may have something for it too.
    private func deliver(_ bytes: [UInt8]) {
        self.isAnswering = self.peer != nil
        self.onEvent(.received(bytes))
        guard self.isAnswering else { return }
        self.isAnswering = false
        if !self.pending.isEmpty, !self.isWriteBlocked { self.send() }
    }

    private var isOpen: Bool {
        switch self.state {
        case .open, .finishing: true
        case .idle, .resolving, .connecting, .closing, .closed: false
        }
    }

    private func setReading(_ isReading: Bool) {
        guard self.isOpen, self.isReadPaused == isReading else { return }
        self.isReadPaused = !isReading
        self.updateInterest()
    }

    // MARK: Writing

    private func enqueue(_ bytes: [UInt8]) {
        switch self.state {
        case .open:
            self.forgetSent()
            if self.pending.isEmpty { self.pending = bytes } else { self.pending.append(contentsOf: bytes) }
            if self.pending.count - self.pendingStart >= StreamLimits.writeBufferHighBytes { self.wasFull = true }
            if !self.isAnswering { self.scheduleFlush() }
        case .idle, .resolving, .connecting, .finishing, .closing, .closed:
            break
        }
    }

    /// Whoever always writes something before all is sent never comes to the end of what waits. At least half of it is
    /// forgotten at a time, so that each byte is moved once on the average.
    private func forgetSent() {
        guard self.pendingStart > 0, self.pendingStart * 2 >= self.pending.count else { return }
        self.pending.removeFirst(self.pendingStart)
        self.pendingStart = 0
    }

    private func scheduleFlush() {
        guard !self.isWriteBlocked, !self.isFlushScheduled else { return }
        self.isFlushScheduled = true
        self.watcher.flushSoon(self)
    }

    /// Sends what was written since ``DescriptorWatcher/flushSoon(_:)`` was called.
    func scheduledFlush() {
        self.isFlushScheduled = false
        self.send()
    }

    private func send() {
        guard self.isOpen else { return }
        self.flush()
        if self.isWriteBlocked { self.onEvent(.blocked) }
    }

    /// Sends what the socket takes, and the rest when it has room.
    private func flush() {
        while self.pendingStart < self.pending.count {
            switch self.descriptor?.send(self.pending, from: self.pendingStart) ?? .wouldBlock {
            case .transferred(let count): self.pendingStart += count
            case .wouldBlock:
                self.wasFull = true
                return self.setWriteBlocked(true)
            case .endOfStream: return self.end(reason: nil)
            case .failed(let error): return self.end(reason: error)
            }
        }
        self.pending = []
        self.pendingStart = 0
        self.setWriteBlocked(false)
        if case .finishing = self.state { self.descriptor?.shutdownSending() }
        guard self.wasFull else { return }
        self.wasFull = false
        self.onEvent(.drained)
    }

    private func setWriteBlocked(_ isBlocked: Bool) {
        guard self.isWriteBlocked != isBlocked else { return }
        self.isWriteBlocked = isBlocked
        self.updateInterest()
    }

    private func writable() {
        switch self.state {
        case .connecting: self.attemptEnded()
        case .open, .finishing:
            guard self.isWriteBlocked else { return }
            self.onEvent(.progressed)
            // Whoever heard that may have closed the stream.
            if self.isOpen { self.flush() }
        case .idle, .resolving, .closing, .closed: break
        }
    }

    // MARK: Ending

    private func startFinishing() {
        switch self.state {
        case .open:
            self.state = .finishing
            self.setReading(true)
            self.scheduleFlush()
        case .idle, .resolving, .connecting:
            self.end(reason: nil)
        case .finishing, .closing, .closed:
            break
        }
    }

    private func end(reason: TransportError?) {
        switch self.state {
        case .closing, .closed:
            return
        case .idle, .resolving, .connecting, .open, .finishing:
            self.reason = reason
            self.timers.cancelAll()
            self.closeDescriptor()
            self.state = .closing
            // Not reported from inside the caller's own call.
            self.executor.execute { self.enter { $0.closed() } }
        }
    }

    private func closed() {
        let unsentBytes = self.pending.count - self.pendingStart
        self.pending = []
        self.pendingStart = 0
        self.state = .closed
        self.onEvent(.closed(self.reason, unsentBytes: unsentBytes))
    }
}
