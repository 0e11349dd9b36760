internal import GearclockCore

extension TaskStoreConformance {
    static let extremeCases = [
        TaskStoreConformanceCase("an empty payload and one of 16 MiB are kept byte for byte") { store in
            var random = SeededGenerator(seed: 16)
            var large = [UInt8](repeating: 0, count: Limits.payloadBytes)
            for index in stride(from: 0, to: large.count, by: 4093) {
                large[index] = .random(in: 0...255, using: &random)
            }
            for size in [0, 1, 2, 4000, 4096, 65_536] { large[size] = 0xff }
            let tasks = [Sample.task(1, payload: []), Sample.task(2, payload: large), Sample.task(3, payload: [0])]
            _ = try await store.insert(tasks, now: Sample.now)
            let claimed = try await store.claim()
            try expect(claimed.map(\.definition) == tasks, "the claimed payloads are those that were stored")
            _ = try await store.settle(Settlement(claimed[1].claim, .retry(at: Sample.now, Sample.attempt(1))))
            try expect(
                try await store.existing(2).definition.payload == large, "the large payload is kept over a retry")
            try expect(try await store.existing(1).definition.payload, is: [], "the empty payload")
            let again = try await store.claim()
            _ = try await store.settle(Settlement(again[0].claim, .complete(keepUntil: nil)))
            try expect(try await store.record(2) == nil, "the large task is removed")
        },
        TaskStoreConformanceCase("payloads of every size around a page are kept") { store in
            let sizes = [3900, 4095, 4096, 4097, 8192, 70_000] + Array(stride(from: 3950, to: 4060, by: 3))
            let tasks = zip(UInt64(1)..., sizes).map { number, size in
                Sample.task(number, payload: (0..<size).map { UInt8(truncatingIfNeeded: $0 ^ size) })
            }
            _ = try await store.insert(tasks, now: Sample.now)
            try expect(try await store.claim().map(\.definition) == tasks, "the payloads are those that were stored")
        },
        TaskStoreConformanceCase("function names are any bytes but NUL, up to the longest") { store in
            let every = (1...255).map { UInt8($0) }
            let names = [[0x20], [0x25, 0x5f], [0xff, 0xfe], every, every + every + [0x27, 0x22]]
            let functions = names.compactMap { FunctionName($0) }
            try expect(functions.map(\.bytes.count), is: [1, 2, 2, 255, 512], "the lengths of the names")
            var tasks: [TaskDefinition] = []
            for (number, function) in zip(UInt64(1)..., functions) {
                var task = Sample.fullTask(number)
                task.function = function
                task.gearsloth?.controller = function
                tasks.append(task)
            }
            _ = try await store.insert(tasks, now: Sample.now)
            for task in tasks {
                let found = try await store.list(ListFilter(function: task.function)).map(\.id)
                try expect(found, is: [task.id], "the tasks of a function with \(task.function.bytes.count) bytes")
            }
            try expect(try await store.claim().map(\.definition), is: tasks, "the claimed tasks")
        },
        TaskStoreConformanceCase("function names are compared byte for byte") { store in
            try await store.insert(Sample.task(1, function: "resize"), Sample.task(2, function: "RESIZE"))
            try await store.insert(Sample.task(3, function: "resize "), Sample.task(4, function: "résize"))
            for (number, name) in zip(UInt64(1)..., ["resize", "RESIZE", "resize ", "résize"]) {
                let found = try await store.list(ListFilter(function: Sample.function(name))).map(\.id)
                try expect(found, is: [Sample.id(number)], "the tasks of '\(name)'")
            }
        },
        TaskStoreConformanceCase("times may be at both ends of what there is") { store in
            var past = Sample.fullTask(1)
            past.dueAt = .distantPast
            past.createdAt = .distantPast
            past.expiresAt = .distantPast
            past.timeout = .microseconds(Int64.min)
            past.retain = .microseconds(Int64.max)
            var future = Sample.fullTask(2)
            future.dueAt = .distantFuture
            future.createdAt = .distantFuture
            future.expiresAt = .distantFuture
            future.timeout = .microseconds(Int64.max)
            _ = try await store.insert([future, past], now: .distantFuture)
            try expect(try await store.nextDue(), is: .distantPast, "what is due next")
            let request = ClaimRequest(
                owner: Sample.alice, dueBy: .distantFuture, limit: 10, leaseUntil: .distantPast)
            let claimed = try await store.claimDue(request, now: .distantPast)
            try expect(claimed.map(\.definition), is: [past, future], "the claimed tasks")
            let count = try await store.rescueExpired(endedBefore: .distantPast, limit: 10, now: .distantFuture)
            try expect(count, is: 0, "what is rescued before the beginning of time")
            let extended = try await store.extend(
                claimed.map(\.claim), leaseUntil: .distantFuture, now: .distantFuture)
            try expect(extended, is: [.done, .done], "the extensions")
            let attempt = AttemptRecord(
                attempt: .max, startedAt: .distantPast, endedAt: .distantFuture, outcome: .timedOut)
            _ = try await store.settle(
                [
                    Settlement(claimed[0].claim, .discard(keepUntil: .distantFuture, attempt)),
                    Settlement(claimed[1].claim, .retry(at: .distantPast, attempt)),
                ], now: .distantPast)
            let records = try await store.records(of: Sample.ids(1...2))
            try expect(records[0]?.finishedAt, is: .distantPast, "when the first one ended")
            try expect(records[0]?.removeAt, is: .distantFuture, "until when it is kept")
            try expect(records.map { $0?.history }, is: [[attempt], [attempt]], "the histories")
            try expect(records[1]?.definition.dueAt, is: .distantPast, "when the second one is due")
            let counts = try await store.counts(now: .distantPast)
            try expect(counts.oldestDue, is: .distantPast, "the oldest due time")
            try expect(try await store.prune(limit: 5, now: .latestDue), is: 0, "what is removed before the end")
            try expect(try await store.prune(limit: 5, now: .distantFuture), is: 1, "what is removed at the end")
        },
        TaskStoreConformanceCase("owners are any 64 bits") { store in
            for (number, value) in zip(UInt64(1)..., [0, 1, 1 << 62, 1 << 63, UInt64.max]) {
                let owner = OwnerID(value: value)
                let claim = try await store.claimed(Sample.task(number), owner: owner)
                try expect(try await store.existing(number).owner, is: owner, "the owner")
                try expect(
                    try await store.settle(Settlement(claim, .complete(keepUntil: nil))), is: [.done], "its settlement")
            }
        },
    ]
}
