internal import GearclockCore

extension TaskStoreConformance {
    static let readingCases = [
        TaskStoreConformanceCase("records come in the order they were asked for, with gaps and repetitions") { store in
            try await store.insert(Sample.task(1), Sample.task(2))
            let records = try await store.records(of: [2, 7, 1, 2].map(Sample.id))
            let expected = [Sample.task(2), nil, Sample.task(1), Sample.task(2)].map { $0.map { TaskRecord($0) } }
            try expect(records, is: expected, "the records")
        },
        TaskStoreConformanceCase("what is due next is the earliest scheduled task, whatever else there is") { store in
            try expect(try await store.nextDue(), is: nil, "in an empty store")
            try await store.insert(Sample.task(1, due: .seconds(5)), Sample.task(2, due: .seconds(3)))
            try expect(try await store.nextDue(), is: Sample.now + .seconds(3), "with two tasks")
            let claims = try await store.claim(due: .seconds(3)).map(\.claim)
            try expect(try await store.nextDue(), is: Sample.now + .seconds(5), "while one runs")
            _ = try await store.settle(Settlement(claims[0], .release(at: Sample.now + .seconds(1))))
            try expect(try await store.nextDue(), is: Sample.now + .seconds(1), "after its release")
            _ = try await store.cancel([Sample.id(2)], removeAt: Sample.now, now: Sample.now)
            try expect(try await store.nextDue(), is: Sample.now + .seconds(5), "after it was cancelled")
            try await store.eject([Sample.id(1)], now: Sample.now)
            try expect(try await store.nextDue(), is: nil, "after the other was ejected")
        },
        TaskStoreConformanceCase("a list has its tasks in the order of their ids, page by page") { store in
            let numbers = (1...25).map { UInt64($0 * 7 % 26) }
            _ = try await store.insert(
                numbers.map { Sample.task($0, due: .seconds(-Int64($0))) }, now: Sample.now)
            var pages: [[TaskID]] = []
            while pages.last?.isEmpty != true {
                let page = try await store.list(ListFilter(after: pages.last?.last, limit: 10))
                pages.append(page.map(\.id))
            }
            try expect(pages, is: [Sample.ids(1...10), Sample.ids(11...20), Sample.ids(21...25), []], "the pages")
        },
        TaskStoreConformanceCase("ids are ordered by all their bits") { store in
            let ids = [
                TaskID(high: 0, low: 1), TaskID(high: 0, low: 1 << 63), TaskID(high: 1, low: 0),
                TaskID(high: 0x7fff_ffff_ffff_ffff, low: .max), TaskID(high: 1 << 63, low: 0),
                TaskID(high: .max, low: .max),
            ]
            let tasks = [3, 0, 5, 2, 4, 1].map { index in
                var task = Sample.task(1)
                task.id = ids[index]
                return task
            }
            _ = try await store.insert(tasks, now: Sample.now)
            try expect(try await store.list(ListFilter()).map(\.id), is: ids, "the list")
            for (index, id) in ids.enumerated() {
                let rest = try await store.list(ListFilter(after: id)).map(\.id)
                try expect(rest, is: Array(ids[(index + 1)...]), "the page after \(id)")
            }
            try expect(try await store.claim().map(\.id), is: ids, "the claim of tasks that are due together")
        },
        TaskStoreConformanceCase("a listed task lacks payload, gearsloth's part and history, and nothing else") {
            store in
            let claim = try await store.claimed(Sample.fullTask(1))
            _ = try await store.settle(Settlement(claim, .retry(at: Sample.now, Sample.attempt(1))))
            var expected = try await store.existing(1)
            expected.definition.payload = []
            expected.definition.gearsloth = nil
            expected.history = []
            try expect(try await store.list(ListFilter()), is: [expected], "the list")
        },
        TaskStoreConformanceCase("a list has what function and state ask for, and not more than its limit") { store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) {
                try await store.make(number, state)
                try await store.make(number + 10, state)
            }
            let others = (20...29).map { Sample.task($0, due: .seconds(9), function: "resize2") }
            _ = try await store.insert(others, now: Sample.now)
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) {
                let own = [Sample.id(number), Sample.id(number + 10)]
                var filter = ListFilter(function: Sample.function("resize"), state: state)
                try expect(try await store.list(filter).map(\.id), is: own, "the \(state) tasks of a function")
                filter.function = nil
                let all = own + (state == .scheduled ? others.map(\.id) : [])
                try expect(try await store.list(filter).map(\.id), is: all, "the \(state) tasks")
                filter.after = Sample.id(number)
                try expect(try await store.list(filter).map(\.id), is: Array(all.dropFirst()), "the page after one")
                filter.after = nil
                filter.limit = 1
                try expect(try await store.list(filter).map(\.id), is: [own[0]], "the first \(state) task")
            }
            let filter = ListFilter(function: Sample.function("resize2"), limit: 1000)
            try expect(try await store.list(filter).map(\.id), is: others.map(\.id), "the other function's tasks")
            let none = ListFilter(function: Sample.function("resize2"), state: .running)
            try expect(try await store.list(none), is: [], "what the other function runs")
        },
    ]

    static let countCases = [
        TaskStoreConformanceCase("counts are of each state, and of what is due") { store in
            try expect(try await store.counts(now: Sample.now), is: TaskCounts(), "the counts of an empty store")
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) {
                for copy in 0..<(number) { try await store.make(number * 100 + copy, state) }
            }
            try await store.insert(Sample.task(1), Sample.task(2, due: .microseconds(1)))
            var expected = TaskCounts()
            expected.scheduled = 1 + 2
            expected.running = 2
            expected.completed = 3
            expected.discarded = 4
            expected.cancelled = 5
            expected.expired = 6
            expected.overdue = 1 + 1
            expected.oldestDue = Sample.now + .seconds(-1_000_000 + 100)
            try expect(try await store.counts(now: Sample.now), is: expected, "the counts")
            expected.overdue = 3
            let later = Sample.now + .microseconds(1)
            try expect(try await store.counts(now: later), is: expected, "the counts a microsecond later")
            expected.overdue = 0
            expected.oldestDue = nil
            try expect(try await store.counts(now: .epoch), is: expected, "the counts before anything is due")
        }
    ]

    static let pruneCases = [
        TaskStoreConformanceCase("final tasks are removed when their time to be kept has passed") { store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) {
                try await store.make(number, state, keptUntil: Sample.now + .seconds(10))
            }
            let early = try await store.prune(limit: 100, now: Sample.now + .microseconds(9_999_999))
            try expect(early, is: 0, "what is removed too early")
            let count = try await store.prune(limit: 100, now: Sample.now + .seconds(10))
            try expect(count, is: 4, "what is removed in time")
            let states = try await store.records(of: Sample.ids(1...6)).map { $0?.state }
            try expect(states, is: [.scheduled, .running, nil, nil, nil, nil], "the states")
            try expect(try await store.prune(limit: 100, now: .distantFuture), is: 0, "what is left to remove")
        },
        TaskStoreConformanceCase("what may go first goes first, up to the limit") { store in
            for number in [3, 1, 5, 2, 4] as [UInt64] {
                let keptUntil = Sample.now + .seconds(number < 4 ? Int64(number) + 1 : number == 4 ? 1 : 5)
                try await store.make(number, .cancelled, keptUntil: keptUntil)
            }
            let now = Sample.now + .seconds(4)
            try expect(try await store.prune(limit: 1, now: now), is: 1, "the first removal")
            try expect(try await store.list(ListFilter()).map(\.id), is: [1, 2, 3, 5].map(Sample.id), "what is left")
            try expect(try await store.prune(limit: 2, now: now), is: 2, "the second removal")
            try expect(try await store.list(ListFilter()).map(\.id), is: [3, 5].map(Sample.id), "what is left then")
            try expect(try await store.prune(limit: 2, now: now), is: 1, "the last removal")
            try expect(try await store.list(ListFilter()).map(\.id), is: [Sample.id(5)], "what is kept")
        },
        TaskStoreConformanceCase("a pruned task leaves no history to a new one with its id") { store in
            try await store.make(1, .discarded, keptUntil: Sample.now)
            _ = try await store.prune(limit: 1, now: Sample.now)
            try expect(try await store.record(1), is: nil, "the pruned task")
            try await store.make(1, .discarded)
            try expect(try await store.existing(1).history, is: [Sample.attempt(1)], "the new history")
        },
    ]
}
