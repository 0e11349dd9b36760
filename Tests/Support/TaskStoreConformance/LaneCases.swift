internal import GearclockCore

extension TaskStoreConformance {
    static let laneCases = [
        TaskStoreConformanceCase("each lane tells when its earliest task is due, in the order of lanes") { store in
            try expect(try await store.dueLanes(), is: [], "the lanes of an empty store")
            let names = ["a", "b", "übergröße", "a much longer name of a function"]
            for (number, name) in zip(UInt64(1)..., names) {
                try await store.insert(
                    Sample.task(number * 10, due: .seconds(Int64(number)), function: name),
                    Sample.task(number * 10 + 1, due: .seconds(Int64(number) - 3), function: name))
            }
            var expected = zip(Int64(1)..., names).map { number, name in
                LaneDue(lane: Self.lane(name), dueAt: Sample.now + .seconds(number - 3))
            }
            expected.sort { $0.lane < $1.lane }
            try expect(try await store.dueLanes(), is: expected, "the lanes")
            // What is running or final is not due.
            let claims = try await store.claim(limit: 1).map(\.claim)
            try expect(claims.map(\.id), is: [Sample.id(11)], "the claim")
            _ = try await store.cancel([Sample.id(10)], removeAt: Sample.now + .seconds(60), now: Sample.now)
            expected.removeAll { $0.lane == Self.lane("a") }
            try expect(try await store.dueLanes(), is: expected, "the lanes without that of the first function")
            // What is tried again is.
            let again = Sample.now + .seconds(7)
            _ = try await store.settle(Settlement(claims[0], .retry(at: again, Sample.attempt(1))))
            expected = (expected + [LaneDue(lane: Self.lane("a"), dueAt: again)]).sorted { $0.lane < $1.lane }
            try expect(try await store.dueLanes(), is: expected, "the lanes after a retry")
        },
        TaskStoreConformanceCase("what is taken back stands in its lane again") { store in
            try await store.insert(Sample.task(1, function: "a"))
            _ = try await store.claim(lease: .seconds(1))
            let rescued = try await store.rescueExpired(
                endedBefore: Sample.now + .seconds(9), limit: 5, now: Sample.now)
            try expect(rescued, is: 1, "how many are taken back")
            let claimed = try await Self.claim(store, [LaneShare(lane: Self.lane("a"), limit: 1)])
            try expect(claimed, is: [1], "the claim of its lane")
        },
        TaskStoreConformanceCase("a claim of lanes takes of each as many as it may, earliest first over all") { store in
            for number in UInt64(1)...12 {
                let name = ["a", "b", "c"][Int(number % 3)]
                try await store.insert(Sample.task(number, due: .seconds(Int64(number) - 20), function: name))
            }
            let one = try await Self.claim(store, [Self.share("a", 2), Self.share("c", 1), Self.share("none", 5)])
            try expect(one, is: [2, 3, 6], "the claim")
            let two = try await Self.claim(store, [Self.share("b", 9), Self.share("a", 0)])
            try expect(two, is: [1, 4, 7, 10], "the claim of another lane")
            try expect(try await Self.claim(store, []), is: [], "the claim of no lane")
            let three = try await Self.claim(store, [Self.share("a", 9), Self.share("c", 9)], limit: 3)
            try expect(three, is: [5, 8, 9], "a claim whose limit is smaller than those of its lanes")
        },
        TaskStoreConformanceCase("a claim of buckets takes nothing of others, and all buckets are everything") {
            store in
            let ids = Sample.ids(1...200)
            _ = try await store.insert((1...200).map { Sample.task($0) }, now: Sample.now)
            var claimed: [TaskID] = []
            for mask in [0, 1, 0xffff_0000, 1 << 63, 0x7fff_ffff_0000_fffe] as [UInt64] {
                let buckets = BucketSet(mask: mask)
                let tasks = try await Self.claimed(store, buckets: buckets)
                let expected = ids.filter { mask & 1 << UInt64(BucketSet.bucket(of: $0)) != 0 }
                try expect(tasks.map(\.id), is: expected, "the tasks of \(buckets)")
                claimed += tasks.map(\.id)
            }
            try expect(claimed.sorted(), is: ids, "all of them")
        },
        TaskStoreConformanceCase("a claim ends before it weighs too much, but has one task at least") { store in
            let payload = [UInt8](repeating: 7, count: 1000)
            let tasks = (1...6).map { Sample.task($0, payload: payload) }
            _ = try await store.insert(tasks, now: Sample.now)
            let weight = tasks[0].weightBytes
            for (limit, expected) in [
                (0, [1] as [UInt64]), (2 * weight, [2, 3]), (3 * weight - 1, [4, 5]), (.max, [6]),
            ] {
                let claimed = try await Self.claimed(store, limitBytes: limit)
                try expect(claimed.map(\.id), is: expected.map(Sample.id), "a claim of \(limit) bytes")
                try expect(claimed.map(\.claim.attempt), is: expected.map { _ in 1 }, "its attempts")
            }
        },
    ]

