internal import GearclockCore

extension TaskStoreConformance {
    static let memberCases = [
        TaskStoreConformanceCase("who beats is a member, and every beat counts one more") { store in
            let alice = { (beats: UInt64) in Member(id: Sample.alice, role: .dispatcher, beats: beats) }
            let bob = { (beats: UInt64) in Member(id: Sample.bob, role: .controller, beats: beats) }
            try expect(try await store.beat(Sample.alice, role: .dispatcher, now: Sample.now), is: [alice(1)], "alone")
            try expect(
                try await store.beat(Sample.bob, role: .controller, now: Sample.now), is: [alice(1), bob(1)],
                "with a second one")
            try expect(
                try await store.beat(Sample.alice, role: .dispatcher, now: Sample.now), is: [alice(2), bob(1)],
                "after another beat")
            try await store.leave(Sample.bob)
            try await store.leave(OwnerID(value: 77))
            try expect(
                try await store.beat(Sample.alice, role: .dispatcher, now: Sample.now), is: [alice(3)],
                "after the other one left")
            try expect(
                try await store.beat(Sample.bob, role: .controller, now: Sample.now), is: [alice(3), bob(1)],
                "after it came back")
        },
        TaskStoreConformanceCase("a member of whom nobody heard for ten minutes is removed, not before") { store in
            _ = try await store.beat(Sample.alice, role: .dispatcher, now: Sample.now)
            let later = Sample.now + Limits.memberMemory
            try expect(
                try await store.beat(Sample.bob, role: .dispatcher, now: later).map(\.id),
                is: [Sample.alice, Sample.bob],
                "the members just before")
            try expect(
                try await store.beat(Sample.bob, role: .dispatcher, now: later + .microseconds(1)).map(\.id),
                is: [Sample.bob], "the members after it")
        },
        TaskStoreConformanceCase("what one member says, others hear on another connection", connections: 2) { stores in
            for beats in UInt64(1)...5 {
                _ = try await stores[0].beat(Sample.alice, role: .dispatcher, now: Sample.now)
                let heard = try await stores[1].beat(Sample.bob, role: .dispatcher, now: Sample.now)
                try expect(heard.map(\.beats), is: [beats, beats], "the beats of both")
            }
        },
    ]

    static let functionCases = [
        TaskStoreConformanceCase("settings of functions are read back, replaced and removed") { store in
            try expect(try await store.functionSettings(), is: [], "without any")
            let full = FunctionSettings(
                function: Sample.function("b"), isPaused: true, inFlight: .max, perThousandSeconds: 1, queueWatermark: 0
            )
            let others = ["ü", "a"].map { FunctionSettings(function: Sample.function($0), inFlight: 7) }
            try await store.setFunctionSettings([full] + others)
            try expect(try await store.functionSettings(), is: [others[1], full, others[0]], "in their order")
            let changed = FunctionSettings(function: full.function, perThousandSeconds: 500)
            try await store.setFunctionSettings([changed, FunctionSettings(function: others[0].function)])
            try expect(try await store.functionSettings(), is: [others[1], changed], "after a change and a removal")
            try await store.setFunctionSettings([FunctionSettings(function: Sample.function("none"))])
            try await store.setFunctionSettings([])
            try expect(try await store.functionSettings(), is: [others[1], changed], "after nothing")
        },
        TaskStoreConformanceCase("settings concern no task", connections: 2) { stores in
            try await stores[0].insert(Sample.task(1))
            try await stores[0].setFunctionSettings([
                FunctionSettings(function: Sample.task(1).function, isPaused: true)
            ])
            try expect(try await stores[1].functionSettings().count, is: 1, "what another connection reads")
            // Dispatchers do not ask for the lanes of paused functions; a store gives what it is asked for.
            try expect(try await stores[1].claim().map(\.id), is: [Sample.id(1)], "the claim")
        },
    ]
}
