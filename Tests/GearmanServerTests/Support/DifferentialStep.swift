import Gearman

/// What one connection does in a differential test.
enum DifferentialStep {
    /// All in one write.
    case send(Int, [DifferentialRequest])
    case close(Int)

    var connection: Int {
        switch self {
        case .send(let connection, _), .close(let connection): connection
        }
    }
}

/// A request; a job is meant by how many have been created since.
enum DifferentialRequest {
    case packet(GearmanPacketType, [String], data: String)
    /// The first argument is a handle.
    case aboutJob(GearmanPacketType, Int, [String], data: String)
    case line(String)
    case cancel(Int)
    case raw([UInt8])

    var isGrab: Bool {
        switch self {
        case .packet(let type, _, _): [.grabJob, .grabJobUnique, .grabJobAll].contains(type)
        case .aboutJob, .line, .cancel, .raw: false
        }
    }

    func bytes(handles: [String]) throws -> [UInt8] {
        let handle = { (age: Int) in age < handles.count ? handles[handles.count - 1 - age] : "H:nowhere:7" }
        switch self {
        case .packet(let type, let arguments, let data): return try request(type, arguments, data: data)
        case .aboutJob(let type, let job, let arguments, let data):
            return try request(type, [handle(job)] + arguments, data: data)
        case .line(let line): return Array("\(line)\r\n".utf8)
        case .cancel(let job): return Array("cancel job \(handle(job))\r\n".utf8)
        case .raw(let bytes): return bytes
        }
    }
}

/// A random session, legal and illegal. It leaves out what gearmand does wrong: whoever joins a job that was cancelled
/// or left by its clients, and a mix of background and foreground for one unique.
struct DifferentialSession {
    private var random: SeededRandom
    private let prefix: String
    /// Later submissions have other uniques.
    private var era = 0

    init(seed: UInt64, prefix: String) {
        self.random = SeededRandom(seed: seed)
        self.prefix = prefix
    }

    mutating func next() -> DifferentialStep {
        let connection = Int.random(in: 0..<4, using: &self.random)
        if Int.random(in: 0..<40, using: &self.random) == 0 {
            self.era += 1
            return .close(connection)
        }
        if Int.random(in: 0..<60, using: &self.random) == 0 {
            // Alone: what gearmand does with the requests before it in one write depends on its threads.
            self.era += 1
            return .send(connection, [self.garbage()])
        }
        let count = self.random.element(of: [1, 1, 1, 2, 4])
        var requests: [DifferentialRequest] = []
        // A grab is the last one: who ends a job before its assignment has left gets freed memory from gearmand.
        while requests.count < count, requests.last?.isGrab != true { requests.append(self.request()) }
        return .send(connection, requests)
    }

    private mutating func function() -> String { self.prefix + self.random.element(of: ["f", "g", "h"]) }
    private mutating func job() -> Int { Int.random(in: 0..<12, using: &self.random) }
    private mutating func payload() -> String { self.random.element(of: ["", "x", "yy", "a\0b"]) }

    private mutating func request() -> DifferentialRequest {
        switch Int.random(in: 0..<100, using: &self.random) {
        case 0..<26: return self.submission()
        case 26..<46: return .packet(self.random.element(of: [.grabJob, .grabJobUnique, .grabJobAll]), [], data: "")
        case 46..<54: return .packet(.preSleep, [], data: "")
        case 54..<62: return .packet(.canDo, [self.function()], data: "")
        case 62..<63: return .packet(.canDoTimeout, [self.function(), "90000000"], data: "")
        case 63..<65: return .packet(.cantDo, [self.function()], data: "")
        case 65: return .packet(.resetAbilities, [], data: "")
        case 66..<82: return self.result()
        case 82..<86: return .aboutJob(.getStatus, self.job(), [], data: "")
        case 86..<88:
            return .packet(.getStatusUnique, [self.unique(isBackground: false, in: self.function())], data: "")
        case 88: return .packet(.optionRequest, [self.random.element(of: ["exceptions", "EXCEPTIONS", "x"])], data: "")
        case 89: return .packet(.setClientID, [self.prefix + "me"], data: "")
        case 90..<96: return self.line()
        case 96:
            self.era += 1
            return .cancel(self.job())
        default: return self.unexpected()
        }
    }

    private mutating func unique(isBackground: Bool, in function: String) -> String {
        "\(function)\(isBackground ? "b" : "u")\(self.era)\(self.random.element(of: ["p", "q", "r"]))"
    }

    private mutating func submission() -> DifferentialRequest {
        let type = self.random.element(of: [
            GearmanPacketType.submitJob, .submitJob, .submitJobHigh, .submitJobLow, .submitJobBackground,
            .submitJobHighBackground, .submitJobLowBackground, .submitReduceJob, .submitReduceJobBackground,
            .submitJobEpoch,
        ])
        let isBackground = ![.submitJob, .submitJobHigh, .submitJobLow, .submitReduceJob].contains(type)
        let function = self.function()
        let unique = self.random.element(of: ["", self.unique(isBackground: isBackground, in: function)])
        let tooLong = Int.random(in: 0..<30, using: &self.random) == 0 ? String(repeating: "u", count: 65) : unique
        switch type {
        case .submitReduceJob, .submitReduceJobBackground:
            return .packet(type, [function, unique, "reducer", "0"], data: self.payload())
        case .submitJobEpoch: return .packet(type, [function, tooLong, "1000000000"], data: self.payload())
        default: return .packet(type, [function, tooLong], data: self.payload())
        }
    }

    private mutating func result() -> DifferentialRequest {
        let type = self.random.element(of: [
            GearmanPacketType.workComplete, .workComplete, .workComplete, .workFail, .workException, .workData,
            .workWarning,
            .workStatus,
        ])
        switch type {
        case .workFail: return .aboutJob(type, self.job(), [], data: "")
        case .workStatus:
            return .aboutJob(type, self.job(), [self.random.element(of: ["1", "z", "-3"]), "7"], data: "")
        default: return .aboutJob(type, self.job(), [], data: self.payload())
        }
    }

    private mutating func line() -> DifferentialRequest {
        let function = self.function()
        return .line(
            self.random.element(of: [
                "status", "prioritystatus", "show jobs", "show unique jobs", "workers", "maxqueue \(function) 3",
                "maxqueue \(function)", "maxqueue \(function) 0 2 1", "create function \(self.prefix)new",
                "drop function \(self.prefix)new", "drop function \(self.prefix)none", "show", "SHOW nothing", "",
                "nonsense",
                "cancel nothing at", "create", "maxqueue", "shutdown",
            ]))
    }

    /// Packets that a server does not take.
    private mutating func unexpected() -> DifferentialRequest {
        let type = self.random.element(of: [GearmanPacketType.allYours, .noop, .unused, .noJob])
        return .packet(type, [], data: "")
    }

    private mutating func garbage() -> DifferentialRequest {
        self.random.element(of: [
            .raw([0x00, 0x41, 0x42, 0x43, 0, 0, 0, 16, 0, 0, 0, 0]),
            .raw([0x00, 0x52, 0x45, 0x51, 0, 0, 0, 0, 0, 0, 0, 0]),
            .raw([0x00, 0x52, 0x45, 0x51, 0, 0, 0, 43, 0, 0, 0, 0]),
            .raw([0x00, 0x52, 0x45, 0x53, 0, 0, 0, 16, 0, 0, 0, 1, 0x78]),
            .line("a b c d e f"),
        ])
    }
}
