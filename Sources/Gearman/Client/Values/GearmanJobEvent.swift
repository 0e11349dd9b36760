/// What a client learns about one of its jobs, in the order in which it happens.
public enum GearmanJobEvent: Equatable, Sendable {
    /// The server took it. The last event of a background job.
    case created(GearmanJobHandle)
    /// The worker sent a part of the result. (WORK_DATA)
    case data([UInt8])
    /// The worker sent a warning. (WORK_WARNING)
    case warning([UInt8])
    /// The worker told how far it is; nil where it sent something that is no number. (WORK_STATUS)
    case status(numerator: UInt64?, denominator: UInt64?)
    /// The worker is done; this is the rest of the result. (WORK_COMPLETE)
    case complete([UInt8])
    /// The worker reported that the job failed. (WORK_FAIL)
    case fail
    /// The worker reported an exception with this text. (WORK_EXCEPTION)
    case exception([UInt8])
    /// The connection ended after the job was written: whether it was taken, runs or ran is unknown.
    case lost(GearmanError)
    /// It was certainly not submitted: no server, an ERROR answer, or an invalid request.
    case refused(GearmanError)

    /// Nothing follows this event, whatever the job is. (After ``created(_:)`` nothing follows for a background job.)
    public var isFinal: Bool {
        switch self {
        case .created, .data, .warning, .status: false
        case .complete, .fail, .exception, .lost, .refused: true
        }
    }
}

/// An event, and the job that it belongs to.
package struct GearmanJobUpdate: Equatable, Sendable {
    /// ``GearmanPipelinedJob/id``.
    package var id: UInt64
    package var event: GearmanJobEvent

    package init(id: UInt64, event: GearmanJobEvent) {
        self.id = id
        self.event = event
    }
}
