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
        TaskStoreConformanceCase("settings of functions are changed, read back and removed") { store in
            try expect(try await store.functionSettings(), is: [], "without any")
            let (a, b, c) = (Sample.function("a"), Sample.function("b"), Sample.function("ü"))
            let full = FunctionChange(
                isPaused: true, inFlight: .set(.max), perThousandSeconds: .set(1), queueWatermark: .set(0))
            let fullB = FunctionSettings(
                function: b, isPaused: true, inFlight: .max, perThousandSeconds: 1, queueWatermark: 0)
            try expect(try await store.changeFunctions([b], full), is: [fullB], "the first")
            let others = [c, a].map { FunctionSettings(function: $0, inFlight: 7) }
            // A function that is named twice is no mistake.
            try expect(
                try await store.changeFunctions([c, a, c], FunctionChange(inFlight: .set(7))),
                is: others + [others[0]], "two others")
            try expect(try await store.functionSettings(), is: [others[1], fullB, others[0]], "in their order")
            let less = FunctionChange(
                isPaused: false, inFlight: .removed, perThousandSeconds: .set(500), queueWatermark: .removed)
            _ = try await store.changeFunctions([b], less)
            let removed = try await store.changeFunctions([c], FunctionChange(inFlight: .removed))
            try expect(removed, is: [FunctionSettings(function: c)], "what is left of one")
            let changed = FunctionSettings(function: b, perThousandSeconds: 500)
            try expect(try await store.functionSettings(), is: [others[1], changed], "after a change and a removal")
            _ = try await store.changeFunctions([Sample.function("none")], FunctionChange(isPaused: false))
            try expect(try await store.changeFunctions([], full), is: [], "no function")
            try expect(try await store.functionSettings(), is: [others[1], changed], "after nothing")
        },
        TaskStoreConformanceCase("a change of a setting leaves the others as they are") { store in
            let function = Sample.function("f")
            _ = try await store.changeFunctions([function], FunctionChange(isPaused: true, queueWatermark: .set(3)))
            let limited = try await store.changeFunctions([function], FunctionChange(inFlight: .set(2)))
            try expect(
                limited, is: [FunctionSettings(function: function, isPaused: true, inFlight: 2, queueWatermark: 3)],
                "paused and limited")
            _ = try await store.changeFunctions([function], FunctionChange(isPaused: false, queueWatermark: .removed))
            try expect(
                try await store.functionSettings(), is: [FunctionSettings(function: function, inFlight: 2)],
                "one limit is left")
        },
        TaskStoreConformanceCase("settings concern no task", connections: 2) { stores in
            try await stores[0].insert(Sample.task(1))
            _ = try await stores[0].changeFunctions([Sample.task(1).function], FunctionChange(isPaused: true))
            try expect(try await stores[1].functionSettings().count, is: 1, "what another connection reads")
            // Dispatchers do not ask for the lanes of paused functions; a store gives what it is asked for.
            try expect(try await stores[1].claim().map(\.id), is: [Sample.id(1)], "the claim")
        },
    ]
}
