package import GearclockCore
package import Logging

/// Tells the log once when a store goes away and once when it is back, however many calls fail in between.
package struct StoreCondition: Sendable {
    /// What a call asks of a store. One that can be read may still take no changes, as when another program holds the
    /// write lock of a file.
    package enum Call: Sendable {
        case read, write
    }

    private var awaySince: MonotonicInstant?
    /// Nothing was written since a call failed that should have.
    private var refusesChanges = false
    /// When a call was answered last; a change that was made counts as read, too.
    private var lastRead: MonotonicInstant?
    private var lastWrite: MonotonicInstant?

    package init() {}

    /// A call has ended.
    ///
    /// - Parameter began: when it was made. One that fails after a later one succeeded was late, and says nothing.
    package mutating func observe<Success>(
        _ reply: Result<Success, TaskStoreError>, to call: Call, began: MonotonicInstant, now: Now, logger: Logger
    ) {
        switch reply {
        case .success:
            self.succeeded(call, now, logger)
        case .failure(.unavailable(let text, .away)), .failure(.outcomeUnknown(let text)):
            self.failed(call, began: began, text, now, logger)
        // It answers. With too few nodes for what one client asks, it is there for others.
        case .failure(.unavailable(_, .tooFewCopies)), .failure(.conflict):
            break
        }
    }

    private mutating func succeeded(_ call: Call, _ now: Now, _ logger: Logger) {
        self.lastRead = now.monotonic
        if call == .write {
            self.lastWrite = now.monotonic
            self.refusesChanges = false
        }
        guard let since = self.awaySince, !self.refusesChanges else { return }
        self.awaySince = nil
        logger.info("The store is back", metadata: ["away.seconds": "\(since.duration(to: now.monotonic).inSeconds)"])
    }

    private mutating func failed(
        _ call: Call, began: MonotonicInstant, _ text: String, _ now: Now, _ logger: Logger
    ) {
        if let last = call == .write ? self.lastWrite : self.lastRead, began < last { return }
        if call == .write { self.refusesChanges = true }
        guard self.awaySince == nil else { return }
        self.awaySince = now.monotonic
        logger.warning("The store is away; trying again until it is back", metadata: ["error": "\(text)"])
    }
}
