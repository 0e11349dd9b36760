internal import GearclockCore

extension TaskStoreConformance {
    static let rescueCases = [
        TaskStoreConformanceCase("a rescued task is scheduled as before, with an entry and no failure") { store in
            _ = try await store.claimed(Sample.fullTask(1, due: .seconds(-7)))
            let end = Sample.now + .seconds(60)
            let count = try await store.rescueExpired(
                endedBefore: end + .microseconds(1), limit: 10, now: Sample.now + .seconds(70))
            try expect(count, is: 1, "the number of rescued tasks")
            var expected = TaskRecord(Sample.fullTask(1, due: .seconds(-7)))
            expected.attempt = 1
            expected.history = [
                .leaseExpired(attempt: 1, leaseUntil: end, now: Sample.now + .seconds(70))
            ]
            try expect(try await store.existing(1), is: expected, "the task")
            let again = try await store.claim(owner: Sample.bob)
            try expect(again.map(\.claim.attempt), is: [2], "the next attempt")
        },
        TaskStoreConformanceCase("a lease is not taken back at its last microsecond") { store in
            let claim = try await store.claimed(Sample.task(1))
            let end = Sample.now + .seconds(60)
            try expect(
                try await store.rescueExpired(endedBefore: end, limit: 10, now: end), is: 0, "the rescued tasks")
            try expect(try await store.settle(Settlement(claim, .complete(keepUntil: nil))), is: [.done], "its end")
        },
        TaskStoreConformanceCase("an extended lease is taken back only after its new end") { store in
            let claim = try await store.claimed(Sample.task(1))
            let end = Sample.now + .seconds(90)
            _ = try await store.extend([claim], leaseUntil: end, now: Sample.now)
            try expect(try await store.rescueExpired(endedBefore: end, limit: 10, now: end), is: 0, "too early")
            try expect(
                try await store.rescueExpired(endedBefore: end + .microseconds(1), limit: 10, now: end), is: 1,
                "in time")
        },
        TaskStoreConformanceCase("a claim that was rescued can change nothing") { store in
            let claim = try await store.claimed(Sample.task(1))
            _ = try await store.rescueExpired(endedBefore: .distantFuture, limit: 10, now: Sample.now)
            let before = try await store.existing(1)
            for change in Self.changes {
                try expect(try await store.settle(Settlement(claim, change)), is: [.stale], "\(change) after a rescue")
            }
            try expect(
                try await store.extend([claim], leaseUntil: .distantFuture, now: Sample.now), is: [.stale],
                "an extension after a rescue")
            try expect(try await store.existing(1), is: before, "the task")
        },
        TaskStoreConformanceCase("leases that ended first are taken back first, up to the limit") { store in
            for number in [3, 1, 4, 2] as [UInt64] {
                try await store.insert(Sample.task(number))
                _ = try await store.claim(lease: .seconds(number == 3 ? 5 : 10 * Int64(number)))
            }
            let later = Sample.now + .seconds(35)
            try expect(try await store.rescueExpired(endedBefore: later, limit: 2, now: later), is: 2, "the first two")
            var states = try await store.records(of: Sample.ids(1...4)).map { $0?.state }
            try expect(states, is: [.scheduled, .running, .scheduled, .running], "the states after two")
            try expect(try await store.rescueExpired(endedBefore: later, limit: 2, now: later), is: 1, "the next")
            states = try await store.records(of: Sample.ids(1...4)).map { $0?.state }
            try expect(states, is: [.scheduled, .scheduled, .scheduled, .running], "the states after all")
            try expect(try await store.rescueExpired(endedBefore: later, limit: 2, now: later), is: 0, "the rest")
        },
        TaskStoreConformanceCase("only running tasks are rescued") { store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) where state != .running {
                try await store.make(number, state)
            }
            let before = try await store.records(of: Sample.ids(1...6))
            let count = try await store.rescueExpired(endedBefore: .distantFuture, limit: 10, now: Sample.now)
            try expect(count, is: 0, "the number of rescued tasks")
            try expect(try await store.records(of: Sample.ids(1...6)), is: before, "the tasks")
        },
    ]

    static let cancelCases = [
        TaskStoreConformanceCase("each id of a cancellation is answered by what it found") { store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) { try await store.make(number, state) }
            let ids = (Sample.ids(1...6) + [Sample.id(9), Sample.id(1), Sample.id(2)])
            let outcomes = try await store.cancel(ids, removeAt: Sample.now, now: Sample.now)
            try expect(
                outcomes,
                is: [
                    .cancelled, .cancelledWhileRunning, .alreadyFinal(.completed), .alreadyFinal(.discarded),
                    .alreadyFinal(.cancelled), .alreadyFinal(.expired), .notFound, .alreadyFinal(.cancelled),
                    .alreadyFinal(.cancelled),
                ], "the outcomes in their order")
        },
        TaskStoreConformanceCase("a cancelled task is kept until its time, and not run") { store in
            try await store.insert(Sample.fullTask(1))
            let removeAt = Sample.now + .seconds(20)
            _ = try await store.cancel([Sample.id(1)], removeAt: removeAt, now: Sample.now + .seconds(2))
            var expected = TaskRecord(Sample.fullTask(1))
            expected.state = .cancelled
            expected.finishedAt = Sample.now + .seconds(2)
            expected.removeAt = removeAt
            try expect(try await store.existing(1), is: expected, "the task")
            try expect(try await store.claim(), is: [], "what can be claimed")
            try expect(try await store.nextDue(), is: nil, "what is due next")
        },
        TaskStoreConformanceCase("cancelling a running task makes its claim stale and tells of the attempt") { store in
            let claim = try await store.claimed(Sample.task(1, due: .seconds(-7)))
            let now = Sample.now + .seconds(3)
            let outcomes = try await store.cancel([Sample.id(1)], removeAt: Sample.now + .seconds(600), now: now)
            try expect(outcomes, is: [.cancelledWhileRunning], "the outcome")
            var expected = Self.final(Sample.task(1, due: .seconds(-7)), .cancelled, at: now)
            expected.history = [.cancelled(attempt: 1, dueAt: Sample.now + .seconds(-7), now: now)]
            try expect(try await store.existing(1), is: expected, "the task")
            for change in Self.changes {
                try expect(try await store.settle(Settlement(claim, change)), is: [.stale], "\(change) after that")
            }
            try expect(
                try await store.rescueExpired(endedBefore: .distantFuture, limit: 10, now: Sample.now), is: 0,
                "what is rescued")
            try expect(try await store.existing(1), is: expected, "the task after all that")
        },
        TaskStoreConformanceCase("cancelling keeps the history, and adds nothing if the task only waits") { store in
            let claim = try await store.claimed(Sample.task(1))
            _ = try await store.settle(Settlement(claim, .retry(at: Sample.now, Sample.attempt(1))))
            _ = try await store.cancel([Sample.id(1)], removeAt: Sample.now, now: Sample.now)
            try expect(try await store.existing(1).history, is: [Sample.attempt(1)], "the history")
        },
        TaskStoreConformanceCase("of several that are cancelled at once, each that runs has one entry more") { store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) { try await store.make(number, state) }
            try await store.insert(Sample.task(9, due: .seconds(5)))
            _ = try await store.claim(due: .seconds(5), limit: 1)
            _ = try await store.rescueExpired(endedBefore: .distantFuture, limit: 10, now: Sample.now)
            let attempts = try await store.claim(due: .seconds(5)).map(\.claim.attempt)
            try expect(attempts, is: [2, 2, 1], "the attempts under way")
            let ids = Sample.ids(1...9)
            var expected = try await store.records(of: ids)
            let (removeAt, now) = (Sample.now + .seconds(600), Sample.now + .seconds(1))
            _ = try await store.cancel(ids + ids, removeAt: removeAt, now: now)
            for (place, record) in expected.enumerated() where record?.state == .running {
                expected[place]!.state = .cancelled
                expected[place]!.owner = nil
                expected[place]!.leaseUntil = nil
                expected[place]!.finishedAt = now
                expected[place]!.removeAt = removeAt
                expected[place]!.append(
                    .cancelled(attempt: record!.attempt, dueAt: record!.definition.dueAt, now: now))
            }
            try expect(try await store.records(of: ids), is: expected, "the tasks")
        },
    ]

    static let ejectCases = [
        TaskStoreConformanceCase("an ejected task is gone, running or not; a final or unknown one is no error") {
            store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) { try await store.make(number, state) }
            let before = try await store.records(of: Sample.ids(1...6))
            try await store.eject(Sample.ids(1...9) + [Sample.id(1)], now: Sample.now)
            let after = try await store.records(of: Sample.ids(1...6))
            try expect(after, is: [nil, nil] + before.dropFirst(2), "the tasks")
            try expect(try await store.nextDue(), is: nil, "what is due next")
        },
        TaskStoreConformanceCase("after an ejection the claim is stale, and the history is gone") { store in
            let first = try await store.claimed(Sample.task(1))
            _ = try await store.settle(Settlement(first, .retry(at: Sample.now, Sample.attempt(1))))
            let claims = try await store.claim().map(\.claim)
            try await store.eject([Sample.id(1)], now: Sample.now)
            try expect(
                try await store.settle(Settlement(claims[0], .complete(keepUntil: .distantFuture))), is: [.stale],
                "completing after an ejection")
            try await store.insert(Sample.task(1))
            _ = try await store.claim()
            try expect(try await store.existing(1).history, is: [], "the history of a new task with that id")
        },
    ]
}
