/// What a client or a worker knows about one of its job servers at one moment.
public struct GearmanServerHealth: Equatable, Sendable {
    /// Whether the server can be used.
    public enum Condition: Hashable, Sendable {
        /// It was not tried yet, or the first attempt is under way.
        case unknown
        /// It answers.
        case healthy
        /// It is connected, and an answer is late. Jobs with a unique ID still go to it, because equal ones would miss
        /// each other elsewhere; other jobs go where there is less to wait for.
        case slow
        /// It could not be reached, or was given up, and is being tried again.
        case away
    }

    /// The server.
    public let server: GearmanServerAddress

    /// Whether it can be used.
    public internal(set) var condition = Condition.unknown

    /// How many attempts and connections have failed since it last answered.
    public internal(set) var failures = 0

    /// Why it could not be reached, or was given up, the last time; nil if that never happened.
    public internal(set) var lastError: GearmanError?

    /// How long its last answer took; nil before the first, and always for a worker.
    public internal(set) var responseTime: Duration?

    /// The bytes that wait to be sent to it.
    public internal(set) var unsentSizeBytes = 0

    init(server: GearmanServerAddress) {
        self.server = server
    }

    mutating func answered() {
        self.condition = .healthy
        self.failures = 0
    }

    mutating func failed(_ error: GearmanError?) {
        self.condition = .away
        guard let error else { return }
        self.failures += 1
        self.lastError = error
    }
}
