/// One connection of a client to one job server, from the moment it is open until it is closed. It performs nothing.
package struct ClientConnectionStateMachine: Sendable {
    package init(configuration: ClientConnectionConfiguration) { preconditionFailure("signature only") }

    /// The socket is connected.
    package mutating func connected(now: GearmanInstant) -> ClientActions { preconditionFailure("signature only") }
    /// Bytes came from the server.
    package mutating func bytesReceived(_ bytes: [UInt8], now: GearmanInstant) -> ClientActions {
        preconditionFailure("signature only")
    }
    /// Jobs are to be sent.
    package mutating func jobsSubmitted(_ jobs: [GearmanPipelinedJob], now: GearmanInstant) -> ClientActions {
        preconditionFailure("signature only")
    }
    /// Nobody wants to hear of these jobs any more.
    package mutating func jobsAbandoned(_ ids: [UInt64]) -> ClientActions { preconditionFailure("signature only") }
    /// Questions are to be sent.
    package mutating func questionsAsked(_ questions: [ClientQuestion], now: GearmanInstant) -> ClientActions {
        preconditionFailure("signature only")
    }
    /// The socket accepted a part of the bytes that had to wait (not to be called for a write that went through whole).
    package mutating func writeProgressed(now: GearmanInstant) { preconditionFailure("signature only") }
    /// The time asked for by ``ClientActions/wakeAt`` has come.
    package mutating func timerFired(now: GearmanInstant) -> ClientActions { preconditionFailure("signature only") }
    /// Nothing new is to be taken; close when all that is under way has ended.
    package mutating func drainRequested(now: GearmanInstant) -> ClientActions { preconditionFailure("signature only") }
    /// The connection is closed, by whomever, for whatever reason. Settles everything that was under way.
    /// - Parameter unsentBytes: how many bytes of ``ClientActions/write`` the socket never took. A job among these was
    ///   certainly not submitted.
    package mutating func connectionClosed(unsentBytes: Int, error: GearmanError?) -> ClientActions {
        preconditionFailure("signature only")
    }
}
