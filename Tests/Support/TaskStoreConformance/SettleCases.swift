internal import GearclockCore

extension TaskStoreConformance {
    private static let keptUntil = Sample.now + .seconds(600)

    /// One settlement of each kind.
    static let changes: [Settlement.Change] = [
        .complete(keepUntil: nil), .complete(keepUntil: keptUntil), .retry(at: Sample.now, Sample.attempt(1)),
        .release(at: Sample.now), .discard(keepUntil: keptUntil, Sample.attempt(1)),
        .expire(keepUntil: keptUntil, Sample.expired(1)),
    ]

    static let settleCases = [
        TaskStoreConformanceCase("a completed task is removed, or kept if it was asked for") { store in
            try await store.insert(Sample.task(1), Sample.task(2))
            let claims = try await store.claim().map(\.claim)
            let outcomes = try await store.settle(
                [
                    Settlement(claims[0], .complete(keepUntil: nil)),
                    Settlement(claims[1], .complete(keepUntil: Self.keptUntil)),
                ], now: Sample.now + .seconds(3))
            try expect(outcomes, is: [.done, .done], "the outcomes")
            try expect(try await store.record(1), is: nil, "the removed task")
            let record = try await store.existing(2)
            let expected = Self.final(Sample.task(2), .completed, at: Sample.now + .seconds(3))
            try expect(record, is: expected, "the kept task")
        },
        TaskStoreConformanceCase("a retry counts a failure and is due when it says") { store in
            let claim = try await store.claimed(Sample.fullTask(1))
            let outcomes = try await store.settle(
                Settlement(claim, .retry(at: Sample.now + .seconds(30), Sample.attempt(1))))
            try expect(outcomes, is: [.done], "the outcome")
            var expected = TaskRecord(Sample.fullTask(1, due: .seconds(30)))
            expected.attempt = 1
            expected.failures = 1
            expected.history = [Sample.attempt(1)]
            try expect(try await store.existing(1), is: expected, "the task")
            try expect(try await store.nextDue(), is: Sample.now + .seconds(30), "what is due next")
            try expect(try await store.claim(due: .seconds(29)), is: [], "a claim before its time")
            try expect(try await store.claim(due: .seconds(30)).map(\.failures), is: [1], "its failures")
        },
        TaskStoreConformanceCase("a release counts no failure and leaves no history") { store in
            let claim = try await store.claimed(Sample.fullTask(1))
            let outcomes = try await store.settle(Settlement(claim, .release(at: Sample.now + .seconds(-30))))
            try expect(outcomes, is: [.done], "the outcome")
            var expected = TaskRecord(Sample.fullTask(1, due: .seconds(-30)))
            expected.attempt = 1
            try expect(try await store.existing(1), is: expected, "the task")
        },
        TaskStoreConformanceCase("a discarded task is kept with one more failure and its last attempt") { store in
            let claim = try await store.claimed(Sample.task(1))
            let outcomes = try await store.settle(
                Settlement(claim, .discard(keepUntil: Self.keptUntil, Sample.attempt(1))))
            try expect(outcomes, is: [.done], "the outcome")
            var expected = Self.final(Sample.task(1), .discarded, at: Sample.now)
            expected.failures = 1
            expected.history = [Sample.attempt(1)]
            try expect(try await store.existing(1), is: expected, "the task")
        },
        TaskStoreConformanceCase("an expired task is kept without a failure, and its last attempt says why") { store in
            let claim = try await store.claimed(Sample.task(1))
            let outcomes = try await store.settle(
                Settlement(claim, .expire(keepUntil: Self.keptUntil, Sample.expired(1))))
            try expect(outcomes, is: [.done], "the outcome")
            var expected = Self.final(Sample.task(1), .expired, at: Sample.now)
            expected.history = [Sample.expired(1)]
            try expect(try await store.existing(1), is: expected, "the task")
        },
        TaskStoreConformanceCase("no settlement is made unless id, owner and attempt are right") { store in
            let claim = try await store.claimed(Sample.task(1))
            let before = try await store.existing(1)
            for change in Self.changes {
                let wrong = Self.wrongClaims(like: claim)
                let outcomes = try await store.settle(wrong.map { Settlement($0, change) }, now: Sample.now)
                try expect(outcomes, is: wrong.map { _ in .stale }, "the outcomes of \(change)")
                try expect(try await store.existing(1), is: before, "the task after a stale \(change)")
            }
        },
        TaskStoreConformanceCase("after any settlement its claim can change nothing more") { store in
            for (number, change) in zip(UInt64(1)..., Self.changes) {
                let claim = try await store.claimed(Sample.task(number))
                _ = try await store.settle(Settlement(claim, change))
                let before = try await store.record(number)
                for second in Self.changes {
                    let outcomes = try await store.settle(Settlement(claim, second))
                    try expect(outcomes, is: [.stale], "\(second) after \(change)")
                }
                let extended = try await store.extend([claim], leaseUntil: .distantFuture, now: Sample.now)
                try expect(extended, is: [.stale], "an extension after \(change)")
                try expect(try await store.record(number), is: before, "the task after \(change) and more")
                _ = try await store.cancel([Sample.id(number)], removeAt: Self.keptUntil, now: Sample.now)
            }
        },
        TaskStoreConformanceCase("a claim from before a retry cannot change the attempt after it") { store in
            let stale = try await store.claimed(Sample.task(1))
            _ = try await store.settle(Settlement(stale, .retry(at: Sample.now, Sample.attempt(1))))
            // The same owner again: only the number of the attempt tells the two claims apart.
            let fresh = try await store.claim().map(\.claim)
            let before = try await store.existing(1)
            for change in Self.changes {
                let outcomes = try await store.settle(Settlement(stale, change))
                try expect(outcomes, is: [.stale], "\(change) by the old claim")
            }
            let extended = try await store.extend([stale], leaseUntil: .distantFuture, now: Sample.now)
            try expect(extended, is: [.stale], "an extension by the old claim")
            try expect(try await store.existing(1), is: before, "the task")
            let outcomes = try await store.settle(Settlement(fresh[0], .complete(keepUntil: nil)))
            try expect(outcomes, is: [.done], "completing by the new claim")
        },
        TaskStoreConformanceCase("of two settlements of one claim in a batch the first is made") { store in
            try await store.insert(Sample.task(1), Sample.task(2))
            let claims = try await store.claim().map(\.claim)
            let outcomes = try await store.settle(
                Settlement(claims[0], .release(at: Sample.now + .seconds(1))),
                Settlement(claims[1], .complete(keepUntil: nil)),
                Settlement(claims[0], .complete(keepUntil: nil)),
                Settlement(claims[1], .release(at: Sample.now)))
            try expect(outcomes, is: [.done, .done, .stale, .stale], "the outcomes in their order")
            try expect(try await store.existing(1).state, is: .scheduled, "the state of the first task")
            try expect(try await store.record(2), is: nil, "the second task")
        },
        TaskStoreConformanceCase("a task that was retried many times stays in its place among the others") { store in
            try await store.insert(Sample.task(1), Sample.task(2, due: .seconds(5)))
            for round in UInt32(1)...20 {
                let claimed = try await store.claim(due: .seconds(100), limit: 1)
                let at = Sample.now + (round % 2 == 0 ? .seconds(10) : .seconds(1))
                _ = try await store.settle(Settlement(claimed[0].claim, .retry(at: at, Sample.attempt(round))))
            }
            let rest = try await store.claim(due: .seconds(100))
            let sorted = rest.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
            try expect(rest, is: sorted, "the claimed tasks")
            try expect(rest.map(\.claim.attempt).reduce(0, +), is: 22, "all attempts together")
        },
    ]

