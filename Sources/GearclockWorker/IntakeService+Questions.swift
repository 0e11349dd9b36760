internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import Logging

extension IntakeService {
    /// Answers a question, or does what does not go through the intake machine.
    func answer(_ job: GearmanAssignedJob, to function: IntakeFunction) async {
        let result: Result<[UInt8], TaskError>
        switch function {
        case .submit, .submitJobDelayed:
            preconditionFailure("Submissions go through the intake machine")
        case .delayedJobDone:
            result = await self.eject(job.workload)
            // As gearsloth's ejector: the warning is a text.
            if case .failure(let error) = result { return self.refuse(job.id, Array("ejector: \(error.message)".utf8)) }
        case .get:
            result = await self.get(job.workload)
        case .list:
            result = await self.list(job.workload)
        case .cancel:
            result = await self.cancel(job.workload)
        case .stats:
            result = await self.stats(job.workload)
        case .pause:
            result = await self.settings(SettingsRequest.pausing(job.workload, true))
        case .resume:
            result = await self.settings(SettingsRequest.pausing(job.workload, false))
        case .limits:
            result = await self.settings(SettingsRequest.limits(job.workload))
        }
        switch result {
        case .success(let answer): self.reply(job.id, .complete(answer))
        case .failure(let error): self.refuse(job.id, error.json)
        }
    }

    private func eject(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch GearslothDocument.ejectedID(workload) {
        case .success(let id):
            let now = self.environment.now.wall
            // It is not said whether there was such a task; where it may be in several places, it goes from all.
            let places = self.directory.isCertain(id) ? [self.directory.home(of: id)] : Array(self.clusters.indices)
            let replies = await self.ask(places, isChange: true) { store throws(TaskStoreError) in
                try await store.eject([id], now: now)
            }
            for reply in replies { if case .failure(let error) = reply { return .failure(error) } }
            return .success([])
        case .failure(let error):
            return .failure(error)
        }
    }

    private func get(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch IDRequest.parse(workload) {
        case .success(let request):
            let results = await self.search(request.ids, isChange: false) { cluster, ids throws(TaskStoreError) in
                try await cluster.store.records(of: ids).map { record in
                    record.map { TaskAnswers.LocatedRecord($0, store: cluster.description.name) }
                }
            }
            return request.isBulk
                ? .success(TaskAnswers.records(results, of: request.ids)) : results[0].map(TaskAnswers.record)
        case .failure(let error):
            return .failure(error)
        }
    }

    private func cancel(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch IDRequest.parse(workload) {
        case .success(let request):
            let now = self.environment.now.wall
            let removeAt = now.advanced(by: self.configuration.retention.failed)
            let results = await self.search(request.ids, isChange: true) { cluster, ids throws(TaskStoreError) in
                try await cluster.store.cancel(ids, removeAt: removeAt, now: now).map { $0 == .notFound ? nil : $0 }
            }
            return request.isBulk
                ? .success(TaskAnswers.cancelled(results, of: request.ids))
                : results[0].map { TaskAnswers.cancelled($0, request.ids[0]) }
        case .failure(let error):
            return .failure(error)
        }
    }

    private func list(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch ListFilter.parse(workload) {
        case .success(let filter):
            let replies = await self.ask(Array(self.clusters.indices), isChange: false) {
                store throws(TaskStoreError) in try await store.list(filter)
            }
            var tasks: [TaskAnswers.LocatedRecord] = []
            var failures: [TaskAnswers.StoreFailure] = []
            for (cluster, reply) in zip(self.directory.clusters, replies) {
                switch reply {
                case .success(let records):
                    tasks += records.map { TaskAnswers.LocatedRecord($0, store: cluster.name) }
                case .failure(let error):
                    failures.append(TaskAnswers.StoreFailure(store: cluster.name, error: error))
                }
            }
            if failures.count == replies.count { return .failure(failures[0].error) }
            return .success(TaskAnswers.list(tasks.page(limit: filter.limit), limit: filter.limit, failures: failures))
        case .failure(let error):
            return .failure(error)
        }
    }

    private func stats(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch StatsRequest.parse(workload) {
        case .success:
            let now = self.environment.now.wall
            let places = Array(self.clusters.indices)
            let replies = await self.ask(places, isChange: false) { store throws(TaskStoreError) in
                try await store.counts(now: now)
            }
            return self.whole(replies, of: places).map(TaskAnswers.stats)
        case .failure(let error):
            return .failure(error)
        }
    }

    private func settings(_ request: Result<SettingsRequest, TaskError>) async -> Result<[UInt8], TaskError> {
        switch request {
        case .success(let request):
            let places = self.directory.clusters.indices.filter {
                request.store == nil || request.store == self.directory.clusters[$0].name
            }
            guard !places.isEmpty else {
                let names = self.directory.clusters.map(\.name).joined(separator: ", ")
                return .failure(TaskError(.invalidValue, "store is one of \(names)", field: "store"))
            }
            let replies = await self.ask(places, isChange: !request.isQuestion) { store throws(TaskStoreError) in
                if request.isQuestion { return request.answer(from: try await store.functionSettings()) }
                return try await store.changeFunctions(request.functions, request.change)
            }
            return self.whole(replies, of: places).map(TaskAnswers.settings)
        case .failure(let error):
            return .failure(error)
        }
    }

