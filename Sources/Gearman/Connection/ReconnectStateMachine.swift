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
        case attempt(deadline: GearmanInstant)
        /// Report `timerFired(now:using:)` at this moment.
        case wait(until: GearmanInstant)
        /// Give up the attempt to connect (without reporting it), and report `timerFired` at this moment.
        case abandonAttempt(waitUntil: GearmanInstant)
        case none
    }

    private enum State: Equatable {
        /// Nobody has needed the server yet.
        /// Can transition to:
        ///   - `connecting` when somebody does,
        ///   - `stopped`.
        case idle
        /// An attempt is under way.
        /// Can transition to:
        ///   - `connected` when it succeeds,
        ///   - `waiting` when it fails or takes too long,
        ///   - `stopped`.
        case connecting(deadline: GearmanInstant)
        /// The socket is connected; since `readySince` the server is known to be alive.
        /// Can transition to:
        ///   - `waiting` when the connection is closed,
        ///   - `stopped`.
        case connected(readySince: GearmanInstant?)
        /// Can transition to:
        ///   - `connecting` when the time is over,
        ///   - `stopped`.
        case waiting(until: GearmanInstant)
        /// The end.
        case stopped
    }

    private let configuration: Configuration
    private var state = State.idle
    /// How many attempts in a row came to nothing, which is what the backoff grows with.
    private var failures = 0

    package init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    /// The server is needed. Answers `.none` if it was started before.
    package mutating func started(now: GearmanInstant) -> Action {
        switch self.state {
        case .idle: self.attempt(now: now)
        case .connecting, .connected, .waiting, .stopped: .none
        }
    }

    /// The socket is connected.
    package mutating func connected(now: GearmanInstant) -> Action {
        switch self.state {
        case .connecting: self.state = .connected(readySince: nil)
        // An attempt that succeeds after it was given up: the caller closes it.
        case .idle, .connected, .waiting, .stopped: break
        }
        return .none
    }

    /// The server sent its first packet.
    package mutating func becameReady(now: GearmanInstant) -> Action {
        switch self.state {
        case .connected: self.state = .connected(readySince: now)
        case .idle, .connecting, .waiting, .stopped: break
        }
        return .none
    }

    /// The attempt failed.
    package mutating func connectFailed(now: GearmanInstant, using random: inout some RandomNumberGenerator) -> Action {
        switch self.state {
        case .connecting: .wait(until: self.backOff(now: now, using: &random))
        case .idle, .connected, .waiting, .stopped: .none
        }
    }

    /// The connection is closed.
    package mutating func connectionClosed(
        now: GearmanInstant, using random: inout some RandomNumberGenerator
    ) -> Action {
        switch self.state {
        case .connected(let readySince):
            if let readySince, readySince.duration(to: now) >= self.configuration.stableAfter { self.failures = 0 }
            return .wait(until: self.backOff(now: now, using: &random))
        case .idle, .connecting, .waiting, .stopped: return .none
        }
    }

    /// A moment asked for has come. A late timer of an earlier state is ignored.
    package mutating func timerFired(now: GearmanInstant, using random: inout some RandomNumberGenerator) -> Action {
        switch self.state {
        case .waiting(let until): now >= until ? self.attempt(now: now) : .none
        case .connecting(let deadline):
            now >= deadline ? .abandonAttempt(waitUntil: self.backOff(now: now, using: &random)) : .none
        case .idle, .connected, .stopped: .none
        }
    }

    /// No connection is wanted any more.
    package mutating func stopRequested() -> Action {
        self.state = .stopped
        return .none
    }

    private mutating func attempt(now: GearmanInstant) -> Action {
        let deadline = now.advanced(by: self.configuration.connectTimeout)
        self.state = .connecting(deadline: deadline)
        return .attempt(deadline: deadline)
    }

    /// Doubles the wait with each failure up to the maximum, and takes between half and all of it, so that many clients
    /// of a server that restarts do not come back in one moment.
    private mutating func backOff(now: GearmanInstant, using random: inout some RandomNumberGenerator) -> GearmanInstant
    {
        let maximum = self.configuration.maximumBackoff.clampedNanoseconds
        let initial = self.configuration.initialBackoff.clampedNanoseconds
        // Beyond 2^62 the product cannot fit, whatever the initial backoff is.
        let (product, isOverflow) = initial.multipliedReportingOverflow(by: 1 << min(self.failures, 62))
        let full = isOverflow ? maximum : min(product, maximum)
        self.failures = min(self.failures + 1, 62)
        let wait = full / 2 + Int64.random(in: 0...(full - full / 2), using: &random)
        let until = now.advanced(by: .nanoseconds(wait))
        self.state = .waiting(until: until)
        return until
    }
}
