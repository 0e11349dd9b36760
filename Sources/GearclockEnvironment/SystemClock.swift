package import GearclockCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The clocks of this machine: `CLOCK_REALTIME` and `CLOCK_MONOTONIC`.
package struct SystemClock: GearclockClock {
    package init() {}

    package var now: Now {
        Now(
            wall: Timestamp(microseconds: Self.microseconds(of: CLOCK_REALTIME)),
            monotonic: MonotonicInstant(microseconds: Self.microseconds(of: CLOCK_MONOTONIC)))
    }

    package func sleep(until deadline: MonotonicInstant) async throws {
        let wait = self.now.monotonic.duration(to: deadline)
        guard wait > .zero else { return try Task.checkCancellation() }
        // No tolerance: a timer that may fire late to save power would be every task's lateness.
        try await Task.sleep(for: wait, tolerance: .zero, clock: .continuous)
    }

    private static func microseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