    /// The answers of several stores, or an error if there is none.
    private func whole<Success>(
        _ replies: [Result<Success, TaskError>], of places: [Int]
    ) -> Result<[TaskAnswers.StoreReply<Success>], TaskError> {
        if replies.allSatisfy({ (try? $0.get()) == nil }), case .failure(let error) = replies[0] {
            return .failure(error)
        }
        return .success(zip(places, replies).map { (self.directory.clusters[$0].name, $1) })
    }

    // MARK: - Asking

    /// Looks for tasks, first in the homes of their ids, then everywhere else.
    private func search<Answer: Sendable>(
        _ ids: [TaskID], isChange: Bool,
        _ question: @escaping @Sendable (TaskCluster, [TaskID]) async throws(TaskStoreError) -> [Answer?]
    ) async -> [Result<Answer, TaskError>] {
        var search = TaskSearch<Answer>(ids, in: self.directory)
        var deadline = self.environment.now.monotonic
        // A home that is away must leave time to look elsewhere.
        let patience = self.configuration.patience / (self.clusters.count == 1 ? 1 : 2)
        while true {
            let questions = search.nextQuestions()
            if questions.isEmpty { return search.results }
            deadline = max(deadline, self.environment.now.monotonic).advanced(by: patience)
            let until = deadline
            let replies = await self.concurrently(questions) { next in
                await self.ask(next.cluster, until: until, isChange: isChange) { cluster throws(TaskStoreError) in
                    try await question(cluster, next.ids)
                }
            }
            for (question, reply) in zip(questions, replies) { search.replied(question, reply) }
        }
    }

    /// Asks several clusters the same thing at the same time. The answers come in the order of the clusters.
    private func ask<Success: Sendable>(
        _ places: [Int], isChange: Bool,
        _ question: @escaping @Sendable (any TaskStore) async throws(TaskStoreError) -> Success
    ) async -> [Result<Success, TaskError>] {
        let deadline = self.environment.now.monotonic.advanced(by: self.configuration.patience)
        return await self.concurrently(places) { place in
            await self.ask(place, until: deadline, isChange: isChange) { cluster throws(TaskStoreError) in
                try await question(cluster.store)
            }
        }
    }

    private func concurrently<Item: Sendable, Success: Sendable>(
        _ items: [Item], _ body: @escaping @Sendable (Item) async -> Success
    ) async -> [Success] {
        await withTaskGroup(of: (Int, Success).self) { group in
            for (index, item) in items.enumerated() { group.addTask { (index, await body(item)) } }
            var results: [Success?] = items.map { _ in nil }
            for await (index, result) in group { results[index] = result }
            return results.map { $0! }
        }
    }

    /// Asks a store, again after conflicts and short absences, until then.
    ///
    /// All that is asked this way may be repeated without harm.
    private func ask<Success: Sendable>(
        _ place: Int, until deadline: MonotonicInstant, isChange: Bool,
        _ question: @escaping @Sendable (TaskCluster) async throws(TaskStoreError) -> Success
    ) async -> Result<Success, TaskError> {
        let cluster = self.clusters[place]
        var backoff = StoreBackoff()
        while true {
            let began = self.environment.now
            let answered = await self.firstAnswer(before: deadline) {
                await TaskStoreError.catching { () throws(TaskStoreError) in try await question(cluster) }
            }
            let silence = "no answer within the patience of this daemon"
            let reply = answered ?? .failure(isChange ? .outcomeUnknown(silence) : .unavailable(silence))
            self.observe(reply, of: place, to: isChange ? .write : .read, since: began)
            switch reply {
            case .success(let success):
                return .success(success)
            case .failure(let error):
                backoff.failed(error, now: self.environment.now.monotonic, using: &self.random)
                guard let next = backoff.notBefore, next < deadline else { return .failure(TaskError(error)) }
                do { try await self.environment.clock.sleep(until: next) } catch {
                    return .failure(TaskError(.shuttingDown, "The daemon is stopping"))
                }
            }
        }
    }

    /// What a store answers, or `nil` when its time is over. The call goes on then: not every store can be interrupted.
    private func firstAnswer<Success: Sendable>(
        before deadline: MonotonicInstant, _ call: @escaping @Sendable () async -> Success
    ) async -> Success? {
        let (answers, continuation) = AsyncStream<Success>.makeStream()
        self.work.add {
            continuation.yield(await call())
            continuation.finish()
        }
        let clock = self.environment.clock
        return await withTaskGroup(of: Success?.self) { group in
            group.addTask { await answers.first { _ in true } }
            group.addTask {
                try? await clock.sleep(until: deadline)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
    }
}
