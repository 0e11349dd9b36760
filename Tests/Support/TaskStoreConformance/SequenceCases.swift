internal import GearclockCore

extension TaskStoreConformance {
    /// Long random sequences, in shards that may run side by side. A failure names the seed that repeats it.
    private static let seeds: [ClosedRange<UInt64>] = [1...4, 5...8, 9...12, 13...16]

    static let sequenceCases =
        seeds.map { seeds in
            TaskStoreConformanceCase(
                "random sequences of calls do what the model does (seeds \(seeds))", onNewStores: Int(seeds.count)
            ) { stores in
                for (seed, store) in zip(seeds, stores) { try await Self.playRandomly(seed: seed, on: store) }
            }
        } + [
            TaskStoreConformanceCase("every short sequence of calls does what the model does") { store in
                let sequences = ShortSequences.all(length: 4)
                try expect(sequences.count > 300, "there are many short sequences (\(sequences.count))")
                for (number, letters) in zip(UInt64(0)..., sequences) {
                    try await Self.play(letters, number: number, on: store)
                }
            }
        ]

    // MARK: - Random sequences

    private static func playRandomly(seed: UInt64, on store: any TaskStore) async throws {
        var maker = RandomOperations(seed: seed)
        var model = TaskStoreModel()
        for step in 0..<150 {
            let (operation, now) = maker.next()
            let expected = model.perform(operation, now: now)
            let answer = try await store.perform(operation, now: now)
            maker.learn(from: expected)
            let place = "seed \(seed), step \(step): \(operation)"
            try expect(answer, is: expected, "the answer of \(place)")
            if step % 5 == 0 {
                let records = try await store.records(of: maker.ids)
                try expect(records, is: model.records(of: maker.ids), "the records after \(place)")
                try expect(try await store.dueLanes(), is: model.dueLanes(), "what is due next after \(place)")
                try expect(try await store.counts(now: now), is: model.counts(now: now), "the counts after \(place)")
            }
        }
    }

    // MARK: - Short sequences

    private static func play(
        _ letters: [ShortSequences.Letter], number: UInt64, on store: any TaskStore
    ) async throws {
        var sequence = ShortSequences(number: number)
        for letter in letters {
            let operation = sequence.operation(for: letter)
            let expected = sequence.perform(operation)
            let answer = try await store.perform(operation, now: Sample.now)
            try expect(answer, is: expected, "the answer of \(letter) in \(letters)")
        }
        let records = try await store.records(of: sequence.ids)
        try expect(records, is: sequence.model.records(of: sequence.ids), "the records after \(letters)")
        try expect(try await store.nextDue(), is: sequence.model.nextDue(), "what is due next after \(letters)")
        // Leaves nothing for the next sequence.
        try await store.eject(sequence.ids, now: Sample.now)
        _ = try await store.prune(limit: 10, now: .distantFuture)
        try expect(
            try await store.counts(now: Sample.now), is: TaskCounts(), "the counts after \(letters) and cleaning")
    }
}
