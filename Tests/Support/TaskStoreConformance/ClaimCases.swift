internal import GearclockCore

extension TaskStoreConformance {
    static let claimCases = [
        TaskStoreConformanceCase("tasks are claimed earliest first, and by id where they are due together") { store in
            _ = try await store.insert(
                [
                    Sample.task(4, due: .seconds(-1)), Sample.task(3, due: .seconds(-3)),
                    Sample.task(2, due: .seconds(-1)), Sample.task(9, due: .seconds(-2)),
                    Sample.task(1, due: .seconds(-1)),
                ], now: Sample.now)
            let first = try await store.claim(limit: 3)
            try expect(first.map(\.id), is: [3, 9, 1].map(Sample.id), "the first claim")
            let second = try await store.claim(limit: 3)
            try expect(second.map(\.id), is: [2, 4].map(Sample.id), "the second claim")
        },
        TaskStoreConformanceCase("a task is claimed when it is due and not a microsecond before") { store in
            try await store.insert(Sample.task(1), Sample.task(2, due: .microseconds(1)))
            let early = try await store.claim(due: .microseconds(-1))
            try expect(early, is: [], "what is claimed a microsecond early")
            try expect(try await store.claim().map(\.id), is: [Sample.id(1)], "what is claimed in time")
            try expect(
                try await store.claim(due: .microseconds(1)).map(\.id), is: [Sample.id(2)],
                "what is claimed a microsecond later")
        },
        TaskStoreConformanceCase("a claimed task is running, its owner's until the lease ends, one attempt on") {
            store in
            try await store.insert(Sample.fullTask(1))
            let claimed = try await store.claim(owner: Sample.bob, lease: .seconds(15))
            let expected = ClaimedTask(
                definition: Sample.fullTask(1), claim: Claim(id: Sample.id(1), owner: Sample.bob, attempt: 1),
                failures: 0, leaseUntil: Sample.now + .seconds(15))
            try expect(claimed, is: [expected], "the claim")
            var record = TaskRecord(Sample.fullTask(1))
            record.state = .running
            record.attempt = 1
            record.owner = Sample.bob
            record.leaseUntil = Sample.now + .seconds(15)
            try expect(try await store.existing(1), is: record, "the record")
        },
        TaskStoreConformanceCase("each claim raises the attempt, and tells how many attempts failed") { store in
            try await store.insert(Sample.task(1))
            var failures: UInt32 = 0
            for attempt in UInt32(1)...6 {
                let claimed = try await store.claim(owner: attempt % 2 == 0 ? Sample.alice : Sample.bob)
                try expect(claimed.map(\.claim.attempt), is: [attempt], "the number of the attempt")
                try expect(claimed.map(\.failures), is: [failures], "the failures before attempt \(attempt)")
                if attempt % 3 == 0 {
                    _ = try await store.settle(Settlement(claimed[0].claim, .release(at: Sample.now)))
                } else {
                    failures += 1
                    _ = try await store.settle(
                        Settlement(claimed[0].claim, .retry(at: Sample.now, Sample.attempt(attempt))))
                }
            }
        },
        TaskStoreConformanceCase("a claimed task is not claimed again, not even after its lease") { store in
            _ = try await store.claimed(Sample.task(1))
            let later = ClaimRequest(
                owner: Sample.bob, dueBy: .distantFuture, limit: 10, leaseUntil: .distantFuture)
            try expect(try await store.claimDue(later, now: .distantFuture), is: [], "the second claim")
        },
        TaskStoreConformanceCase("final tasks are not claimed") { store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) where state.isFinal {
                try await store.make(number, state)
            }
            try expect(try await store.claim(due: .seconds(1_000_000)), is: [], "the claim")
        },
        TaskStoreConformanceCase("many claims with a small limit take every task once, in order") { store in
            var random = SeededGenerator(seed: 7)
            let dues = (0..<100).map { _ in Int64.random(in: -30...0, using: &random) }
            _ = try await store.insert(
                zip(UInt64(1)..., dues).map { Sample.task($0, due: .seconds($1)) }, now: Sample.now)
            var claimed: [ClaimedTask] = []
            while true {
                let batch = try await store.claim(limit: 7)
                try expect(batch.count <= 7, "a claim takes no more than its limit")
                if batch.isEmpty { break }
                claimed += batch
            }
            let order = claimed.sorted { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
            try expect(claimed, is: order, "the claimed tasks in their order")
            try expect(claimed.count, is: 100, "the number of claimed tasks")
        },
        TaskStoreConformanceCase("nothing due is an empty claim") { store in
            try expect(try await store.claim(due: .seconds(1_000_000)), is: [], "a claim of an empty store")
        },
    ]

    static let extendCases = [
        TaskStoreConformanceCase("a lease is extended, and never ends earlier than it did") { store in
            let claim = try await store.claimed(Sample.task(1))
            let before = try await store.existing(1)
            for (seconds, end) in [(70, 70), (65, 70), (-5, 70), (71, 71)] as [(Int64, Int64)] {
                let outcomes = try await store.extend(
                    [claim], leaseUntil: Sample.now + .seconds(seconds), now: Sample.now)
                try expect(outcomes, is: [.done], "the extension to \(seconds) s")
                var expected = before
                expected.leaseUntil = Sample.now + .seconds(end)
                try expect(try await store.existing(1), is: expected, "the task after that")
            }
        },
        TaskStoreConformanceCase("a batch of extensions is answered one by one, in order") { store in
            try await store.insert(Sample.task(1), Sample.task(2), Sample.task(3))
            let claims = try await store.claim().map(\.claim)
            _ = try await store.settle(Settlement(claims[1], .release(at: Sample.now)))
            let unknown = Claim(id: Sample.id(9), owner: Sample.alice, attempt: 1)
            let outcomes = try await store.extend(
                [claims[2], unknown, claims[1], claims[0], claims[0]], leaseUntil: Sample.now + .seconds(99),
                now: Sample.now)
            try expect(outcomes, is: [.done, .stale, .stale, .done, .done], "the outcomes")
            for number in [1, 3] as [UInt64] {
                let end = try await store.existing(number).leaseUntil
                try expect(end, is: Sample.now + .seconds(99), "the lease of task \(number)")
            }
            try expect(try await store.existing(2).leaseUntil, is: nil, "the lease of the released task")
        },
        TaskStoreConformanceCase("an extension needs id, owner and attempt to be right") { store in
            let claim = try await store.claimed(Sample.task(1))
            let before = try await store.existing(1)
            let wrong = Self.wrongClaims(like: claim)
            let outcomes = try await store.extend(wrong, leaseUntil: .distantFuture, now: Sample.now)
            try expect(outcomes, is: wrong.map { _ in .stale }, "the outcomes of wrong claims")
            try expect(try await store.existing(1), is: before, "the task after that")
        },
    ]

    /// Claims that differ from a good one in one part each.
    static func wrongClaims(like claim: Claim) -> [Claim] {
        [
            Claim(id: Sample.id(999), owner: claim.owner, attempt: claim.attempt),
            Claim(id: claim.id, owner: Sample.bob, attempt: claim.attempt),
            Claim(id: claim.id, owner: claim.owner, attempt: claim.attempt + 1),
            Claim(id: claim.id, owner: claim.owner, attempt: claim.attempt - 1),
            Claim(id: claim.id, owner: claim.owner, attempt: .max),
            Claim(id: claim.id, owner: OwnerID(value: 0), attempt: claim.attempt),
            Claim(id: claim.id, owner: OwnerID(value: .max), attempt: claim.attempt),
        ]
    }
}
