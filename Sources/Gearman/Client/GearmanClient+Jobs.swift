internal import DispatchExecutor
internal import Foundation

// The async form for jobs, over the pipelined one.
extension GearmanClient {
    /// Submits a foreground job and returns when the server has taken it.
    ///
    /// A job whose connection ends before it was sent goes to the next server.
    ///
    /// - Throws: ``GearmanError`` (`invalidRequest`, `notConnected`, `serverError`, `tooManyRequests`: it was not
    ///   submitted; `connectionLost`, `timedOut`: unknown), or `CancellationError`.
    public func submit(_ request: GearmanJobRequest) async throws -> GearmanJob {
        let (id, handle) = try await self.submit(request, isBackground: false)
        let interest = GearmanJobEvents.Interest(client: self, id: id, server: handle.server)
        return GearmanJob(handle: handle, events: GearmanJobEvents(interest: interest))
    }

    /// Submits a background job and returns when the server has taken it. Of its run nothing comes back.
    ///
    /// - Throws: as ``submit(_:)``.
    public func submitBackground(_ request: GearmanJobRequest) async throws -> GearmanJobHandle {
        try await self.submit(request, isBackground: true).value
    }

    /// Has a job run and returns its result: the data that the worker sent on the way, and what it ended with.
    ///
    /// A job whose worker is lost runs again with another one, which nothing tells the client: what the first had sent
    /// stands before what the second sends. Functions that may be repeated so should return their result as a whole.
    ///
    /// - Throws: as ``submit(_:)``, and `jobFailed` or `jobException` with the job's warnings.
    public func perform(_ request: GearmanJobRequest) async throws -> [UInt8] {
        try await self.untilSent(request, isBackground: false) { .performing($0, data: [], warnings: []) }.value
    }

    private func submit(
        _ request: GearmanJobRequest, isBackground: Bool
    ) async throws -> (id: UInt64, value: GearmanJobHandle) {
        try await self.untilSent(request, isBackground: isBackground) { .submitting($0, isBackground: isBackground) }
    }

    /// Starts the job, and once more for each further server as long as it is certain that nothing was sent.
    private func untilSent<Value: Sendable>(
        _ request: GearmanJobRequest, isBackground: Bool,
        _ entry: (CheckedContinuation<Value, any Error>) -> AsyncJobTable.Entry
    ) async throws -> (id: UInt64, value: Value) {
        var attempts = self.servers.count
        while true {
            attempts -= 1
            let id = self.jobs.makeID()
            let job = GearmanPipelinedJob(id: id, request: request, isBackground: isBackground)
            do {
                return (id, try await self.started(job, entry))
            } catch let error as GearmanError where error.code == .notConnected && attempts > 0 && self.isConnected {
                continue
            }
        }
    }

    private func started<Value: Sendable>(
        _ job: GearmanPipelinedJob, _ entry: (CheckedContinuation<Value, any Error>) -> AsyncJobTable.Entry
    ) async throws -> Value {
        try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                self.jobs.add(entry(continuation), id: job.id)
                self.start([job])
            }
        } onCancel: {
            self.forgetSoon(job.id)
        }
    }

    func nextEvent(of id: UInt64, on server: GearmanServerAddress) async -> GearmanJobEvent? {
        await withTaskCancellationHandler {
            if Task.isCancelled { return nil }
            return await withCheckedContinuation { continuation in
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
