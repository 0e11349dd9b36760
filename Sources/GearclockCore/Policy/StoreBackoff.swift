/// How long to wait before a failed call of a store is repeated. It never gives up: outages end.
package struct StoreBackoff: Equatable, Sendable {
    /// The wait after the first failure.
    package static let shortest: Duration = .milliseconds(50)
    /// The wait after many failures: how much longer than the outage we may be away.
    package static let longest: Duration = .seconds(2)
    /// Conflicts are over as soon as the other one has committed.
    package static let conflict: Duration = .milliseconds(2)

    private var failures: Int = 0
    /// Nothing is asked before this moment.
    package private(set) var notBefore: MonotonicInstant?

    package init() {}

    package mutating func succeeded() {
        self.failures = 0
        self.notBefore = nil
    }

    package mutating func failed(
        _ error: TaskStoreError, now: MonotonicInstant, using random: inout some RandomNumberGenerator
    ) {
        self.failures += 1
        let wait: Duration
        switch error {
        case .conflict:
            wait = min(Self.conflict * min(self.failures, 32), Self.shortest)
        case .unavailable, .outcomeUnknown:
            wait = min(Self.shortest * (1 << min(self.failures - 1, 10)), Self.longest)
        }
        // Half of it by chance: those who failed together do not come back together.
        let share = Double.random(in: 0.5...1, using: &random)
        self.notBefore = now.advanced(by: .fromSeconds(wait.inSeconds * share))
    }

    /// Whether the store may be asked now.
    package func permits(_ now: MonotonicInstant) -> Bool {
        self.notBefore.map { $0 <= now } ?? true
    }
}
