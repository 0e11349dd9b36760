/// What an event loop runs on: one thing after the other, with a clock and timers.
///
/// A thread, unless the event loop is given another executor, which then decides what time it is and what comes next.
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