    /// A task that was claimed once and has ended.
    static func final(_ task: TaskDefinition, _ state: TaskState, at finishedAt: Timestamp) -> TaskRecord {
        var record = TaskRecord(task)
        record.state = state
        record.attempt = 1
        record.finishedAt = finishedAt
        record.removeAt = self.keptUntil
        return record
    }

    static let historyCases = [
        TaskStoreConformanceCase("a history has its entries in the order in which they were made") { store in
            try await store.insert(Sample.task(1))
            var expected: [AttemptRecord] = []
            for (number, outcome) in zip(UInt32(1)..., AttemptOutcome.allCases) {
                let claim = try await store.claim().map(\.claim)[0]
                // Times and numbers come from clocks and daemons that may be wrong; the order does not hang on them.
                let attempt = AttemptRecord(
                    attempt: 100 - number, startedAt: Sample.now + .seconds(-Int64(number)), endedAt: .epoch,
                    outcome: outcome, message: Array("attempt \(number)".utf8))
                expected.append(attempt)
                _ = try await store.settle(Settlement(claim, .retry(at: Sample.now, attempt)))
            }
            try expect(try await store.existing(1).history, is: expected, "the history")
        },
        TaskStoreConformanceCase("of a long history the latest entries are kept, also beside another task's") { store in
            try await store.insert(Sample.task(1), Sample.task(2))
            let count = UInt32(Limits.historyEntries + 3)
            for number in 1...count {
                let claims = try await store.claim().map(\.claim)
                try expect(claims.count, is: 2, "the number of claims")
                let first = AttemptRecord(
                    attempt: number, startedAt: Sample.now, endedAt: Sample.now, outcome: .failed)
                _ = try await store.settle(
                    Settlement(claims[0], .retry(at: Sample.now, first)),
                    Settlement(
                        claims[1], number == 1 ? .retry(at: Sample.now, first) : .release(at: Sample.now)))
            }
            let history = try await store.existing(1).history.map(\.attempt)
            try expect(history, is: Array(4...count), "the attempts in the long history")
            try expect(try await store.existing(2).history.map(\.attempt), is: [1], "those in the short one")
            try expect(try await store.existing(1).failures, is: count, "the failures, which are all counted")
        },
        TaskStoreConformanceCase("a message is kept byte for byte") { store in
            let claim = try await store.claimed(Sample.task(1))
            let message = (0..<Limits.attemptMessageBytes).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let attempt = AttemptRecord(
                attempt: 1, startedAt: Sample.now, endedAt: Sample.now, outcome: .failed, message: message)
            _ = try await store.settle(Settlement(claim, .retry(at: Sample.now, attempt)))
            try expect(try await store.existing(1).history, is: [attempt], "the history")
        },
    ]
}
