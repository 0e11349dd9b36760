internal import CEpoll
internal import Foundation
internal import Synchronization

/// One registration of a descriptor with an event loop.
package struct DescriptorWatch: Sendable {
    fileprivate let index: UInt32
    /// Tells it from others that had the same place.
    fileprivate let generation: UInt32

    /// The form in which the system carries it.
    fileprivate var token: UInt64 { UInt64(self.generation) << 32 | UInt64(self.index) }

    fileprivate init(index: Int, generation: UInt32) {
        self.index = UInt32(index)
        self.generation = generation
    }

    fileprivate init(token: UInt64) {
        self.index = UInt32(truncatingIfNeeded: token)
        self.generation = UInt32(truncatingIfNeeded: token >> 32)
    }
}

/// The thread of an ``EpollExecutor``, and what other threads leave for it. It does not hold the executor, so that it
/// ends with it.
///
/// Whatever is taken out of the state is let go outside of the lock: the last release of a handler may end its owner,
/// who cancels timers here.
final class EpollLoop: Sendable {
    enum Work: Sendable {
        case call(@Sendable () -> Void)
        case job(UnownedJob, EpollExecutor)

        func perform() {
            switch self {
            case .call(let body): body()
            case .job(let job, let executor): job.runSynchronously(on: executor.asUnownedSerialExecutor())
            }
        }
    }

    private struct State {
        var work: [Work] = []
        /// The thread waits, or is about to: whoever has something for it wakes it.
        var isResting = false
        var isStopped = false
        var watches = WatchTable()
        var timers = TimerTable()

        /// - Returns: whether the thread must be woken; only once for each time that it rests.
        mutating func stopResting() -> Bool {
            defer { self.isResting = false }
            return self.isResting
        }
    }

    private let state = Mutex(State())
    private let thread = Atomic<UInt>(0)
    private let epoll: Descriptor
    /// Becomes readable when the thread is woken, and `clock` when a moment has come. Nobody reads them: they are
    /// watched for the change alone.
    private let bell: Descriptor
    private let clock: Descriptor

    /// The events that are asked for at once.
    private static let eventsInTurn = 256
    /// The tokens of `bell` and `clock`: no watch has it.
    private static let noWatch = UInt64.max

    init() {
        let epoll = Descriptor(owning: epoll_create1(Int32(EPOLL_CLOEXEC)))
        let bell = Descriptor(owning: eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)))
        let clock = Descriptor(
            owning: timerfd_create(CLOCK_MONOTONIC, Int32(TFD_CLOEXEC | TFD_NONBLOCK)))
        for number in [bell.number, clock.number] {
            var event = epoll_event()
            event.events = EPOLLIN.rawValue | EPOLLET.rawValue
            event.data.u64 = Self.noWatch
            let result = epoll_ctl(epoll.number, EPOLL_CTL_ADD, number, &event)
            precondition(result == 0, "An event loop needs three descriptors: \(String(cString: strerror(errno)))")
        }
        self.epoll = epoll
        self.bell = bell
        self.clock = clock
    }

    var isOnItsThread: Bool { self.thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    // MARK: From any thread

    func add(_ work: Work) {
        let mustRing = self.state.withLock { state in
            state.work.append(work)
            return state.stopResting()
        }
        if mustRing { self.ring() }
    }

    func stop() {
        let mustRing = self.state.withLock { state in
            state.isStopped = true
            return state.stopResting()
        }
        if mustRing { self.ring() }
    }

    private func ring() {
        _ = eventfd_write(self.bell.number, 1)
    }

    func addTimer(_ handler: @escaping @Sendable () -> Void) -> UInt64 {
        self.state.withLock { $0.timers.add(handler) }
    }

    func setTimer(_ id: UInt64, for instant: GearmanInstant) {
        let mustRing = self.state.withLock { $0.timers.set(id, for: instant) && $0.stopResting() }
        if mustRing { self.ring() }
    }

    func removeTimer(_ id: UInt64) {
        let handler = self.state.withLock { $0.timers.remove(id) }
        _ = handler
    }

    func watch(
        _ number: Int32, for interest: Readiness, handler: @escaping @Sendable (Readiness) -> Void
    ) -> DescriptorWatch {
        self.state.withLock { state in
            let watch = state.watches.insert(number, handler)
            state.watches.setInterest(interest, of: watch, in: self.epoll.number)
            return watch
        }
    }

    func setInterest(_ interest: Readiness, of watch: DescriptorWatch) {
        self.state.withLock { $0.watches.setInterest(interest, of: watch, in: self.epoll.number) }
    }

    func unwatch(_ watch: DescriptorWatch) {
        let handler = self.state.withLock { state in
            state.watches.setInterest([], of: watch, in: self.epoll.number)
            return state.watches.remove(watch)
        }
        _ = handler
    }

    // MARK: On its thread

    func run() {
        self.thread.store(UInt(pthread_self()), ordering: .relaxed)
        var events = [epoll_event](repeating: epoll_event(), count: Self.eventsInTurn)
        var work: [Work] = []
        var clockSetFor: GearmanInstant?
        while true {
            self.state.withLock { swap(&work, &$0.work) }
            for item in work { item.perform() }
            work.removeAll(keepingCapacity: true)

            let (isOver, canRest, next) = self.state.withLock { state in
                state.isResting = state.work.isEmpty
                return (state.work.isEmpty && state.isStopped, state.work.isEmpty, state.timers.next)
            }
            if isOver { return }
            let isDue = next.map { $0 <= .now } ?? false
            if canRest, !isDue, let next, next != clockSetFor {
                self.setClock(next)
                clockSetFor = next
            }
            let count = epoll_wait(
                self.epoll.number, &events, Int32(events.count), canRest && !isDue ? -1 : 0)
            self.state.withLock { $0.isResting = false }
            for event in events.prefix(max(Int(count), 0)) { self.happened(event) }
            self.fireTimers()
        }
    }

    private func setClock(_ instant: GearmanInstant) {
        var time = itimerspec()
        time.it_value.tv_sec = Int(instant.nanoseconds / 1_000_000_000)
        time.it_value.tv_nsec = Int(instant.nanoseconds % 1_000_000_000)
        timerfd_settime(self.clock.number, Int32(TFD_TIMER_ABSTIME), &time, nil)
    }

    private func happened(_ event: epoll_event) {
        guard event.data.u64 != Self.noWatch else { return }
        let watch = DescriptorWatch(token: event.data.u64)
        // It may have ended in this very turn.
        guard let handler = self.state.withLock({ $0.watches.handler(of: watch) }) else { return }
        handler(Readiness(events: event.events))
    }

    private func fireTimers() {
        let handlers: [@Sendable () -> Void] = self.state.withLock { state in
            guard let next = state.timers.next, case let now = GearmanInstant.now, next <= now else { return [] }
            return state.timers.takeDue(now)
        }
        for handler in handlers { handler() }
    }
}

