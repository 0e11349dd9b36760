package import Dispatch

/// The one-shot timers of one owner on its event loop, by name. Setting a timer again replaces it.
///
/// A timer that has just fired may still call its handler after it was set again or cancelled, so the owner's state
/// machine must take a timer that comes too early or too late as nothing.
package struct EventLoopTimers<ID: Hashable & Sendable>: ~Copyable {
    private let queue: DispatchQueue
    private var sources: [ID: any DispatchSourceTimer] = [:]

    package init(queue: DispatchQueue) {
        self.queue = queue
    }

    deinit {
        for source in self.sources.values { source.cancel() }
    }

    /// - Parameters:
    ///   - instant: the moment; when it has passed, the next turn of the event loop.
    ///   - handler: called on the event loop's queue. The one given when the timer is first set stays.
    package mutating func schedule(_ id: ID, at instant: GearmanInstant, handler: @escaping @Sendable () -> Void) {
        let deadline = DispatchTime(uptimeNanoseconds: UInt64(clamping: instant.nanoseconds))
        if let source = self.sources[id] {
            source.schedule(deadline: deadline, leeway: .milliseconds(1))
            return
        }
        let source = DispatchSource.makeTimerSource(queue: self.queue)
        source.setEventHandler(handler: handler)
        source.schedule(deadline: deadline, leeway: .milliseconds(1))
        source.activate()
        self.sources[id] = source
    }

    package mutating func cancel(_ id: ID) {
        self.sources.removeValue(forKey: id)?.cancel()
    }

    package mutating func cancelAll() {
        for source in self.sources.values { source.cancel() }
        self.sources.removeAll()
    }
}

extension GearmanInstant {
    /// This moment.
    package static var now: GearmanInstant {
        GearmanInstant(nanoseconds: Int64(clamping: DispatchTime.now().uptimeNanoseconds))
    }
}
