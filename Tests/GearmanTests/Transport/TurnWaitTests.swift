import CEpoll
import Foundation
import Gearman
import Synchronization
import Testing

struct TurnWaitTests {
    /// Longer than any test takes: a wait that is not ended fails its test.
    private static let nanoseconds = 999_000_000

    private func withWait(_ body: (TurnWait, _ takeEvents: (_ nanoseconds: Int) -> [UInt64]) -> Void) {
        let wait = TurnWait()
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        defer { close(epoll) }
        wait.join(epoll, data: 7)
        body(wait) { nanoseconds in
            var events = [epoll_event](repeating: epoll_event(), count: 2)
            let count = gearman_epoll_wait(epoll, &events, 2, nanoseconds)
            return events.prefix(Int(count)).map(\.data.u64)
        }
    }

    @Test func `it ends without anything when its time is over`() {
        self.withWait { wait, takeEvents in
            wait.announce()
            #expect(wait.during { takeEvents(1) } == [])
        }
    }

    @Test func `work that came after the announcement is not kept waiting`() {
        self.withWait { wait, takeEvents in
            wait.announce()
            wait.interrupt()
            #expect(wait.during { takeEvents(Self.nanoseconds) } == nil)
        }
    }

    @Test func `work that nobody waits beside leaves no trace`() {
        self.withWait { wait, takeEvents in
            wait.interrupt()
            wait.announce()
            #expect(wait.during { takeEvents(1) } == [])
            wait.interrupt()
            #expect(takeEvents(0) == [])
        }
    }

    @Test func `work from another thread ends a wait that has begun, again and again`() {
        self.withWait { wait, takeEvents in
            let isOver = Over()
            let thread = Thread { while !isOver.value.load(ordering: .relaxed) { wait.interrupt() } }
            thread.start()
            var ended = 0
            while ended < 100 {
                wait.announce()
                // Nil: it came before the wait began.
                guard let events = wait.during({ takeEvents(Self.nanoseconds) }) else { continue }
                #expect(events == [7])
                ended += 1
            }
            isOver.value.store(true, ordering: .relaxed)
        }
    }

    @Test func `a set that it has left stays as it is`() {
        let wait = TurnWait()
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        defer { close(epoll) }
        wait.join(epoll, data: 7)
        wait.leave(epoll)
        wait.announce()
        wait.during { wait.interrupt() }
        var event = epoll_event()
        #expect(gearman_epoll_wait(epoll, &event, 1, 0) == 0)
    }

    private final class Over: Sendable {
        let value = Atomic(false)
    }
}
