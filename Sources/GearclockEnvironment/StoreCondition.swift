package import GearclockCore
package import Logging

/// Tells the log once when a store goes away and once when it is back, however many calls fail in between.
package struct StoreCondition: Sendable {
    private var awaySince: MonotonicInstant?

    package init() {}

    package var isAway: Bool { self.awaySince != nil }

    package mutating func observe<Success>(_ reply: Result<Success, TaskStoreError>, now: Now, logger: Logger) {
        switch (reply, self.awaySince) {
        case (.success, let since?):
            self.awaySince = nil
            logger.info(
                "The store is back", metadata: ["away.seconds": "\(since.duration(to: now.monotonic).inSeconds)"])
        case (.failure(.unavailable(let text, .away)), nil), (.failure(.outcomeUnknown(let text)), nil):
            self.awaySince = now.monotonic
            logger.warning("The store is away; trying again until it is back", metadata: ["error": "\(text)"])
        // With too few nodes for what one client asks, it is there for others.
        case (.success, nil), (.failure, _):
            break
        }
    }
}
