/// How large the parts of a packet may be, in both directions. A peer that sends more loses its connection; a request
/// that needs more is refused before it is sent.
public struct GearmanLimits: Hashable, Sendable {
    /// Any one argument (function name, handle, …). gearmand reads header and argument into 8,192 bytes and closes the
    /// connection if they do not fit; 8,180 is what it takes. Default 8,180.
    public var argumentSizeBytes: Int

    /// A workload or result. gearmand has no limit of its own below 4 GiB. Default 64 MiB.
    public var payloadSizeBytes: Int

    /// A unique ID that a client sends. gearmand takes 64 but cuts it to 63 and shifts the payload. Default 63.
    public var uniqueSizeBytes: Int

    /// The requests of one connection that may wait for their answers. A client refuses more than these; it bounds the
    /// memory that a server which answers slowly can cost. Default 262,144.
    public var pendingRequests: Int

    /// The bytes of one connection that wait to be sent. A client refuses further requests from here on; the one that
    /// passes the limit is still taken. Default 256 MiB.
    public var unsentSizeBytes: Int

    /// - Parameters:
    ///   - argumentSizeBytes: any one argument.
    ///   - payloadSizeBytes: a workload or result; at most 4,280,000,000, the protocol's size field has 32 bits.
    ///   - uniqueSizeBytes: a unique ID that a client sends.
    ///   - pendingRequests: the requests of one connection that may wait for their answers.
    ///   - unsentSizeBytes: the bytes of one connection that wait to be sent.
    public init(
        argumentSizeBytes: Int = 8_180, payloadSizeBytes: Int = 64 << 20, uniqueSizeBytes: Int = 63,
        pendingRequests: Int = 262_144, unsentSizeBytes: Int = 256 << 20
    ) {
        precondition((1...1 << 20).contains(argumentSizeBytes), "argumentSizeBytes must be 1 to 1,048,576")
        precondition((0...4_280_000_000).contains(payloadSizeBytes), "payloadSizeBytes must be 0 to 4,280,000,000")
        precondition(uniqueSizeBytes >= 0, "uniqueSizeBytes must not be negative")
        precondition(pendingRequests > 0 && unsentSizeBytes > 0, "pendingRequests and unsentSizeBytes must be positive")
        self.argumentSizeBytes = argumentSizeBytes
        self.payloadSizeBytes = payloadSizeBytes
        self.uniqueSizeBytes = uniqueSizeBytes
        self.pendingRequests = pendingRequests
        self.unsentSizeBytes = unsentSizeBytes
    }
}
