/// A request of a client that waits for its answer.
struct PendingRequest: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// OPTION_REQ
        case option
        /// SUBMIT_JOB…
        case submission(id: UInt64, isBackground: Bool)
        /// GET_STATUS
        case status(id: UInt64, handle: [UInt8])
        /// GET_STATUS_UNIQUE
        case statusUnique(id: UInt64)
        /// ECHO_REQ of the caller
        case echo(id: UInt64, payload: [UInt8])
        /// ECHO_REQ of our own
        case heartbeat
    }

    var kind: Kind
    var sentAt: GearmanInstant
    /// Where it ends, counted in bytes from the start of the connection.
    var endOffset: UInt64
}