    static let expressCases = [
        TaskStoreConformanceCase("what is due soon is stored claimed, the rest is scheduled") { store in
            let tasks = [
                Sample.fullTask(1, due: .seconds(-5)), Sample.task(2, due: .seconds(2)),
                Sample.task(3, due: .seconds(2) + .microseconds(1)),
            ]
            let express = ExpressClaim(
                owner: Sample.bob, dueBy: Sample.now + .seconds(2), leaseUntil: Sample.now + .seconds(17))
            let reply = try await store.insert(tasks, express: express, copies: .configured, now: Sample.now)
            try expect(reply.outcomes, is: tasks.map { _ in .inserted }, "the outcomes")
            let claimed = zip(tasks, reply.outcomes).compactMap { express.claimed($0, $1) }
            try expect(claimed.map(\.id), is: Sample.ids(1...2), "what the caller may run")
            for (number, task) in zip(UInt64(1)..., tasks.prefix(2)) {
                var record = TaskRecord(task)
                record.state = .running
                record.attempt = 1
                record.owner = Sample.bob
                record.leaseUntil = express.leaseUntil
                try expect(try await store.existing(number), is: record, "task \(number)")
            }
            try expect(try await store.existing(3), is: TaskRecord(tasks[2]), "the task that is due later")
            try expect(try await store.claim(due: .seconds(9)).map(\.id), is: [Sample.id(3)], "what others can claim")
            let outcomes = try await store.settle(
                claimed.map { Settlement($0.claim, .complete(keepUntil: nil)) }, now: Sample.now)
            try expect(outcomes, is: [.done, .done], "the settlements by those claims")
        },
        TaskStoreConformanceCase("an id that is there is left alone by the express lane, too") { store in
            try await store.insert(Sample.task(1))
            let express = ExpressClaim(owner: Sample.bob, dueBy: .distantFuture, leaseUntil: .distantFuture)
            let reply = try await store.insert(
                [Sample.task(1), Sample.task(2), Sample.task(2)], express: express, copies: .configured,
                now: Sample.now)
            try expect(
                reply.outcomes, is: [.exists(.scheduled), .inserted, .exists(.running)], "the outcomes")
            try expect(try await store.existing(1), is: TaskRecord(Sample.task(1)), "the task that was there")
        },
    ]

    static func lane(_ name: String) -> Lane { Lane(of: Sample.function(name)) }
    private static func share(_ name: String, _ limit: Int) -> LaneShare {
        LaneShare(lane: self.lane(name), limit: limit)
    }

    private static func claimed(
        _ store: any TaskStore, _ lanes: [LaneShare]? = nil, limit: Int = 500, limitBytes: Int = .max,
        buckets: BucketSet = .all
    ) async throws -> [ClaimedTask] {
        try await store.claimDue(
            ClaimRequest(
                owner: Sample.alice, dueBy: Sample.now, limit: limit, limitBytes: limitBytes,
                leaseUntil: Sample.now + .seconds(60), lanes: lanes, buckets: buckets), now: Sample.now)
    }

    private static func claim(
        _ store: any TaskStore, _ lanes: [LaneShare], limit: Int = 500
    ) async throws -> [UInt64] {
        try await self.claimed(store, lanes, limit: limit).map { $0.id.low & 0x7fff_ffff_ffff_ffff }
    }
}
