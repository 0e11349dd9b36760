/// One connection of a worker to one job server, from the moment it is open until it is closed. It performs nothing.
package struct WorkerConnectionStateMachine: Sendable {
    package init(configuration: WorkerConnectionConfiguration) { preconditionFailure("signature only") }

    /// The socket is connected.
    package mutating func connected(now: GearmanInstant) -> WorkerActions { preconditionFailure("signature only") }
    /// Bytes came from the server.
    package mutating func bytesReceived(_ bytes: [UInt8], now: GearmanInstant) -> WorkerActions {
        preconditionFailure("signature only")
    }
    /// The worker has something to say about jobs in hand.
    package mutating func replied(_ replies: [WorkerReply], now: GearmanInstant) -> WorkerActions {
        preconditionFailure("signature only")
    }
    /// The socket accepted a part of the bytes that had to wait (not to be called for a write that went through whole).
    package mutating func writeProgressed(now: GearmanInstant) { preconditionFailure("signature only") }
    /// The time asked for by ``WorkerActions/wakeAt`` has come.
    package mutating func timerFired(now: GearmanInstant) -> WorkerActions { preconditionFailure("signature only") }
    /// Nothing new is to be grabbed; close when every job in hand is replied.
    package mutating func drainRequested(now: GearmanInstant) -> WorkerActions { preconditionFailure("signature only") }
    /// The connection is closed: its jobs are forgotten, and go back into the queue at the server.
    /// - Returns: the numbers of the jobs that were in hand, in ascending order.
    package mutating func connectionClosed() -> [UInt64] { preconditionFailure("signature only") }
}
