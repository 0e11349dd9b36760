/// How late tasks were submitted to their job server: counts in buckets that are a quarter of a power of two wide.
///
/// It has a fixed size whatever it counts, and its percentiles are at most a quarter too high.
package struct LatenessHistogram: Equatable, Sendable {
    private static let bucketsPerDoubling = 4

    private var buckets = [UInt64](repeating: 0, count: 63 * Self.bucketsPerDoubling)
    package private(set) var count: UInt64 = 0
    package private(set) var longest: Duration = .zero

    package init() {}

    package mutating func record(_ lateness: Duration) {
        let microseconds = max(0, lateness.microseconds)
        self.buckets[Self.bucket(of: microseconds)] += 1
        self.count += 1
        self.longest = max(self.longest, .microseconds(microseconds))
    }

    /// The lateness that this share of the tasks did not exceed; zero if nothing was recorded.
    ///
    /// - Parameter share: 0 ... 1, for example 0.99.
    package func percentile(_ share: Double) -> Duration {
        guard self.count > 0 else { return .zero }
        let rank = max(1, UInt64((Double(self.count) * min(max(share, 0), 1)).rounded(.up)))
        var seen: UInt64 = 0
        for (bucket, count) in self.buckets.enumerated() {
            seen += count
            if seen >= rank { return min(.microseconds(Self.upperEnd(of: bucket)), self.longest) }
        }
        return self.longest
    }

    /// Below four microseconds a bucket holds one value; above, the exponent and the two bits after the first one.
    private static func bucket(of microseconds: Int64) -> Int {
        guard microseconds >= 4 else { return Int(microseconds) }
        let exponent = 63 - microseconds.leadingZeroBitCount
        let fraction = Int(microseconds >> Int64(exponent - 2)) & 3
        return (exponent - 1) * self.bucketsPerDoubling + fraction
    }

    private static func upperEnd(of bucket: Int) -> Int64 {
        guard bucket >= 4 else { return Int64(bucket) }
        let exponent = Int64(bucket / self.bucketsPerDoubling + 1)
        let fraction = Int64(bucket % self.bucketsPerDoubling)
        let width = Int64(1) << (exponent - 2)
        return ((Int64(1) << exponent) + fraction * width).addingSaturated(width - 1)
    }
}