// MARK: Tables

private struct WatchTable {
    private struct Watch {
        var number: Int32 = -1
        var generation: UInt32 = 0
        var interest: Readiness = []
        var handler: (@Sendable (Readiness) -> Void)?
    }

    private var watches: [Watch] = []
    private var free: [Int] = []

    mutating func insert(_ number: Int32, _ handler: @escaping @Sendable (Readiness) -> Void) -> DescriptorWatch {
        let index = self.free.popLast() ?? self.watches.count
        if index == self.watches.count { self.watches.append(Watch()) }
        self.watches[index].number = number
        self.watches[index].handler = handler
        return DescriptorWatch(index: index, generation: self.watches[index].generation)
    }

    func handler(of watch: DescriptorWatch) -> (@Sendable (Readiness) -> Void)? {
        let entry = self.watches[Int(watch.index)]
        return entry.generation == watch.generation ? entry.handler : nil
    }

    /// A descriptor without interest is not registered at all: the system reports one that is hung up for ever.
    mutating func setInterest(_ interest: Readiness, of watch: DescriptorWatch, in epoll: Int32) {
        let index = Int(watch.index)
        precondition(self.watches[index].generation == watch.generation, "A watch ends once")
        let old = self.watches[index].interest
        guard interest != old else { return }
        self.watches[index].interest = interest
        var event = epoll_event()
        event.events = interest.events
        event.data.u64 = watch.token
        let operation = old.isEmpty ? EPOLL_CTL_ADD : interest.isEmpty ? EPOLL_CTL_DEL : EPOLL_CTL_MOD
        let result = epoll_ctl(epoll, operation, self.watches[index].number, &event)
        precondition(result == 0, "A descriptor cannot be watched: \(String(cString: strerror(errno)))")
    }

    mutating func remove(_ watch: DescriptorWatch) -> (@Sendable (Readiness) -> Void)? {
        let index = Int(watch.index)
        defer {
            self.watches[index].handler = nil
            self.watches[index].generation &+= 1
            self.free.append(index)
        }
        return self.watches[index].handler
    }
}

extension Readiness {
    fileprivate init(events: UInt32) {
        var readiness: Readiness = []
        if events & (EPOLLIN.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { readiness.insert(.readable) }
        if events & (EPOLLOUT.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 { readiness.insert(.writable) }
        self = readiness
    }

    fileprivate var events: UInt32 {
        (self.contains(.readable) ? EPOLLIN.rawValue : 0) | (self.contains(.writable) ? EPOLLOUT.rawValue : 0)
    }
}

/// The timers of an event loop: a few for each client, worker or server, so that they are looked through in turn.
private struct TimerTable {
    private struct Timer {
        var instant: GearmanInstant?
        let handler: @Sendable () -> Void
    }

    private var timers: [UInt64: Timer] = [:]
    private var lastID: UInt64 = 0
    /// When to look for timers that are due: not later than the first one, perhaps earlier.
    private(set) var next: GearmanInstant?

    mutating func add(_ handler: @escaping @Sendable () -> Void) -> UInt64 {
        self.lastID += 1
        self.timers[self.lastID] = Timer(handler: handler)
        return self.lastID
    }

    /// - Returns: whether the thread has to look sooner than it knew.
    mutating func set(_ id: UInt64, for instant: GearmanInstant) -> Bool {
        guard self.timers[id] != nil else { return false }
        self.timers[id]?.instant = instant
        guard self.next.map({ instant < $0 }) ?? true else { return false }
        self.next = instant
        return true
    }

    mutating func remove(_ id: UInt64) -> (@Sendable () -> Void)? {
        self.timers.removeValue(forKey: id)?.handler
    }

    /// The handlers of the timers whose moment has come, the earliest first.
    mutating func takeDue(_ now: GearmanInstant) -> [@Sendable () -> Void] {
        var due: [(instant: GearmanInstant, id: UInt64)] = []
        self.next = nil
        for (id, timer) in self.timers {
            guard let instant = timer.instant else { continue }
            if instant <= now {
                due.append((instant, id))
            } else {
                self.next = self.next.map { min($0, instant) } ?? instant
            }
        }
        due.sort { ($0.instant, $0.id) < ($1.instant, $1.id) }
        return due.compactMap { entry in
            self.timers[entry.id]?.instant = nil
            return self.timers[entry.id]?.handler
        }
    }
}
