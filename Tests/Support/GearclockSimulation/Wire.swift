internal import GearclockCore
internal import Gearman

/// A stream between an endpoint and a job server, with Gearman's real connection machine at the endpoint's end. An
/// endpoint that works for several kinds of functions has one for each, as the daemons do, and a controller that has
/// parts of limits another one.
struct Wire {
    /// The connection of the simulation that it is a part of.
    let connection: ConnectionID
    /// What its worker works for; `nil`: it is a client's.
    let kind: Function.Kind?
    var client: ClientConnectionStateMachine?
    var worker: WorkerConnectionStateMachine?

    // A client's
    /// What its jobs and its questions are about, by the numbers that it gives them.
    var tokens: [UInt64: Token] = [:]
    var questions: [UInt64: ControllerStateMachine.RunID] = [:]
    var nextID: UInt64 = 0

    // A worker's
    /// For hand-overs to those who have a part of a limit.
    var isForLanes = false
    /// Its worker has closed it.
    var isOver = false
    /// Its own numbers of the jobs that it has.
    var numbers: [Handle: UInt64] = [:]

    // What the auditor reads along
    var toEndpoint = GearmanPacketDecoder()
    var toServer = GearmanPacketDecoder()
    /// The tasks whose jobs it runs, as the server sees it.
    var running: [Handle: Int] = [:]

    init(connection: ConnectionID) {
        self.connection = connection
        self.kind = nil
        self.client = ClientConnectionStateMachine(
            configuration: ClientConnectionConfiguration(server: GearmanServerAddress(host: "jobs")))
    }

    init(connection: ConnectionID, _ kind: Function.Kind, functions: [Function], depth: Int) {
        self.connection = connection
        self.kind = kind
        self.worker = WorkerConnectionStateMachine(
            configuration: WorkerConnectionConfiguration(
                functions: functions.map { .init(name: $0.wireName) }, depth: depth))
    }

    mutating func makeID() -> UInt64 {
        self.nextID += 1
        return self.nextID
    }
}

/// What passes over wires, by numbers: a payload is the number of what it stands for.
struct WireValues {
    private var workloads: [Workload] = []
    private var results: [JobResult] = []

    mutating func bytes(of workload: Workload) -> [UInt8] {
        self.workloads.append(workload)
        return Array("\(self.workloads.count - 1)".utf8)
    }

    func workload(_ bytes: [UInt8]) -> Workload { self.workloads[Int(String(decoding: bytes, as: UTF8.self))!] }

    mutating func reply(_ result: JobResult) -> GearmanJobReply.Result {
        switch result {
        case .completed: return .complete([])
        case .failed: return .fail
        case .exception: return .exception(Array("thrown".utf8))
        case .stored, .handedOver:
            self.results.append(result)
            return .complete(Array("\(self.results.count - 1)".utf8))
        }
    }

    /// What a client learns of its job; `nil`: nothing that it waits for.
    func result(_ event: GearmanJobEvent) -> JobResult? {
        switch event {
        case .complete(let bytes) where bytes.isEmpty: .completed
        case .complete(let bytes): self.results[Int(String(decoding: bytes, as: UTF8.self))!]
        case .fail: .failed
        case .exception: .exception
        // A connection that is lost is noticed as such.
        case .created, .data, .warning, .status, .lost, .refused: nil
        }
    }
}

extension Function {
    var wireName: [UInt8] {
        switch self {
        case .submit: Array("submit".utf8)
        case .handOver: Array("hand-over".utf8)
        case .handOverIn(let lane): Array("lane \(lane.value)".utf8)
        case .custom: Array("custom".utf8)
        case .target(let number): World.functionName(number).bytes
        }
    }

    init(wireName: [UInt8]) {
        let words = String(decoding: wireName, as: UTF8.self).split(separator: " ")
        switch words[0] {
        case "submit": self = .submit
        case "hand-over": self = .handOver
        case "lane": self = .handOverIn(Lane(value: UInt32(words[1])!))
        case "custom": self = .custom
        default: self = .target(Int(wireName[0]) - 97)
        }
    }
}

extension TaskPriority {
    var ofJobs: GearmanPriority {
        switch self {
        case .high: .high
        case .normal: .normal
        case .low: .low
        }
    }
}

/// The handles of a job server end with a number.
extension Handle {
    init(wire bytes: [UInt8]) {
        let digits = bytes.reversed().prefix { $0 != UInt8(ascii: ":") }.reversed()
        self = digits.reduce(0) { $0 &* 10 &+ UInt64($1 &- 48) }
    }

    var wireBytes: [UInt8] { Array("H:localhost:\(self)".utf8) }
}
