import Gearman

/// A random session, legal and illegal. It leaves out what gearmand does wrong, for a reason that stands where it is
/// left out, and in the article about the server: whoever joins a job that was cancelled or left by its clients, and a
/// mix of background and foreground for one unique, among others.
struct DifferentialSession {
    /// The connections that do anything; those that wait for the clock come later.
    static let connections = 0..<4
    /// Grabs without ever sleeping: gearmand wakes sleepers for a job whose time has not come.
    static let restless = 3

    var random: SeededRandom
    let prefix: String
    /// Later submissions have other uniques.
    var era = 0
    /// For what is used once only.
    private var serial = 0
    /// Comes next.
    var plan: [DifferentialStep] = []

    init(seed: UInt64, prefix: String) {
        self.random = SeededRandom(seed: seed)
        self.prefix = prefix
    }

    mutating func next() -> DifferentialStep {
        if !self.plan.isEmpty { return self.plan.removeFirst() }
        let connection = Int.random(in: Self.connections, using: &self.random)
        switch Int.random(in: 0..<240, using: &self.random) {
        case 0..<6:
            self.era += 1
            return .close(connection)
        case 6..<10:
            // Alone: what gearmand does with the requests before it in one write depends on its threads.
            self.era += 1
            return .send(connection, [self.garbage()])
        case 10..<14: return .schedule(connection, [self.scheduledSubmission()])
        case 14..<16: return .drop(connection, self.random.element(of: [self.function(), self.function() + "."]))
        case 16: return .forget(connection, self.doomedFunction())
        case 17..<35:
            let cut = Double.random(in: 0...1, using: &self.random)
            return .send(connection, self.requests(of: connection), cut: cut)
        default: return .send(connection, self.requests(of: connection))
        }
    }

    private mutating func requests(of connection: Int) -> [DifferentialRequest] {
        let count = self.random.element(of: [1, 1, 1, 2, 4])
        var requests: [DifferentialRequest] = []
        // A grab is the last one: who ends a job before its assignment has left gets freed memory from gearmand.
        while requests.count < count, requests.last?.isGrab != true {
            requests.append(self.request(of: connection))
        }
        return requests
    }

    private mutating func request(of connection: Int) -> DifferentialRequest {
        switch Int.random(in: 0..<104, using: &self.random) {
        case 0..<26: self.submission()
        case 26..<66: self.workerRequest(of: connection)
        case 66..<82: self.result()
        case 82..<89: self.question()
        case 89..<98: self.line()
        case 98: self.cancel()
        default: self.unexpected()
        }
    }

    // MARK: Names

    mutating func function() -> String { self.prefix + self.random.element(of: ["f", "g", "h"]) }

    /// Jobs that wait for their time belong to it.
    var scheduledFunction: String { self.prefix + "later" }

    mutating func job() -> Int { Int.random(in: 0..<12, using: &self.random) }

    mutating func payload() -> String {
        // One that needs more than a buffer.
        if Int.random(in: 0..<60, using: &self.random) == 0 { return "long".padded(to: 20_000) }
        return self.random.element(of: ["", "x", "yy", "a\0b"])
    }

    /// A name that was never used before.
    mutating func newName() -> String {
        self.serial += 1
        return "\(self.prefix)n\(self.serial)"
    }

    mutating func unique(isBackground: Bool, in function: String) -> String {
        "\(function)\(isBackground ? "b" : "u")\(self.era)\(self.random.element(of: ["p", "q", "r"]))"
    }
}
