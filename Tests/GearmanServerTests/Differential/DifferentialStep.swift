import Gearman

/// What one connection does in a differential test.
enum DifferentialStep {
    /// All in one write, or in two if there is a cut, which is a part of the whole.
    case send(Int, [DifferentialRequest], cut: Double? = nil)
    /// The same, for jobs whose time never comes: gearmand keeps them when they are cancelled, so they are not.
    case schedule(Int, [DifferentialRequest])
    /// The same, and nobody speaks of its jobs afterwards: it drops their function, and gearmand keeps the jobs, which
    /// belong to nothing any more.
    case forget(Int, [DifferentialRequest])
    case close(Int)
    /// Drops a function unless only jobs keep it, for the same reason.
    case drop(Int, String)
    /// Asks until no worker has a job of this function: the server's own clock decides when.
    case awaitIdle(Int, String)
    /// Asks for a job until there is one.
    case awaitJob(Int)

    var connection: Int {
        switch self {
        case .send(let connection, _, _), .schedule(let connection, _), .forget(let connection, _),
            .close(let connection),
            .drop(let connection, _), .awaitIdle(let connection, _), .awaitJob(let connection):
            connection
        }
    }
}

/// A request; a job is meant by how many have been created since.
enum DifferentialRequest {
    case packet(GearmanPacketType, [String], data: String)
    /// The first argument is a handle.
    case aboutJob(GearmanPacketType, Int, [String], data: String)
    case line(String, end: String = "\r\n")
    case cancel(Int)
    /// What no library would send.
    case frame(UInt32, String, magic: GearmanPacket.Magic = .request, size: Int? = nil)
    case raw([UInt8])

    var isGrab: Bool {
        switch self {
        case .packet(let type, _, _): [.grabJob, .grabJobUnique, .grabJobAll].contains(type)
        case .aboutJob, .line, .cancel, .frame, .raw: false
        }
    }

    func bytes(handles: [String], scheduled: Set<String>) throws -> [UInt8] {
        let handle = { (age: Int, handles: [String]) in
            age < handles.count ? handles[handles.count - 1 - age] : "H:nowhere:7"
        }
        switch self {
        case .packet(let type, let arguments, let data): return try request(type, arguments, data: data)
        case .aboutJob(let type, let job, let arguments, let data):
            return try request(type, [handle(job, handles)] + arguments, data: data)
        case .line(let line, let end): return Array((line + end).utf8)
        case .cancel(let job):
            return Array("cancel job \(handle(job, handles.filter { !scheduled.contains($0) }))\r\n".utf8)
        case .frame(let type, let body, let magic, let size):
            return RawRequest.frame(type, body, magic: magic, size: size)
        case .raw(let bytes): return bytes
        }
    }
}
