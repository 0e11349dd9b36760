import GearclockCore

/// What the tests of the three state machines are fed with. All of them start at the same moment.
enum Sample {
    static let start = Timestamp(microseconds: 1_800_000_000_000_000)
    static let owner = OwnerID(value: 7)

    /// Both clocks, so many seconds after the start.
    static func now(_ seconds: Double = 0) -> Now {
        Now(
            wall: self.time(seconds),
            monotonic: MonotonicInstant(microseconds: 1_000_000_000 + Int64((seconds * 1_000_000).rounded())))
    }

    static func time(_ seconds: Double) -> Timestamp {
        Timestamp(microseconds: self.start.microseconds + Int64((seconds * 1_000_000).rounded()))
    }

    static func definition(
        _ number: UInt64 = 1, function: String = "f", payload: Int = 1, dueIn: Double = 0, expiresIn: Double? = nil,
        timeout: Duration? = nil, retry: RetryPolicy = RetryPolicy(maxAttempts: 2, backoff: .list([.seconds(3)])),
        retain: Duration = .zero, controller: String? = nil
    ) -> TaskDefinition {
        TaskDefinition(
            id: TaskID(high: 1, low: number), function: FunctionName(function)!,
            payload: [UInt8](repeating: 120, count: payload), dueAt: self.time(dueIn), createdAt: self.time(0),
            expiresAt: expiresIn.map(self.time), timeout: timeout, retry: retry, retain: retain,
            gearsloth: controller.map { GearslothPart(controller: FunctionName($0), document: []) })
    }

    static func claimed(
        _ definition: TaskDefinition = Sample.definition(), attempt: UInt32 = 1, failures: UInt32 = 0,
        leaseUntil: Double = 15
    ) -> ClaimedTask {
        ClaimedTask(
            definition: definition, claim: Claim(id: definition.id, owner: self.owner, attempt: attempt),
            failures: failures, leaseUntil: self.time(leaseUntil))
    }

    /// What becomes of a task that was accepted at the start and is too late then.
    static func expiry(at seconds: Double = 0, attempt: UInt32 = 1) -> Settlement.Change {
        let record = AttemptRecord(
            attempt: attempt, startedAt: self.time(0), endedAt: self.time(seconds), outcome: .expired)
        return .expire(keepUntil: self.time(seconds + 7 * 86_400), record)
    }
}

extension MonotonicInstant {
    /// Seconds after the start of the samples.
    var seconds: Double { Double(self.microseconds - 1_000_000_000) / 1_000_000 }
}
