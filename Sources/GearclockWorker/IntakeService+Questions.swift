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
            return await self.ask { store throws(TaskStoreError) in try await store.eject([id], now: now) }.map { [] }
        case .failure(let error):
            return .failure(error)
        }
    }

    private func get(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch IDRequest.parse(workload) {
        case .success(let request):
            let reply = await self.ask { store throws(TaskStoreError) in try await store.records(of: request.ids) }
            return reply.flatMap { records in
                request.isBulk
                    ? .success(TaskAnswers.records(records, of: request.ids)) : TaskAnswers.record(records[0])
            }
        case .failure(let error):
            return .failure(error)
        }
    }

    private func list(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch ListFilter.parse(workload) {
        case .success(let filter):
            let reply = await self.ask { store throws(TaskStoreError) in try await store.list(filter) }
            return reply.map { TaskAnswers.list($0, limit: filter.limit) }
        case .failure(let error):
            return .failure(error)
        }
    }

    private func cancel(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch IDRequest.parse(workload) {
        case .success(let request):
            let now = self.environment.now.wall
            let removeAt = now.advanced(by: self.configuration.retention.failed)
            let reply = await self.ask { store throws(TaskStoreError) in
                try await store.cancel(request.ids, removeAt: removeAt, now: now)
            }
            return reply.flatMap { outcomes in
                request.isBulk
                    ? .success(TaskAnswers.cancelled(outcomes, of: request.ids))
                    : TaskAnswers.cancelled(outcomes[0], request.ids[0])
            }
        case .failure(let error):
            return .failure(error)
        }
    }

    private func stats(_ workload: [UInt8]) async -> Result<[UInt8], TaskError> {
        switch StatsRequest.parse(workload) {
        case .success:
            let now = self.environment.now.wall
            let reply = await self.ask { store throws(TaskStoreError) in try await store.counts(now: now) }
            return reply.map { TaskAnswers.stats([(self.storeName, $0)]) }
        case .failure(let error):
            return .failure(error)
        }
    }

    /// Asks the store, again after conflicts and short absences, until the patience of the daemon ends.
    ///
    /// All that is asked this way may be repeated without harm.
    private func ask<Success: Sendable>(
        _ question: @Sendable (any TaskStore) async throws(TaskStoreError) -> Success
    ) async -> Result<Success, TaskError> {
        let deadline = self.environment.now.monotonic.advanced(by: self.configuration.patience)
        var backoff = StoreBackoff()
        while true {
            let reply = await TaskStoreError.catching { () throws(TaskStoreError) in try await question(self.store) }
            self.condition.observe(reply, now: self.environment.now, logger: self.environment.logger)
            let now = self.environment.now.monotonic
            switch reply {
            case .success(let success):
                return .success(success)
            case .failure(let error):
                backoff.failed(error, now: now, using: &self.random)
                guard let next = backoff.notBefore, next < deadline else { return .failure(TaskError(error)) }
                do { try await self.environment.clock.sleep(until: next) } catch {
                    return .failure(TaskError(.shuttingDown, "The daemon is stopping"))
                }
            }
        }
    }
}
