internal import GearclockCore

extension TaskStoreConformance {
    static let insertCases = [
        TaskStoreConformanceCase("an inserted task is read back with every field") { store in
            let tasks = [Sample.fullTask(1), Sample.task(2), Sample.fullTask(3, due: .seconds(9))]
            let outcomes = try await store.insert(tasks, now: Sample.now)
            try expect(outcomes, is: [.inserted, .inserted, .inserted], "what insert answers")
            let records = try await store.records(of: tasks.map(\.id))
            try expect(records, is: tasks.map { TaskRecord($0) }, "what is read back")
        },
        TaskStoreConformanceCase("each field that may be absent is read back absent or present on its own") { store in
            var tasks = (1...5).map { Sample.fullTask($0) }
            tasks[0].expiresAt = nil
            tasks[1].timeout = nil
            tasks[2].gearsloth = nil
            tasks[3].gearsloth?.controller = nil
            tasks[4].gearsloth?.document = []
            _ = try await store.insert(tasks, now: Sample.now)
            let records = try await store.records(of: tasks.map(\.id))
            try expect(records.map { $0?.definition }, is: tasks, "what is read back")
        },
        TaskStoreConformanceCase("every kind of retry policy and priority is read back as it was") { store in
            let backoffs: [RetryPolicy.Backoff] = [
                .exponential(initial: .seconds(5), factor: 1.5, longest: .seconds(3600)),
                .linear(initial: .milliseconds(1), longest: Limits.longestSpan),
                .list((1...Limits.backoffEntries).map { .microseconds($0) }),
                .rounds(immediate: 3, pause: .seconds(60)),
            ]
            var tasks: [TaskDefinition] = []
            for (number, backoff) in backoffs.enumerated() {
                for (variant, priority) in TaskPriority.allCases.enumerated() {
                    var task = Sample.task(UInt64(number * 10 + variant))
                    task.priority = priority
                    task.retry = RetryPolicy(
                        maxAttempts: variant == 0 ? nil : 1_000_000, maxAge: variant == 1 ? nil : .seconds(1),
                        backoff: backoff, jitter: Double(variant) / 3)
                    tasks.append(task)
                }
            }
            _ = try await store.insert(tasks, now: Sample.now)
            let claimed = try await store.claim()
            try expect(claimed.map(\.definition), is: tasks, "what is claimed")
        },
        TaskStoreConformanceCase("inserting an id again changes nothing and tells its state") { store in
            for (number, state) in zip(UInt64(1)..., TaskState.allCases) {
                try await store.make(number, state)
                let before = try await store.existing(number)
                let other = Sample.fullTask(number, due: .seconds(-5_000_000))
                let outcomes = try await store.insert([other], now: Sample.now)
                try expect(outcomes, is: [.exists(state)], "what inserting a \(state) task again answers")
                try expect(try await store.existing(number), is: before, "the \(state) task after that")
                // What was not inserted is not in the order of what is due either.
                let due = try await store.nextDue()
                try expect(due != other.dueAt, "the refused definition is not due")
            }
        },
        TaskStoreConformanceCase("of two tasks with one id in one batch the first is stored") { store in
            let batch = [Sample.task(1), Sample.task(2), Sample.fullTask(1), Sample.task(3)]
            let outcomes = try await store.insert(batch, now: Sample.now)
            try expect(
                outcomes, is: [.inserted, .inserted, .exists(.scheduled), .inserted], "the outcomes in their order")
            try expect(try await store.existing(1).definition, is: batch[0], "the stored task")
        },
        TaskStoreConformanceCase("an id that was removed can be inserted again and starts anew") { store in
            let claim = try await store.claimed(Sample.task(1))
            _ = try await store.settle(Settlement(claim, .retry(at: Sample.now, Sample.attempt(1))))
            let again = try await store.claim()
            try expect(again.map(\.claim.attempt), is: [2], "the number of the second attempt")
            _ = try await store.settle(Settlement(again[0].claim, .complete(keepUntil: nil)))
            try await store.insert(Sample.fullTask(1))
            try expect(try await store.existing(1), is: TaskRecord(Sample.fullTask(1)), "the new task")
            try expect(try await store.claim().map(\.claim.attempt), is: [1], "the number of its first attempt")
            try expect(try await store.existing(1).history, is: [], "its history")
        },
        TaskStoreConformanceCase("an empty batch is answered by nothing") { store in
            try await store.insert(Sample.task(1))
            try expect(try await store.insert([], now: Sample.now), is: [], "an empty insert")
            try expect(
                try await store.extend([], leaseUntil: Sample.now, now: Sample.now), is: [], "an empty extension")
            try expect(try await store.settle([], now: Sample.now), is: [], "an empty settlement")
            try expect(
                try await store.cancel([], removeAt: Sample.now, now: Sample.now), is: [], "an empty cancellation")
            try expect(try await store.records(of: []), is: [], "no records")
            try await store.eject([], now: Sample.now)
            try expect(try await store.existing(1), is: TaskRecord(Sample.task(1)), "the task beside that")
        },
        TaskStoreConformanceCase("the largest batch is stored, claimed and settled whole") { store in
            let tasks = (1...UInt64(Limits.insertBatch)).map { Sample.task($0, due: .microseconds(-Int64($0))) }
            let outcomes = try await store.insert(tasks, now: Sample.now)
            try expect(outcomes, is: tasks.map { _ in .inserted }, "the outcomes")
            let claimed = try await store.claim(limit: Limits.claimBatch)
            try expect(claimed.map(\.definition), is: tasks.reversed(), "the claimed tasks")
            let settled = try await store.settle(
                claimed.map { Settlement($0.claim, .complete(keepUntil: nil)) }, now: Sample.now)
            try expect(settled, is: claimed.map { _ in .done }, "the settlements")
            try expect(try await store.counts(now: Sample.now), is: TaskCounts(), "the counts")
        },
    ]
}
