/// The one-shot timers of one owner on its event loop, by name. Setting a timer again replaces it.
///
/// A timer that has just fired may still call its handler after it was set again or cancelled, so the owner's state
/// machine must take a timer that comes too early or too late as nothing.
package struct EventLoopTimers<ID: Hashable & Sendable>: ~Copyable {
    private let executor: any EventLoopExecutor
    private var timers: [ID: any EventLoopTimer] = [:]

    package init(executor: any EventLoopExecutor) {
        self.executor = executor
    }

    deinit {
        for timer in self.timers.values { timer.cancel() }
    }

    /// - Parameters:
    ///   - instant: the moment; when it has passed, the next turn of the event loop.
    ///   - handler: called on the event loop's executor. The one given when the timer is first set stays.
    package mutating func schedule(_ id: ID, at instant: GearmanInstant, handler: @escaping @Sendable () -> Void) {
        if let timer = self.timers[id] { return timer.set(for: instant) }
        let timer = self.executor.makeTimer(handler)
        timer.set(for: instant)
        self.timers[id] = timer
    }

    package mutating func cancel(_ id: ID) {
        self.timers.removeValue(forKey: id)?.cancel()
    }

    package mutating func cancelAll() {
        for timer in self.timers.values { timer.cancel() }
        self.timers.removeAll()
    }
}
