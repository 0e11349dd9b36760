internal import GearclockCore

/// Tasks, owners and moments for the cases. Everything is fixed, so that a failure repeats itself.
enum Sample {
    /// 2027-01-15T08:00:00Z.
    static let now = Timestamp(microseconds: 1_800_000_000_000_000)
    static let alice = OwnerID(value: 0xa11ce)
    static let bob = OwnerID(value: 0x7fff_ffff_ffff_ffff)

    static func id(_ number: UInt64) -> TaskID {
        TaskID(high: 0x0001_8000_0000_8000, low: 0x8000_0000_0000_0000 | number)
    }

    static func ids(_ numbers: ClosedRange<UInt64>) -> [TaskID] {
        numbers.map(Self.id)
    }

    static func function(_ name: String) -> FunctionName {
        guard let function = FunctionName(name) else { preconditionFailure("Not a function's name: \(name)") }
        return function
    }

    static func task(
        _ number: UInt64, due: Duration = .zero, function: String = "resize", payload: [UInt8] = [1, 2, 3]
    ) -> TaskDefinition {
        TaskDefinition(
            id: Self.id(number), function: Self.function(function), payload: payload, dueAt: Self.now + due,
            createdAt: Self.now)
    }

    /// A task with every field set to something that is not its default.
    static func fullTask(_ number: UInt64, due: Duration = .zero) -> TaskDefinition {
        TaskDefinition(
            id: Self.id(number), function: Self.function("übergröße"), payload: [0, 255, 10, 13, 0], priority: .low,
            dueAt: Self.now + due, createdAt: Self.now + .seconds(-60), expiresAt: Self.now + .seconds(3600),
            timeout: .milliseconds(1500),
            retry: RetryPolicy(
                maxAttempts: 7, maxAge: .seconds(86_400), backoff: .list([.seconds(1), .seconds(2)]), jitter: 0.25),
            retain: .seconds(60),
            gearsloth: GearslothPart(controller: Self.function("ctrl"), document: Array("{\"a\":1}".utf8)))
    }

    static func attempt(_ number: UInt32, _ message: String = "broken") -> AttemptRecord {
        AttemptRecord(
            attempt: number, startedAt: Self.now, endedAt: Self.now + .seconds(1), outcome: .exception,
            message: Array(message.utf8))
    }

    static func expired(_ number: UInt32) -> AttemptRecord {
        AttemptRecord(attempt: number, startedAt: Self.now, endedAt: Self.now + .seconds(2), outcome: .expired)
    }
}

extension Timestamp {
    static func + (left: Timestamp, right: Duration) -> Timestamp {
        left.advanced(by: right)
    }
}

extension TaskStore {
    func insert(_ tasks: TaskDefinition...) async throws {
        let outcomes = try await self.insert(tasks, now: Sample.now)
        try expect(outcomes, is: tasks.map { _ in .inserted }, "what inserting new tasks answers")
    }

    /// Claims what is due by `due` after ``Sample/now``, for a minute.
    func claim(
        due: Duration = .zero, limit: Int = 100, owner: OwnerID = Sample.alice, lease: Duration = .seconds(60)
    ) async throws -> [ClaimedTask] {
        try await self.claimDue(
            ClaimRequest(
                owner: owner, dueBy: Sample.now + due, limit: limit, leaseUntil: Sample.now + lease), now: Sample.now)
    }

    /// Inserts one task and claims it.
    func claimed(_ task: TaskDefinition, owner: OwnerID = Sample.alice) async throws -> Claim {
        try await self.insert(task)
        let claims = try await self.claim(due: .seconds(1000), owner: owner).map(\.claim)
        try expect(claims.count, is: 1, "the number of claimed tasks")
        return claims[0]
    }

    func settle(_ settlements: Settlement...) async throws -> [FencedOutcome] {
        try await self.settle(settlements, now: Sample.now)
    }

    func record(_ number: UInt64) async throws -> TaskRecord? {
        let records = try await self.records(of: [Sample.id(number)])
        try expect(records.count, is: 1, "the number of records for one id")
        return records[0]
    }

    func existing(_ number: UInt64) async throws -> TaskRecord {
        guard let record = try await self.record(number) else {
            throw ConformanceFailure(message: "There should be a task \(number)", file: #fileID, line: #line)
        }
        return record
    }

    /// Brings a new task, with this number as its id, to a state.
    func make(_ number: UInt64, _ state: TaskState, keptUntil: Timestamp = Sample.now + .seconds(600)) async throws {
        // What is claimed here is due before everything else, so that the claim finds it.
        let due = Duration.seconds(state == .scheduled ? -1_000_000 + Int64(number) : -2_000_000 - Int64(number))
        try await self.insert(Sample.task(number, due: due))
        guard state != .scheduled else { return }
        if state == .cancelled {
            _ = try await self.cancel([Sample.id(number)], removeAt: keptUntil, now: Sample.now)
            return
        }
        let claims = try await self.claim(due: due, limit: 1).map(\.claim)
        try expect(claims.map(\.id), is: [Sample.id(number)], "the claimed task")
        switch state {
        case .scheduled, .running, .cancelled: return
        case .completed: _ = try await self.settle(Settlement(claims[0], .complete(keepUntil: keptUntil)))
        case .discarded:
            _ = try await self.settle(Settlement(claims[0], .discard(keepUntil: keptUntil, Sample.attempt(1))))
        case .expired:
            _ = try await self.settle(Settlement(claims[0], .expire(keepUntil: keptUntil, Sample.expired(1))))
        }
        try expect(try await self.existing(number).state, is: state, "the state of task \(number)")
    }
}
