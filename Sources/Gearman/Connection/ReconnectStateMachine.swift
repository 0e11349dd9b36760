/// Decides when a connection to one server is tried again: for ever, with exponential backoff and jitter.
package struct ReconnectStateMachine: Sendable, Equatable {
    /// The bounds of the backoff.
    package struct Configuration: Equatable, Sendable {
        /// The wait after the first failure, before jitter. Default 50 ms.
        package var initialBackoff: Duration
        /// No wait is longer. Default 5 s.
        package var maximumBackoff: Duration
        /// How long one attempt to connect may take. Default 5 s.
        package var connectTimeout: Duration
        /// A connection that was usable for this long is a success; the backoff starts from the beginning. Default 5 s.
        package var stableAfter: Duration

        package init(
            initialBackoff: Duration = .milliseconds(50), maximumBackoff: Duration = .seconds(5),
            connectTimeout: Duration = .seconds(5), stableAfter: Duration = .seconds(5)
        ) {
            precondition(initialBackoff > .zero && maximumBackoff >= initialBackoff, "backoffs must be ascending")
            self.initialBackoff = initialBackoff
            self.maximumBackoff = maximumBackoff
            self.connectTimeout = connectTimeout
            self.stableAfter = stableAfter
        }
    }

    /// What the caller does next.
    package enum Action: Equatable, Sendable {
        /// Open a connection; report it by `connected(now:)` or `connectFailed(now:using:)`. Report `timerFired` at the
        /// deadline if neither has happened by then.
        case connect(deadline: GearmanInstant)
        /// Report `timerFired(now:using:)` at this moment.
        case wait(until: GearmanInstant)
        /// Give up the attempt to connect (without reporting it), and report `timerFired` at this moment.
        case abandonAttempt(waitUntil: GearmanInstant)
        case none
    }

    package init(configuration: Configuration = Configuration()) { preconditionFailure("signature only") }

    /// The server is needed. Answers `.none` if it was started before.
    package mutating func started(now: GearmanInstant) -> Action { preconditionFailure("signature only") }
    /// The socket is connected.
    package mutating func connected(now: GearmanInstant) -> Action { preconditionFailure("signature only") }
    /// The server answered its first packet (``ClientActions/becameReady``).
    package mutating func becameReady(now: GearmanInstant) -> Action { preconditionFailure("signature only") }
    /// The attempt failed.
    package mutating func connectFailed(now: GearmanInstant, using random: inout some RandomNumberGenerator) -> Action {
        preconditionFailure("signature only")
    }
    /// The connection is closed.
    package mutating func connectionClosed(
        now: GearmanInstant, using random: inout some RandomNumberGenerator
    ) -> Action { preconditionFailure("signature only") }
    /// A moment asked for has come. A late timer of an earlier state is ignored.
    package mutating func timerFired(now: GearmanInstant, using random: inout some RandomNumberGenerator) -> Action {
        preconditionFailure("signature only")
    }
    /// No connection is wanted any more.
    package mutating func stopRequested() -> Action { preconditionFailure("signature only") }
}
