package import GearclockCore
package import Logging

/// What a daemon gets from outside: time, chance and a log. Only the executable makes the real ones.
package struct ServiceEnvironment: Sendable {
    package let clock: any GearclockClock
    package let logger: Logger
    /// The seed of the daemon's random numbers.
    package let seed: UInt64

    package init(clock: any GearclockClock, logger: Logger, seed: UInt64) {
        self.clock = clock
        self.logger = logger
        self.seed = seed
    }

    package var now: Now { self.clock.now }
}
