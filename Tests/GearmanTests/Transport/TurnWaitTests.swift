import CEpoll
import Foundation
import Gearman
import Synchronization
import Testing

struct TurnWaitTests {
    /// Longer than any test takes: a wait that is not ended fails its test.
    private static let nanoseconds = 999_000_000

    private func withWait(_ body: (TurnWait, _ epoll: Int32) -> Void) {
        let wait = TurnWait()
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        defer { close(epoll) }
        wait.join(epoll, data: 7)
        body(wait, epoll)
    }

    @Test func `it ends without anything when its time is over`() {
        self.withWait { wait, epoll in
            wait.announce()
            #expect(wait.wait(for: epoll, nanoseconds: 1) == false)
        }
    }

    @Test func `work that came after the announcement is not kept waiting`() {
        self.withWait { wait, epoll in
            wait.announce()
            wait.interrupt()
            #expect(wait.wait(for: epoll, nanoseconds: Self.nanoseconds) == nil)
        }
    }

    @Test func `work that nobody waits beside leaves no trace`() {
        self.withWait { wait, epoll in
            wait.interrupt()
            wait.announce()
            #expect(wait.wait(for: epoll, nanoseconds: 1) == false)
            wait.interrupt()
            var event = epoll_event()
            #expect(epoll_wait(epoll, &event, 1, 0) == 0)
        }
    }

    @Test func `work from another thread ends a wait that has begun, again and again`() {
        self.withWait { wait, epoll in
            let isOver = Over()
            let thread = Thread { while !isOver.value.load(ordering: .relaxed) { wait.interrupt() } }
            thread.start()
            var ended = 0
            while ended < 100 {
                wait.announce()
                // Nil: it came before the wait began.
                guard let isReady = wait.wait(for: epoll, nanoseconds: Self.nanoseconds) else { continue }
                #expect(isReady)
                var event = epoll_event()
                #expect(epoll_wait(epoll, &event, 1, 0) == 1)
                #expect(event.data.u64 == 7)
                ended += 1
            }
            isOver.value.store(true, ordering: .relaxed)
        }
    }

    private final class Over: Sendable {
        let value = Atomic(false)
    }
}
