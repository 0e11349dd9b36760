internal import GearclockCore

extension TaskStoreConformance {
    static let racingCases = [
        TaskStoreConformanceCase("what one connection did, another one sees", connections: 2) { stores in
            for round in UInt64(0)..<10 {
                let (one, other) = (stores[Int(round) % 2], stores[1 - Int(round) % 2])
                try await one.insert(Sample.task(round))
                try expect(try await other.nextDue(), is: Sample.now, "what is due next")
                let claims = try await other.claim().map(\.claim)
                try expect(claims.map(\.id), is: [Sample.id(round)], "what the other one claims")
                try expect(try await one.existing(round).state, is: .running, "its state")
                let outcomes = try await one.settle(Settlement(claims[0], .complete(keepUntil: nil)))
                try expect(outcomes, is: [.done], "its settlement by the first")
                try expect(try await other.record(round), is: nil, "the removed task")
            }
        },
        TaskStoreConformanceCase("connections that race for tasks get each task once", connections: 2) { stores in
            let count: UInt64 = 200
            let tasks = (1...count).map { Sample.task($0, due: .microseconds(-Int64($0))) }
            _ = try await stores[0].insert(tasks, now: Sample.now)
            let claimed = try await Self.both(stores) { store, number in
                let owner = OwnerID(value: UInt64(number + 1))
                var claimed: [ClaimedTask] = []
                while true {
                    let batch = try await Self.persistently { try await store.claim(limit: 3, owner: owner) }
                    if batch.isEmpty { return claimed }
                    claimed += batch
                }
            }.flatMap { $0 }
            try expect(claimed.map(\.id).sorted(), is: tasks.map(\.id), "the claimed ids")
            try expect(Set(claimed.map(\.claim.attempt)), is: [1], "the numbers of their attempts")
            let owners = try await stores[1].records(of: claimed.map(\.id)).map { $0?.owner }
            try expect(owners, is: claimed.map(\.claim.owner), "the owners that the store knows")
        },
        TaskStoreConformanceCase("of connections that race for one task one gets it", connections: 2) { stores in
            for number in UInt64(1)...30 {
                try await stores[0].insert(Sample.task(number))
                let claims = try await Self.both(stores) { store, number in
                    try await Self.persistently { try await store.claim(owner: OwnerID(value: UInt64(number + 1))) }
                }
                try expect(claims.flatMap { $0 }.map(\.id), is: [Sample.id(number)], "what both got together")
            }
        },
        TaskStoreConformanceCase("of racing settlements of one claim one is made", connections: 2) { stores in
            for number in UInt64(1)...30 {
                let claim = try await stores[0].claimed(Sample.task(number))
                let outcomes = try await Self.both(stores) { store, number in
                    let change: Settlement.Change =
                        number == 0 ? .complete(keepUntil: nil) : .retry(at: .latestDue, Sample.attempt(1))
                    return try await Self.persistently { try await store.settle(Settlement(claim, change)) }
                }
                let first = outcomes[0] == [.done]
                try expect(outcomes, is: first ? [[.done], [.stale]] : [[.stale], [.done]], "both outcomes")
                let state = try await stores[1].record(number)?.state
                try expect(state, is: first ? nil : .scheduled, "the state that the winner made")
            }
        },
        TaskStoreConformanceCase("operators who change one function at once do not undo each other", connections: 2) {
            stores in
            let function = Sample.function("f")
            for round in UInt32(1)...30 {
                // Both make the settings, then both change them, then both remove them.
                let isPaused = round % 3 == 1
                let inFlight = round % 3 == 0 ? nil : round
                let both = [
                    FunctionChange(isPaused: isPaused),
                    FunctionChange(inFlight: inFlight.map { .set($0) } ?? .removed),
                ]
                _ = try await Self.both(stores) { store, number in
                    try await Self.persistently { try await store.changeFunctions([function], both[number]) }
                }
                let wanted = FunctionSettings(function: function, isPaused: isPaused, inFlight: inFlight)
                try expect(
                    try await stores[0].functionSettings(), is: wanted.isEmpty ? [] : [wanted],
                    "what both wanted in round \(round)")
            }
        },
        TaskStoreConformanceCase("of racing insertions of one id one is stored", connections: 2) { stores in
            let count: UInt64 = 30
            let outcomes = try await Self.both(stores) { store, number in
                // One of them goes through the ids backwards: they meet in the middle.
                var outcomes = [InsertOutcome](repeating: .inserted, count: Int(count))
                for step in 0..<count {
                    let id = number == 0 ? step : count - 1 - step
                    let task = Sample.task(id, function: "function\(number)")
                    outcomes[Int(id)] = try await Self.persistently {
                        try await store.insert([task], now: Sample.now)[0]
                    }
                }
                return outcomes
            }
            for (id, outcome) in zip(UInt64(0)..., zip(outcomes[0], outcomes[1])) {
                let first = outcome.0 == .inserted
                try expect(outcome.0 != outcome.1, "task \(id) is stored by one of them")
                let function = try await stores[0].existing(id).definition.function
                try expect(function, is: Sample.function(first ? "function0" : "function1"), "whose task \(id) is")
            }
        },
        TaskStoreConformanceCase("a cancelled caller gets an answer that is true, and the store goes on") { store in
            let ids = Sample.ids(1...40)
            var answers: [TaskID: Result<InsertOutcome, TaskStoreError>] = [:]
            await withTaskGroup(of: (TaskID, Result<InsertOutcome, TaskStoreError>).self) { group in
                for number in UInt64(1)...40 {
                    group.addTask {
                        do throws(TaskStoreError) {
                            let outcomes = try await store.insert([Sample.task(number)], now: Sample.now)
                            return (Sample.id(number), .success(outcomes[0]))
                        } catch {
                            return (Sample.id(number), .failure(error))
                        }
                    }
                    if number == 20 { group.cancelAll() }
                }
                for await (id, answer) in group { answers[id] = answer }
            }
            let records = try await store.records(of: ids)
            for (id, record) in zip(ids, records) {
                switch answers[id] {
                case .success(let outcome):
                    try expect(outcome, is: .inserted, "the answer for \(id)")
                    try expect(record != nil, "task \(id), which was acknowledged, is there")
                case .failure(.unavailable), .failure(.conflict):
                    try expect(record == nil, "task \(id), which was refused, is not there")
                case .failure(.outcomeUnknown): break
                case nil: throw ConformanceFailure(message: "No answer for \(id)", file: #fileID, line: #line)
                }
            }
            try await store.insert(Sample.task(100, due: .seconds(-1)))
            try expect(try await store.claim(limit: 1).map(\.id), is: [Sample.id(100)], "what is claimed afterwards")
        },
    ]

    /// Runs the body on two connections at once.
    private static func both<Value: Sendable>(
        _ stores: [any TaskStore],
        _ body: @escaping @Sendable (_ store: any TaskStore, _ number: Int) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: Value.self) { group in
            // The second one on its own executor, the first one here.
            group.addTask { try await body(stores[1], 1) }
            let first = try await body(stores[0], 0)
            guard let second = try await group.next() else { return [first] }
            return [first, second]
        }
    }

    /// Does what a caller does about a conflict: asks again.
    private static func persistently<Value: Sendable>(
        _ body: () async throws -> Value
    ) async throws -> Value {
        for _ in 0..<100 {
            do {
                return try await body()
            } catch TaskStoreError.conflict {
                continue
            }
        }
        throw ConformanceFailure(message: "A hundred conflicts one after the other", file: #fileID, line: #line)
    }
}
