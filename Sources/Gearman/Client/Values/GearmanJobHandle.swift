/// The name that a job server gave to a job, good on that server until the job ends or the server restarts.
public struct GearmanJobHandle: Hashable, Sendable {
    /// What the server sent, for example `H:host:17`.
    public var bytes: [UInt8] { self.inPlace.bytes }

    let inPlace: HandleBytes

    /// The server that holds the job.
    public let server: GearmanServerAddress

    /// - Parameters:
    ///   - bytes: what the server sent. Nil for more than 63 of them, which no job server gives.
    ///   - server: the server that sent it.
    public init?(bytes: [UInt8], server: GearmanServerAddress) {
        guard let bytes = HandleBytes(bytes) else { return nil }
        self.init(bytes, server: server)
    }

    init(_ bytes: HandleBytes, server: GearmanServerAddress) {
        self.inPlace = bytes
        self.server = server
    }
}

extension GearmanJobHandle: CustomStringConvertible {
    /// The handle as text.
    public var description: String {
        String(decoding: self.bytes, as: UTF8.self)
    }
}
