internal import CEpoll
internal import Dispatch
internal import DispatchExecutor
internal import Foundation

/// What a descriptor is watched for, or has become.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
}

/// One registration of a descriptor with a ``DescriptorWatcher``.
package struct DescriptorWatch: Sendable {
    fileprivate let index: UInt32
    /// Tells it from others that had the same place.
    fileprivate let generation: UInt32
}

/// Watches the sockets of an event loop, on its queue.
///
/// A dispatch source for each of them costs too much on Linux: libdispatch wakes a thread for each event, asks the
/// system how much there is to read, and registers the descriptor again. Here one source stands for all, on a set of
/// descriptors (epoll): what becomes ready together is handled together, in one turn of the queue, and while there is
/// always something ready nobody is woken at all. There is no event loop for systems without epoll.
package actor DescriptorWatcher {
    private struct Entry {
        var number: Int32 = -1
        var generation: UInt32 = 0
        var interest: Readiness = []
        var handler: (@Sendable (Readiness) -> Void)?
    }

    nonisolated let executor: DispatchQueueExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// The set. The last handler of `source` closes it.
    private let epoll: Int32
    /// Fires when something in the set is ready; suspended while one turn follows the other.
    private let source: any DispatchSourceRead
    private let turnWait: TurnWait
    private var entries: [Entry] = []
    private var free: [Int] = []
    /// The streams that have something to send since the last time, and those of that time: arrays to be used again.
    private var toFlush: [StreamConnection] = []
    private var flushed: [StreamConnection] = []
    private var events = [epoll_event](repeating: epoll_event(), count: DescriptorWatcher.eventsInTurn)

    /// How many nanoseconds a turn waits for the next one: as long as it takes to be woken, a few times over. Timers of
    /// the queue may be late by so much.
    private static let patience = 50_000
    /// What is handled before other work of the queue has its turn.
    private static let eventsInTurn = 256

    /// What the last read left.
    private var readBuffer: [UInt8] = []

    init(executor: DispatchQueueExecutor, turnWait: TurnWait) {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "An event loop needs a descriptor: \(String(cString: strerror(errno)))")
        let source = DispatchSource.makeReadSource(fileDescriptor: epoll, queue: executor.queue)
        self.executor = executor
        self.epoll = epoll
        self.source = source
        self.turnWait = turnWait
        turnWait.join(epoll, data: .max)
        source.setEventHandler { [weak self] in self?.enter { $0.awoke() } }
        source.setCancelHandler { _ = Glibc.close(epoll) }
        source.activate()
    }

    isolated deinit {
        // The thread of libdispatch that told of the last event may not be through with the source yet, and would look
        // at what a cancellation frees. It is through when it fires a timer, and has no new event to tell of: whoever
        // had a descriptor in the set is gone, and the last one leaves it here.
        self.turnWait.leave(self.epoll)
        let (source, timer) = (self.source, DispatchSource.makeTimerSource(queue: self.executor.queue))
        timer.setEventHandler {
            source.cancel()
            timer.cancel()
        }
        timer.schedule(deadline: DispatchTime(uptimeNanoseconds: 1))
        timer.activate()
    }

    // MARK: Watching

    /// Begins to watch a descriptor, which stays open until ``unwatch(_:)``. Called on the queue, as all of these.
    ///
    /// - Parameters:
    ///   - interest: what to watch for. A descriptor that is hung up counts as both.
    ///   - handler: called on the queue, again and again while the descriptor is as wanted. It may be called without a
    ///     reason.
    package nonisolated func watch(
        _ number: Int32, for interest: Readiness, handler: @escaping @Sendable (Readiness) -> Void
    ) throws(TransportError) -> DescriptorWatch {
        try self.enter { $0.insert(number, interest, handler) }.get()
    }

    package nonisolated func setInterest(_ interest: Readiness, of watch: DescriptorWatch) {
        self.enter { $0.change(watch, to: interest) }
    }

    /// The handler is not called any more, and forgotten.
    package nonisolated func unwatch(_ watch: DescriptorWatch) {
        self.enter { $0.remove(watch) }
    }

    private func insert(
        _ number: Int32, _ interest: Readiness, _ handler: @escaping @Sendable (Readiness) -> Void
    ) -> Result<DescriptorWatch, TransportError> {
        let index = self.free.popLast() ?? self.entries.count
        if index == self.entries.count { self.entries.append(Entry()) }
        let watch = DescriptorWatch(index: UInt32(index), generation: self.entries[index].generation)
        guard self.control(EPOLL_CTL_ADD, number, interest, watch) else {
            self.free.append(index)
            return .failure(.current("watch"))
        }
        self.entries[index].number = number
        self.entries[index].interest = interest
        self.entries[index].handler = handler
        return .success(watch)
    }

    private func change(_ watch: DescriptorWatch, to interest: Readiness) {
        let index = Int(watch.index)
        precondition(self.entries[index].generation == watch.generation, "A watch ends once")
        guard self.entries[index].interest != interest else { return }
        self.entries[index].interest = interest
        _ = self.control(EPOLL_CTL_MOD, self.entries[index].number, interest, watch)
    }

    private func remove(_ watch: DescriptorWatch) {
        let index = Int(watch.index)
        precondition(self.entries[index].generation == watch.generation, "A watch ends once")
        _ = self.control(EPOLL_CTL_DEL, self.entries[index].number, [], watch)
        self.entries[index].handler = nil
        self.entries[index].generation &+= 1
        self.free.append(index)
    }

    private func control(_ operation: Int32, _ number: Int32, _ interest: Readiness, _ watch: DescriptorWatch) -> Bool {
        var event = epoll_event()
        event.events = interest.events
        event.data.u64 = UInt64(watch.generation) << 32 | UInt64(watch.index)
        return epoll_ctl(self.epoll, operation, number, &event) == 0
    }

    // MARK: Reading

    /// An array without content to read into. As a rule it has the memory of the last one that was given back.
    nonisolated func takeReadBuffer() -> [UInt8] {
        self.enter { watcher in
            var buffer: [UInt8] = []
            swap(&buffer, &watcher.readBuffer)
            // Now, because when it was given back others knew it. Where one still does, it gets other memory.
            buffer.removeAll(keepingCapacity: true)
            return buffer
        }
    }

    nonisolated func giveBack(readBuffer: [UInt8]) {
        guard readBuffer.capacity <= StreamLimits.keptReadBytes else { return }
        self.enter(with: readBuffer) { $0.readBuffer = $1 }
    }

    // MARK: Turns

    /// Lets a stream send what is written to it in this turn, when the turn is over. Called once for each time.
    nonisolated func flushSoon(_ stream: StreamConnection) {
        self.enter(with: stream) { $0.addToFlush($1) }
    }

    private func addToFlush(_ stream: StreamConnection) {
        self.toFlush.append(stream)
        // One for all: a block on the queue costs as much as a small write.
        if self.toFlush.count == 1 { self.executor.execute { self.enter { $0.flush() } } }
    }

    private func flush() {
        swap(&self.toFlush, &self.flushed)
        for place in self.flushed.indices { self.flushed[place].enter { $0.scheduledFlush() } }
        self.flushed.removeAll(keepingCapacity: true)
    }

    private func awoke() {
        self.source.suspend()
        self.takeTurn()
    }

    /// Handles what is ready, and then what the handlers left for the queue. The next turn comes behind that, until
    /// nothing becomes ready any more.
    private func takeTurn() {
        let count: Int
        if let ready = self.turnWait.during({ self.takeEvents(within: Self.patience) }) {
            guard ready > 0 else { return self.source.resume() }
            count = ready
        } else {
            count = self.takeEvents(within: 0)
        }
        for place in 0..<count { self.happened(self.events[place]) }
        self.turnWait.announce()
        self.executor.queue.async { self.enter { $0.takeTurn() } }
    }

    private func takeEvents(within nanoseconds: Int) -> Int {
        Int(max(0, gearman_epoll_wait(self.epoll, &self.events, Int32(self.events.count), nanoseconds)))
    }

    private func happened(_ event: epoll_event) {
        guard event.data.u64 != .max else { return }
        let index = Int(UInt32(truncatingIfNeeded: event.data.u64))
        // It may have ended in this very turn.
        guard self.entries[index].generation == UInt32(truncatingIfNeeded: event.data.u64 >> 32),
            let handler = self.entries[index].handler
        else { return }
        handler(Readiness(events: event.events))
    }
}

extension Readiness {
    fileprivate init(events: UInt32) {
        var readiness: Readiness = []
        if events & (EPOLLIN.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { readiness.insert(.readable) }
        if events & (EPOLLOUT.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { readiness.insert(.writable) }
        self = readiness
    }

    /// Without any interest a descriptor that is hung up is reported all the same; the edge makes that once, not for
    /// ever.
    fileprivate var events: UInt32 {
        if self.isEmpty { return EPOLLET.rawValue }
        return (self.contains(.readable) ? EPOLLIN.rawValue : 0) | (self.contains(.writable) ? EPOLLOUT.rawValue : 0)
    }
}
