/// A request of a client that waits for its answer. It counts no references, as there is one for each job.
struct PendingRequest: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// OPTION_REQ
        case option
        /// SUBMIT_JOB…
        case submission(id: UInt64, isBackground: Bool)
        /// GET_STATUS
        case status(id: UInt64)
        /// GET_STATUS_UNIQUE
        case statusUnique(id: UInt64)
        /// ECHO_REQ of the caller
        case echo(id: UInt64)
        /// ECHO_REQ of our own
        case heartbeat
    }

    var kind: Kind
    var sentAt: GearmanInstant
    /// Where it ends, counted in bytes from the start of the connection.
    var endOffset: UInt64
}

extension ClientQuestion {
    /// The packet that asks it, what that is about, and whose answer is waited for then. Nil if the job has no handle.
    func request(
        handleOfJob: (UInt64) -> HandleBytes?
    ) -> (type: GearmanPacketType, content: [UInt8], kind: PendingRequest.Kind)? {
        switch self.subject {
        case .job(let job): handleOfJob(job).map { (.getStatus, $0.bytes, .status(id: self.id)) }
        case .handle(let handle): (.getStatus, handle.bytes, .status(id: self.id))
        case .unique(let unique): (.getStatusUnique, unique, .statusUnique(id: self.id))
        case .echo(let payload): (.echoRequest, payload, .echo(id: self.id))
        }
    }
}
