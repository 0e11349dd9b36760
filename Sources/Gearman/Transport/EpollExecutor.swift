internal import CEpoll
internal import Foundation
internal import Synchronization

/// Runs actors, and watches descriptors and the clock for them, on one thread that waits in epoll.
///
/// A dispatch queue could do the same, and did. But on Linux one thread of libdispatch waits for the descriptors and
/// wakes another one for each event, which asks the system how much there is to read, and registers the descriptor
/// again: a job server that does little else was three times as slow as gearmand. Here an event is a function call,
/// what becomes ready together is handled together, and what these handlers leave for ``execute(_:)`` is done right
/// after.
///
/// The thread ends when nobody holds the executor any more. Whatever waits, is watched for or is timed on it holds it.
package final class EpollExecutor: EventLoopExecutor {
    private let loop: EpollLoop

    /// - Parameter label: the name of the thread in a debugger, for example `gearman.io`.
    package init(label: String) {
        let loop = EpollLoop()
        self.loop = loop
        let thread = Thread { loop.run() }
        thread.name = label
        thread.start()
    }

    deinit {
        self.loop.stop()
    }

    package var now: GearmanInstant { .now }

    package func execute(_ body: @escaping @Sendable () -> Void) {
        self.loop.add(.call(body))
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        self.loop.add(.job(UnownedJob(job), self))
    }

    package func makeTimer(_ handler: @escaping @Sendable () -> Void) -> any EventLoopTimer {
        EpollTimer(loop: self.loop, id: self.loop.addTimer(handler))
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    package func checkIsolated() {
        precondition(self.loop.isOnItsThread, "This belongs on the thread of an event loop")
    }

    package func isIsolatingCurrentContext() -> Bool? {
        self.loop.isOnItsThread
    }
}

// MARK: Descriptors

/// What a descriptor is watched for, or has become.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
}

extension EpollExecutor {
    /// Begins to watch a descriptor, which stays open until ``unwatch(_:)``.
    ///
    /// - Parameters:
    ///   - interest: what to watch for. A descriptor that is hung up counts as both, if there is any interest.
    ///   - handler: called on this executor, again and again while the descriptor is as wanted.
    package func watch(
        _ number: Int32, for interest: Readiness, handler: @escaping @Sendable (Readiness) -> Void
    ) -> DescriptorWatch {
        self.loop.watch(number, for: interest, handler: handler)
    }

    package func setInterest(_ interest: Readiness, of watch: DescriptorWatch) {
        self.loop.setInterest(interest, of: watch)
    }

    /// The handler is not called any more, and forgotten.
    package func unwatch(_ watch: DescriptorWatch) {
        self.loop.unwatch(watch)
    }
}

private struct EpollTimer: EventLoopTimer {
    let loop: EpollLoop
    let id: UInt64

    func set(for instant: GearmanInstant) { self.loop.setTimer(self.id, for: instant) }
    func cancel() { self.loop.removeTimer(self.id) }
}

extension GearmanInstant {
    /// By the monotonic clock.
    static var now: GearmanInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return GearmanInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
