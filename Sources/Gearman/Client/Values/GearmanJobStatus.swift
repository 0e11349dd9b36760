/// What a job server knows about a job at one moment. (STATUS_RES, STATUS_RES_UNIQUE)
public struct GearmanJobStatus: Hashable, Sendable {
    /// The server has it, queued or running. False also for a job that is done.
    public var isKnown: Bool

    /// A worker has it.
    public var isRunning: Bool

    /// How much is done, in the worker's own unit; 0 until it says so.
    public var numerator: UInt64

    /// Of how much; 0 until the worker says so.
    public var denominator: UInt64

    /// How many clients wait for its end; nil where the server does not tell (a query by handle).
    public var waitingClients: UInt64?

    /// - Parameters:
    ///   - isKnown: the server has it.
    ///   - isRunning: a worker has it.
    ///   - numerator: how much is done.
    ///   - denominator: of how much.
    ///   - waitingClients: how many clients wait for its end.
    public init(
        isKnown: Bool, isRunning: Bool, numerator: UInt64 = 0, denominator: UInt64 = 0, waitingClients: UInt64? = nil
    ) {
        self.isKnown = isKnown
        self.isRunning = isRunning
        self.numerator = numerator
        self.denominator = denominator
        self.waitingClients = waitingClients
    }
}

/// What the job servers know about a unique ID, and which of them knows it.
package struct GearmanJobLocation: Hashable, Sendable {
    package var status: GearmanJobStatus
    /// Nil: none of them.
    package var server: GearmanServerAddress?
}
