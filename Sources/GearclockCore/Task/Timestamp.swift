/// A moment of the wall clock: microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// All arithmetic saturates, because times come from users and from rows: no input may trap a daemon.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// 1970-01-01T00:00:00Z.
    package static let epoch = Timestamp(microseconds: 0)

    package static let distantPast = Timestamp(microseconds: .min)

    package static let distantFuture = Timestamp(microseconds: .max)

    /// The latest due time a task may have: 9999-12-31T23:59:59.999999Z, the last one that every date format can show.
    package static let latestDue = Timestamp(microseconds: 253_402_300_799_999_999)

    package func advanced(by duration: Duration) -> Timestamp {
        Timestamp(microseconds: self.microseconds.addingSaturated(duration.microseconds))
    }

    /// The time from this moment to another one; negative if the other is earlier.
    package func duration(to other: Timestamp) -> Duration {
        .microseconds(other.microseconds.subtractingSaturated(self.microseconds))
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    package var description: String {
        "\(self.microseconds)µs"
    }
}

/// A moment of a clock that never jumps, in microseconds since an arbitrary start. It measures timeouts.
package struct MonotonicInstant: Hashable, Comparable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package func advanced(by duration: Duration) -> MonotonicInstant {
        MonotonicInstant(microseconds: self.microseconds.addingSaturated(duration.microseconds))
    }

    package func duration(to other: MonotonicInstant) -> Duration {
        .microseconds(other.microseconds.subtractingSaturated(self.microseconds))
    }

    package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// Both clocks, read together: `wall` decides what is due, `monotonic` measures how long something takes.
package struct Now: Hashable, Sendable {
    package var wall: Timestamp
    package var monotonic: MonotonicInstant

    package init(wall: Timestamp, monotonic: MonotonicInstant) {
        self.wall = wall
        self.monotonic = monotonic
    }
}

extension Duration {
    /// Whole microseconds, saturating at the ends of `Int64`.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        return whole.addingSaturated(attoseconds / 1_000_000_000_000)
    }
}

extension Int64 {
    package func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    package func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflow) = self.subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : difference
    }
}
