internal import Dispatch
internal import DispatchExecutor
internal import Foundation

// The async form for jobs, over the pipelined one.
extension GearmanClient {
    /// Submits a foreground job and returns when the server has taken it.
    ///
    /// - Throws: ``GearmanError`` (`invalidRequest`, `notConnected`, `serverError`, `tooManyRequests`: it was not
    ///   submitted; `connectionLost`, `timedOut`: unknown), or `CancellationError`.
    public func submit(_ request: GearmanJobRequest) async throws -> GearmanJob {
        let id = self.jobs.makeID()
        let handle = try await self.submit(request, id: id, isBackground: false)
        let interest = GearmanJobEvents.Interest(client: self, id: id, server: handle.server)
        return GearmanJob(handle: handle, events: GearmanJobEvents(interest: interest))
    }

    /// Submits a background job and returns when the server has taken it. Of its run nothing comes back.
    ///
    /// - Throws: as ``submit(_:)``.
    public func submitBackground(_ request: GearmanJobRequest) async throws -> GearmanJobHandle {
        try await self.submit(request, id: self.jobs.makeID(), isBackground: true)
    }

    /// Has a job run and returns its result: the data that the worker sent on the way, and what it ended with.
    ///
    /// - Throws: as ``submit(_:)``, and `jobFailed` or `jobException` with the job's warnings.
    public func perform(_ request: GearmanJobRequest) async throws -> [UInt8] {
        let id = self.jobs.makeID()
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                self.jobs.add(.performing(continuation, data: [], warnings: []), id: id)
                self.start([GearmanPipelinedJob(id: id, request: request)])
            }
        } onCancel: {
            self.forgetSoon(id)
        }
    }

    private func submit(
        _ request: GearmanJobRequest, id: UInt64, isBackground: Bool
    ) async throws -> GearmanJobHandle {
        try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                self.jobs.add(.submitting(continuation, isBackground: isBackground), id: id)
                self.start([GearmanPipelinedJob(id: id, request: request, isBackground: isBackground)])
            }
        } onCancel: {
            self.forgetSoon(id)
        }
    }

    func nextEvent(of id: UInt64, on server: GearmanServerAddress) async -> GearmanJobEvent? {
        await withTaskCancellationHandler {
            if Task.isCancelled { return nil }
            return await withCheckedContinuation { continuation in
                self.jobs.read(id, continuation)
                if self.jobs.unreadEvents(of: id) <= self.configuration.bufferedEvents / 2 {
                    self.jobWasRead(id, on: server)
                }
            }
        } onCancel: {
            self.executor.execute { self.assumeIsolated { $0.jobs.cancelRead(id) } }
        }
    }

    private nonisolated func forgetSoon(_ id: UInt64) {
        self.executor.execute { self.assumeIsolated { $0.forget(id, on: nil) } }
    }

    /// Nobody wants to hear of the job any more.
    func forget(_ id: UInt64, on server: GearmanServerAddress?) {
        if self.jobs.remove(id) { self.abandon([id]) }
        if let server { self.jobWasRead(id, on: server) }
    }
}
