internal import Dispatch
internal import DispatchExecutor
internal import Foundation

/// A TCP stream on the event loop: connects without blocking, reads by a read source, writes at once and, when the
/// socket is full, by a write source that runs only while bytes wait.
///
/// Three rules keep libdispatch sound. A suspended source is resumed before it is cancelled. The descriptor is closed
/// only in the last cancel handler. And no two sources share a descriptor: when a socket is hung up (reset, or ended on
/// both sides), libdispatch takes its number out of epoll, and a source that is registered for the same number just
/// then hears nothing any more. So the write source has a duplicate of its own.
package actor StreamConnection: StreamChannel {
    enum State {
        /// Made, not opened. Can transition to: `resolving`, or `open` with an accepted socket, `closing`.
        case idle
        /// Waits for the addresses of the server. Can transition to: `connecting`, `closing`.
        case resolving
        /// Waits for one address to accept. Can transition to: `open`, `abandoning`, `closing`.
        case connecting
        /// One address did not accept; waits for its sources to end. Can transition to: `connecting`, `closing`.
        case abandoning
        /// Both directions are open. Can transition to: `finishing`, `closing`.
        case open
        /// Sends what waits and then nothing more; reads until the peer ends it. Can transition to: `closing`.
        case finishing
        /// The sources are cancelled; waits for their last handlers. Can transition to: `closed`.
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
    /// The same socket, for the write source.
    private var writeDescriptor: Descriptor?
    /// Why the stream ends, or why the last address did not accept.
    private var reason: TransportError?
    private var candidates: [SocketAddress] = []
    private enum TimerID {
        /// Ends a single attempt, so that one silent address does not use up the time of the others.
        case attempt
        /// Looks for the end of a stream that is finishing.
        case finish
    }
    private var timers: EventLoopTimers<TimerID>

    private var readSource: (any DispatchSourceRead)?
    private var writeSource: (any DispatchSourceWrite)?
    private var isReadSuspended = false
    private var isWriteSuspended = false
    /// The sources whose cancel handlers have not run.
    private var liveSources = 0

    private var pending: [UInt8] = []
    private var pendingStart = 0
    private var isFlushScheduled = false
    private var wasFull = false

    init(
        server: GearmanServerAddress, timeout: Duration, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) {
        self.peer = (server, eventLoop.resolver)
        self.timeout = timeout
        self.executor = eventLoop.queueExecutor
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
        self.onEvent = onEvent
        self.timers = EventLoopTimers(executor: eventLoop.executor)
        self.descriptor = consume descriptor
    }

    // MARK: StreamChannel

    package nonisolated func open() { self.assumeIsolated { $0.start() } }
    package nonisolated func write(_ bytes: [UInt8]) { self.assumeIsolated { $0.enqueue(bytes) } }
    package nonisolated var pendingBytes: Int { self.assumeIsolated { $0.pending.count - $0.pendingStart } }
    package nonisolated func pauseReading() { self.assumeIsolated { $0.setReading(false) } }
    package nonisolated func resumeReading() { self.assumeIsolated { $0.setReading(true) } }
    package nonisolated func finish() { self.assumeIsolated { $0.startFinishing() } }
    package nonisolated func close() { self.assumeIsolated { $0.end(reason: nil) } }

    // MARK: Connecting

    private func start() {
        switch self.state {
        case .idle:
            guard let (server, resolver) = self.peer else { return self.startAccepted() }
            self.state = .resolving
            self.timers.schedule(.attempt, at: self.executor.now.advanced(by: self.timeout)) {
                self.assumeIsolated { $0.attemptTimedOut() }
            }
            resolver.assumeIsolated { resolver in
                resolver.resolve(server) { answer in self.assumeIsolated { $0.resolved(answer) } }
            }
        case .resolving, .connecting, .abandoning, .open, .finishing, .closing, .closed:
            preconditionFailure("A stream is opened once, not in state \(self.state)")
        }
    }

    private func startAccepted() {
        do throws(TransportError) {
            guard let duplicate = try self.descriptor?.duplicate() else { return }
            self.makeWriteSource(for: duplicate.number)
            self.writeDescriptor = consume duplicate
            self.established()
        } catch {
            self.end(reason: error)
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
        case .idle, .connecting, .abandoning, .open, .finishing, .closing, .closed:
            break  // it was closed, or timed out, meanwhile
        }
    }

    /// Tries the next address; ends the stream when there is none.
    private func attemptNext() {
        while let address = self.candidates.popLast() {
            do throws(TransportError) {
                let descriptor = try Descriptor.streamSocket(family: address.family)
                try descriptor.connect(to: address)
                let writeDescriptor = try descriptor.duplicate()
                let share = self.timeout / (self.candidates.count + 1)
                self.timers.schedule(.attempt, at: self.executor.now.advanced(by: share)) {
                    self.assumeIsolated { $0.attemptTimedOut() }
                }
                self.state = .connecting
                self.makeWriteSource(for: writeDescriptor.number)
                self.descriptor = consume descriptor
                self.writeDescriptor = consume writeDescriptor
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
        case .idle, .abandoning, .open, .finishing, .closing, .closed: break  // too late to matter
        }
    }

    private func abandonAttempt(_ error: TransportError) {
        self.reason = error
        self.state = .abandoning
        self.cancelSources()
    }

    private func attemptEnded() {
        guard let error = self.descriptor?.pendingError() else { return self.established() }
        self.abandonAttempt(error)
    }

    private func established() {
        self.timers.cancelAll()
        self.candidates = []
        self.reason = nil
        self.state = .open
        self.descriptor?.configureStream()
        self.suspendWriteSource()
        self.makeReadSource()
        self.onEvent(.connected)
    }

    // MARK: Reading

    private func readable() {
        guard self.isReading, let source = self.readSource else { return }
        // As much as the system says is there, so that the array is neither too large nor filled in many steps.
        let capacity = min(max(Int(clamping: source.data), 512), StreamLimits.readBytes)
        var result = TransferResult.wouldBlock
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            result = self.descriptor?.receive(into: UnsafeMutableRawBufferPointer(buffer)) ?? .wouldBlock
            if case .transferred(let received) = result { count = received }
        }
        switch result {
        case .transferred: self.onEvent(.received(bytes))
        case .wouldBlock: break
        case .endOfStream: self.end(reason: nil)
        case .failed(let error): self.end(reason: error)
        }
    }

    private var isReading: Bool {
        switch self.state {
        case .open, .finishing: true
        case .idle, .resolving, .connecting, .abandoning, .closing, .closed: false
        }
    }

    private func setReading(_ isReading: Bool) {
        guard let source = self.readSource, self.isReading, self.isReadSuspended == isReading else { return }
        self.isReadSuspended = !isReading
        if isReading { source.resume() } else { source.suspend() }
    }

    // MARK: Writing

    private func enqueue(_ bytes: [UInt8]) {
        switch self.state {
        case .open:
            if self.pending.isEmpty { self.pending = bytes } else { self.pending.append(contentsOf: bytes) }
            if self.pending.count - self.pendingStart >= StreamLimits.writeBufferHighBytes { self.wasFull = true }
            guard self.isWriteSuspended, !self.isFlushScheduled else { return }
            self.isFlushScheduled = true
            self.executor.execute { self.assumeIsolated { $0.scheduledFlush() } }
        case .idle, .resolving, .connecting, .abandoning, .finishing, .closing, .closed:
            break
        }
    }

    private func scheduledFlush() {
        self.isFlushScheduled = false
        guard self.isReading else { return }
        self.flush()
    }

    /// Sends what the socket takes; the write source goes on with the rest.
    private func flush() {
        while self.pendingStart < self.pending.count {
            let result = self.pending.withUnsafeBytes { all in
                self.descriptor?.send(UnsafeRawBufferPointer(rebasing: all[self.pendingStart...])) ?? .wouldBlock
            }
            switch result {
            case .transferred(let count): self.pendingStart += count
            case .wouldBlock: return self.resumeWriteSource()
            case .endOfStream: return self.end(reason: nil)
            case .failed(let error): return self.end(reason: error)
            }
        }
        self.pending.removeAll(keepingCapacity: self.pending.capacity <= StreamLimits.writeBufferKeptBytes)
        self.pendingStart = 0
        self.suspendWriteSource()
        if case .finishing = self.state {
            self.descriptor?.shutdownSending()
            self.scheduleLook()
        }
        guard self.wasFull else { return }
        self.wasFull = false
        self.onEvent(.drained)
    }

    private func writable() {
        switch self.state {
        case .connecting: self.attemptEnded()
        case .open, .finishing:
            self.onEvent(.progressed)
            self.flush()
        case .idle, .resolving, .abandoning, .closing, .closed: break
        }
    }

    // MARK: Ending

    private func startFinishing() {
        switch self.state {
        case .open:
            self.state = .finishing
            self.setReading(true)
            self.flush()
        case .idle, .resolving, .connecting, .abandoning:
            self.end(reason: nil)
        case .finishing, .closing, .closed:
            break
        }
    }

    /// A socket that ends on both sides while data waits in it is taken out of epoll, and sometimes its source hears
    /// nothing any more. So a stream that only waits for its end looks for it.
    private func scheduleLook() {
        self.timers.schedule(.finish, at: self.executor.now.advanced(by: StreamLimits.finishLookInterval)) {
            self.assumeIsolated { $0.lookForTheEnd() }
        }
    }

    private func lookForTheEnd() {
        guard case .finishing = self.state else { return }
        self.scheduleLook()
        self.readable()
    }

    private func end(reason: TransportError?) {
        switch self.state {
        case .closing, .closed:
            return
        case .idle, .resolving, .connecting, .abandoning, .open, .finishing:
            self.reason = reason
            self.timers.cancelAll()
            let wasAbandoning = self.state == .abandoning
            self.state = .closing
            if self.liveSources == 0 {
                // Nothing holds the descriptor; still not reported from inside the caller's own call.
                self.executor.execute { self.assumeIsolated { $0.closed() } }
            } else if !wasAbandoning {
                self.cancelSources()
            }
        }
    }

    private func closed() {
        let unsentBytes = self.pending.count - self.pendingStart
        self.descriptor = nil
        self.writeDescriptor = nil
        self.pending = []
        self.pendingStart = 0
        self.state = .closed
        self.onEvent(.closed(self.reason, unsentBytes: unsentBytes))
    }

    // MARK: Sources

    private func makeWriteSource(for number: Int32) {
        let source = DispatchSource.makeWriteSource(fileDescriptor: number, queue: self.executor.queue)
        source.setEventHandler { self.assumeIsolated { $0.writable() } }
        source.setCancelHandler { self.assumeIsolated { $0.sourceCancelled() } }
        self.writeSource = source
        self.isWriteSuspended = false
        self.liveSources += 1
        source.activate()
    }

    private func makeReadSource() {
        guard let number = self.descriptor?.number else { return }
        let source = DispatchSource.makeReadSource(fileDescriptor: number, queue: self.executor.queue)
        source.setEventHandler { self.assumeIsolated { $0.readable() } }
        source.setCancelHandler { self.assumeIsolated { $0.sourceCancelled() } }
        self.readSource = source
        self.isReadSuspended = false
        self.liveSources += 1
        source.activate()
    }

    private func suspendWriteSource() {
        guard !self.isWriteSuspended, let source = self.writeSource else { return }
        self.isWriteSuspended = true
        source.suspend()
    }

    private func resumeWriteSource() {
        guard self.isWriteSuspended, let source = self.writeSource else { return }
        self.isWriteSuspended = false
        source.resume()
    }

    private func cancelSources() {
        if self.isReadSuspended { self.readSource?.resume() }
        if self.isWriteSuspended { self.writeSource?.resume() }
        self.isReadSuspended = false
        self.isWriteSuspended = false
        self.readSource?.cancel()
        self.writeSource?.cancel()
    }

    private func sourceCancelled() {
        self.liveSources -= 1
        guard self.liveSources == 0 else { return }
        self.readSource = nil
        self.writeSource = nil
        self.descriptor = nil
        self.writeDescriptor = nil
        switch self.state {
        case .abandoning: self.attemptNext()
        case .closing: self.closed()
        case .idle, .resolving, .connecting, .open, .finishing, .closed:
            preconditionFailure("Sources end only when they are cancelled, not in state \(self.state)")
        }
    }
}
