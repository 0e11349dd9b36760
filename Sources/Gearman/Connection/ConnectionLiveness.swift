/// Measures the silence of a server, and keeps the one timer of a connection.
///
/// Each sign of life counts, not the answer to the echo alone: a server that works off a long queue is slow, not dead.
struct ConnectionLiveness: Equatable, Sendable {
    enum Verdict: Equatable, Sendable {
        /// Nothing is to be done yet.
        case alive
        /// Ask the server whether it is there.
        case probe
        /// It did not answer in time.
        case silent
    }

    private struct Nanoseconds: Equatable, Sendable {
        let heartbeatInterval: Int64
        let heartbeatTimeout: Int64
        let requestTimeout: Int64
        let slowAfter: Int64

        init(_ timeouts: ConnectionTimeouts) {
            self.heartbeatInterval = timeouts.heartbeatInterval.clampedNanoseconds
            self.heartbeatTimeout = timeouts.heartbeatTimeout.clampedNanoseconds
            self.requestTimeout = timeouts.requestTimeout.clampedNanoseconds
            self.slowAfter = timeouts.slowAfter.clampedNanoseconds
        }
    }

    private let timeouts: Nanoseconds
    private var lastHeard: GearmanInstant
    private var probedAt: GearmanInstant?
    /// When a part of a backlog was last written: until then the server cannot have seen all that waits for an answer.
    private(set) var lastWriteProgress: GearmanInstant
    /// For when the caller was last asked to report a timer.
    private var wakeAt: GearmanInstant?

    /// The first request of a connection is on its way and is itself the probe.
    init(timeouts: ConnectionTimeouts, now: GearmanInstant) {
        self.timeouts = Nanoseconds(timeouts)
        self.lastHeard = now
        self.probedAt = now
        self.lastWriteProgress = now
    }

    private var deadline: GearmanInstant {
        guard let probedAt else { return self.lastHeard.advanced(byNanoseconds: self.timeouts.heartbeatInterval) }
        return max(probedAt, self.lastHeard).advanced(byNanoseconds: self.timeouts.heartbeatTimeout)
    }

    mutating func heard(now: GearmanInstant) {
        self.lastHeard = now
        self.probedAt = nil
    }

    mutating func writeProgressed(now: GearmanInstant) {
        self.lastHeard = now
        self.lastWriteProgress = now
    }

    /// When a request sent at `sentAt` has waited too long.
    func requestDeadline(sentAt: GearmanInstant) -> GearmanInstant {
        max(sentAt, self.lastWriteProgress).advanced(byNanoseconds: self.timeouts.requestTimeout)
    }

    /// Whether an answer that has been due since `dueSince` is late.
    func isLate(dueSince: GearmanInstant, now: GearmanInstant) -> Bool {
        now >= dueSince.advanced(byNanoseconds: self.timeouts.slowAfter)
    }

    /// The caller reports the timer, whichever it was; ``schedule(noLaterThan:)`` sets a new one.
    mutating func timerFired(now: GearmanInstant) -> Verdict {
        self.wakeAt = nil
        guard now >= self.deadline else { return .alive }
        guard self.probedAt == nil else { return .silent }
        self.probedAt = now
        return .probe
    }

    /// - Returns: when the timer is to be reported, or nil if the one that is set comes early enough.
    mutating func schedule(noLaterThan requestDeadline: GearmanInstant?) -> GearmanInstant? {
        let next = min(self.deadline, requestDeadline ?? self.deadline)
        if let wakeAt, wakeAt <= next { return nil }
        self.wakeAt = next
        return next
    }
}
