internal import DispatchExecutor
internal import Foundation

/// Jobs of the async form on their way to the event loop.
struct AwaitedJobs: Sendable {
    var jobs: [GearmanPipelinedJob] = []
    /// For each of the jobs.
    var waiters: [AsyncJobTable.Waiter] = []
}

// The async form for jobs, over the pipelined one.
extension GearmanClient {
    /// Submits a foreground job and returns when the server has taken it.
    ///
    /// A job whose connection ends before it was sent goes to the next server.
    ///
    /// - Throws: ``GearmanError`` (`invalidRequest`, `notConnected`, `serverError`, `tooManyRequests`: it was not
    ///   submitted; `connectionLost`, `timedOut`: unknown), or `CancellationError`.
    public nonisolated func submit(_ request: GearmanJobRequest) async throws -> GearmanJob {
        let (id, handle) = try await self.untilSent(request, isBackground: false) { .handle($0, isBackground: false) }
        let interest = GearmanJobEvents.Interest(client: self, id: id, server: handle.server)
        return GearmanJob(handle: handle, events: GearmanJobEvents(interest: interest))
    }

    /// Submits a background job and returns when the server has taken it. Of its run nothing comes back.
    ///
    /// - Throws: as ``submit(_:)``.
    public nonisolated func submitBackground(_ request: GearmanJobRequest) async throws -> GearmanJobHandle {
        try await self.untilSent(request, isBackground: true) { .handle($0, isBackground: true) }.value
    }

    /// Has a job run and returns its result: the data that the worker sent on the way, and what it ended with.
    ///
    /// A job whose worker is lost runs again with another one, which nothing tells the client: what the first had sent
    /// stands before what the second sends. Functions that may be repeated so should return their result as a whole.
    ///
    /// - Throws: as ``submit(_:)``, and `jobFailed` or `jobException` with the job's warnings.
    public nonisolated func perform(_ request: GearmanJobRequest) async throws -> [UInt8] {
        try await self.untilSent(request, isBackground: false) { .result($0) }.value
    }

    /// Starts the job, and once more for each further server as long as it is certain that nothing was sent.
    private nonisolated func untilSent<Value: Sendable>(
        _ request: GearmanJobRequest, isBackground: Bool,
        _ waiter: (CheckedContinuation<Value, any Error>) -> AsyncJobTable.Waiter
    ) async throws -> (id: UInt64, value: Value) {
        var attempts = self.servers.count
        while true {
            attempts -= 1
            let job = GearmanPipelinedJob(id: self.makeID(), request: request, isBackground: isBackground)
            do {
                return (job.id, try await self.started(job, waiter))
            } catch let error as GearmanError where error.code == .notConnected && attempts > 0 {
                guard await self.isConnected else { throw error }
            }
        }
    }

    private nonisolated func started<Value: Sendable>(
        _ job: GearmanPipelinedJob, _ waiter: (CheckedContinuation<Value, any Error>) -> AsyncJobTable.Waiter
    ) async throws -> Value {
        try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                self.post(job, waiter(continuation))
                // A cancellation just before found nothing to forget.
                if Task.isCancelled { self.forgetSoon(job.id) }
            }
        } onCancel: {
            self.forgetSoon(job.id)
        }
    }

    private nonisolated func post(_ job: GearmanPipelinedJob, _ waiter: AsyncJobTable.Waiter) {
        let isFirst = self.awaitedJobs.post { awaited in
            awaited.jobs.append(job)
            awaited.waiters.append(waiter)
        }
        if isFirst { self.executor.execute { self.enter { $0.startAwaitedJobs() } } }
    }

    private func startAwaitedJobs() {
        let awaited = self.awaitedJobs.takeAll()
        for place in awaited.jobs.indices { self.jobs.add(awaited.waiters[place], id: awaited.jobs[place].id) }
        self.start(awaited.jobs)
    }

    func nextEvent(of id: UInt64, on server: GearmanServerAddress) async -> GearmanJobEvent? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { return continuation.resume(returning: nil) }
                self.jobs.read(id, continuation)
                if self.jobs.hasRoom(for: id, limits: self.configuration) { self.jobWasRead(id, on: server) }
            }
        } onCancel: {
            self.executor.execute { self.enter { $0.jobs.cancelRead(id) } }
        }
    }

    private nonisolated func forgetSoon(_ id: UInt64) {
        self.executor.execute { self.enter { $0.forget(id, on: nil) } }
    }

    /// Nobody wants to hear of the job any more.
    func forget(_ id: UInt64, on server: GearmanServerAddress?) {
        if self.jobs.remove(id) { self.abandon([id]) }
        if let server { self.jobWasRead(id, on: server) }
    }
}
