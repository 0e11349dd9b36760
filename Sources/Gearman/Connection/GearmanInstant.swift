/// A moment of the monotonic clock, in nanoseconds since a start that is the same for the whole process.
///
/// Timeouts are measured with it, never with the wall clock. The transport makes it from the system's uptime; tests and
/// simulations make it from numbers.
package struct GearmanInstant: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (left: GearmanInstant, right: GearmanInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The moment `duration` later; the last moment there is if it would lie beyond.
    package func advanced(by duration: Duration) -> GearmanInstant {
        self.advanced(byNanoseconds: duration.clampedNanoseconds)
    }

    /// The same for who has divided the duration already, which takes a hundred instructions.
    package func advanced(byNanoseconds nanoseconds: Int64) -> GearmanInstant {
        let (sum, isOverflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
        return GearmanInstant(nanoseconds: isOverflow ? (nanoseconds < 0 ? .min : .max) : sum)
    }

    /// The time from this moment to `other`, negative if it is earlier.
    package func duration(to other: GearmanInstant) -> Duration {
        let (difference, isOverflow) = other.nanoseconds.subtractingReportingOverflow(self.nanoseconds)
        return .nanoseconds(isOverflow ? (other < self ? .min : .max) : difference)
    }
}

extension Duration {
    /// The whole nanoseconds, as near as 64 bits allow (292 years).
    package var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, isOverflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isSumOverflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return isOverflow || isSumOverflow ? (seconds < 0 ? .min : .max) : sum
    }
}
