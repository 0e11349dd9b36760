/// Lets jobs start at a steady rate: a token comes in with time, each start takes one.
///
/// It holds what comes in one second, and at least one token, so that a pause is not followed by a herd. The rate is an
/// argument, because a controller's share changes. All of it is in integers: a token is a billion parts, and a rate of
/// one in a thousand seconds brings one part in a microsecond.
package struct TokenBucket: Equatable, Sendable {
    private static let token: Int64 = 1_000_000_000

    private var level = Self.token
    private var countedAt: MonotonicInstant

    /// With one token to begin with.
    package init(now: MonotonicInstant) {
        self.countedAt = now
    }

    /// Whole tokens.
    ///
    /// - Parameter rate: tokens in a thousand seconds, at most `UInt32.max`.
    package func tokens(rate: Int, now: MonotonicInstant) -> Int {
        Int(self.level(rate, now) / Self.token)
    }

    /// Takes a token; there must be one.
    package mutating func take(rate: Int, now: MonotonicInstant) {
        self.level = self.level(rate, now) - Self.token
        self.countedAt = max(self.countedAt, now)
        precondition(self.level >= 0, "There is no token")
    }

    /// When there will be a token; `nil`: never.
    package func nextToken(rate: Int, now: MonotonicInstant) -> MonotonicInstant? {
        guard rate > 0 else { return nil }
        let missing = max(0, Self.token - self.level(rate, now))
        return now.advanced(by: .microseconds((missing + Int64(rate) - 1) / Int64(rate)))
    }

    private func level(_ rate: Int, _ now: MonotonicInstant) -> Int64 {
        // A thousand seconds fill every bucket, and no longer time can overflow.
        let elapsed = min(max(0, self.countedAt.duration(to: now).microseconds), 1_000_000_000)
        return min(max(Self.token, Int64(rate) * 1_000_000), self.level + Int64(rate) * elapsed)
    }
}
