internal import CEpoll
internal import Foundation
internal import Synchronization

/// The moment that an event loop waits on its own queue for sockets, and how other work of that queue ends it.
///
/// Nothing that the queue is given is kept waiting. The wait is announced before the turn in which it is to begin is
/// put on the queue: what was there already comes before that turn, what comes later takes the announcement back, and
/// what comes when the wait has begun ends it.
package final class TurnWait: Sendable {
    private enum State {
        static let none: UInt8 = 0
        static let announced: UInt8 = 1
        static let begun: UInt8 = 2
    }

    private let state = Atomic(State.none)
    /// Ready, for the set that it is in, each time it is written to (eventfd).
    private let descriptor: Int32

    package init() {
        self.descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        precondition(self.descriptor >= 0, "An event loop needs a descriptor: \(String(cString: strerror(errno)))")
    }

    deinit {
        _ = Glibc.close(self.descriptor)
    }

    /// Lets a set (epoll) become ready by ``interrupt()``; `data` is what it tells then.
    package func join(_ epoll: Int32, data: UInt64) {
        var event = epoll_event()
        // By the edge it need not be read.
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue
        event.data.u64 = data
        let result = epoll_ctl(epoll, EPOLL_CTL_ADD, self.descriptor, &event)
        precondition(result == 0, "An event loop needs a descriptor: \(String(cString: strerror(errno)))")
    }

    /// Nothing that happens here makes that set ready any more.
    package func leave(_ epoll: Int32) {
        _ = epoll_ctl(epoll, EPOLL_CTL_DEL, self.descriptor, nil)
    }

    // MARK: On the queue

    package func announce() {
        self.state.store(State.announced, ordering: .sequentiallyConsistent)
    }

    /// - Parameter wait: waits for the set.
    /// - Returns: what `wait` returns; nil, without waiting, if there was work meanwhile.
    package func during<Result>(_ wait: () -> Result) -> Result? {
        let (isAnnounced, _) = self.state.compareExchange(
            expected: State.announced, desired: State.begun, ordering: .sequentiallyConsistent)
        guard isAnnounced else { return nil }
        defer { self.state.store(State.none, ordering: .sequentiallyConsistent) }
        return wait()
    }

    // MARK: From anywhere

    /// The queue has got work. Called after that, for all of it.
    package func interrupt() {
        guard self.state.load(ordering: .sequentiallyConsistent) != State.none,
            self.state.exchange(State.none, ordering: .sequentiallyConsistent) == State.begun
        else { return }
        _ = eventfd_write(self.descriptor, 1)
    }
}
