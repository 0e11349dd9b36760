/// A job that a job server gave to this worker.
public struct GearmanAssignedJob: Sendable {
    /// Names the job within its worker.
    public let id: GearmanAssignedJobID

    /// The function that is asked for.
    public let function: [UInt8]

    /// The unique ID, empty if the client gave none.
    public let unique: [UInt8]

    /// The function that is to put the results together; empty if the client named none, and always without
    /// ``GearmanWorkerConfiguration/wantsReducers``.
    public let reducer: [UInt8]

    /// What the client sent.
    public let workload: [UInt8]

    /// What the server calls the job.
    public let handle: GearmanJobHandle

    let worker: GearmanWorker
}

extension GearmanAssignedJob {
    /// Sends a part of the result to the clients that wait. (WORK_DATA)
    ///
    /// What is larger than ``GearmanLimits/payloadSizeBytes`` goes out in several parts. Returns when the worker has
    /// room for more. Of a job whose connection was lost, everything is dropped; what was sent before, the clients
    /// have, and get it again from whoever runs the job next.
    public func sendData(_ bytes: [UInt8]) async {
        let size = max(1, self.worker.configuration.limits.payloadSizeBytes)
        guard bytes.count > size else { return await self.worker.report(self.id, .data(bytes)) }
        for start in stride(from: 0, to: bytes.count, by: size) {
            await self.worker.report(self.id, .data(Array(bytes[start..<min(start + size, bytes.count)])))
        }
    }

    /// Sends a warning to the clients that wait. (WORK_WARNING) One that is larger than
    /// ``GearmanLimits/payloadSizeBytes`` is not sent.
    public func sendWarning(_ bytes: [UInt8]) async {
        await self.worker.report(self.id, .warning(bytes))
    }

    /// Tells the server and the clients how far the job is. (WORK_STATUS)
    public func sendStatus(numerator: UInt64, denominator: UInt64) async {
        await self.worker.report(self.id, .status(numerator: numerator, denominator: denominator))
    }
}

/// What a handler throws to have its job reported as failed. (WORK_FAIL) Any other error is reported as an exception.
public struct GearmanJobFailure: Error, Sendable {
    /// Sent before the failure, in this order, because a failure itself says nothing. (WORK_WARNING)
    public var warnings: [[UInt8]]

    /// - Parameter warnings: sent before the failure; none by default.
    public init(warnings: [[UInt8]] = []) {
        self.warnings = warnings
    }
}
