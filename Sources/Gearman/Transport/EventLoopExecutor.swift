internal import Dispatch
internal import DispatchExecutor

/// What an event loop runs on: one thing after the other, with a clock and timers.
///
/// A dispatch queue, unless the event loop is given another one, which then decides what time it is and what comes
/// next.
package protocol EventLoopExecutor: SerialExecutor {
    /// The time by which the timers go.
    var now: GearmanInstant { get }

    /// Calls a synchronous function in a turn of its own, from anywhere, after what waits already; it may enter an
    /// actor of this executor by `assumeIsolated`.
    func execute(_ body: @escaping @Sendable () -> Void)

    /// Makes a timer that is not set.
    ///
    /// - Parameter handler: called on this executor when the timer fires.
    func makeTimer(_ handler: @escaping @Sendable () -> Void) -> any EventLoopTimer
}

/// A timer that fires once each time it is set.
package protocol EventLoopTimer {
    /// Lets it fire at that moment, in place of an earlier wish; when the moment has passed, in the next turn.
    func set(for instant: GearmanInstant)

    /// It fires no more.
    func cancel()
}

extension DispatchQueueExecutor: EventLoopExecutor {
    package var now: GearmanInstant {
        GearmanInstant(nanoseconds: Int64(clamping: DispatchTime.now().uptimeNanoseconds))
    }

    package func makeTimer(_ handler: @escaping @Sendable () -> Void) -> any EventLoopTimer {
        let source = DispatchSource.makeTimerSource(queue: self.queue)
        source.setEventHandler(handler: handler)
        source.activate()
        return DispatchTimer(source: source)
    }
}

private struct DispatchTimer: EventLoopTimer {
    let source: any DispatchSourceTimer

    func set(for instant: GearmanInstant) {
        let deadline = DispatchTime(uptimeNanoseconds: UInt64(clamping: instant.nanoseconds))
        self.source.schedule(deadline: deadline, leeway: .milliseconds(1))
    }

    func cancel() {
        self.source.cancel()
    }
}
