package import GearclockCore

/// Where a daemon's time comes from: the machine's clocks, or a simulation's.
package protocol GearclockClock: Sendable {
    /// Both clocks, read together.
    var now: Now { get }

    /// Returns at that moment, or shortly after; throws `CancellationError` when its task is cancelled.
    func sleep(until deadline: MonotonicInstant) async throws
}
