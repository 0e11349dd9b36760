/// How a job server behaves. The defaults are gearmand's.
public struct GearmanJobServerConfiguration: Hashable, Sendable {
    /// What every job handle starts with; `:` and a number follow. Nil: `H:` and the name of the machine.
    ///
    /// No more than ``handlePrefixLimitBytes`` of it are used, because clients and workers take handles of 63 bytes.
    public var handlePrefix: String?

    /// 42: a prefix of so many bytes leaves room for every number.
    public static let handlePrefixLimitBytes = 42

    /// How many attempts a job has before a lost worker, or a timeout, fails it. Default 0: no limit.
    public var jobRetries: UInt8

    /// How many sleeping workers are woken for each job. Default 0: all that can do it.
    public var workerWakeup: Int

    /// Whether a worker is given jobs of its functions in turn. Default false: of the function that it registered last,
    /// for as long as there are some.
    public var isRoundRobin: Bool

    /// Whether clients get WORK_EXCEPTION without having asked for it by the option `exceptions`. Default false.
    public var sendsExceptions: Bool

    /// Whether the text commands `shutdown` and `shutdown graceful` are obeyed. Default false: gearmand 1.1.20 does not
    /// know them, and anybody who can connect could end the server.
    public var allowsShutdown: Bool

    /// What the text command `version` answers behind `OK`.
    public var version: String

    /// What the text command `verbose` answers behind `OK`: gearmand's name of the log level.
    public var verbosity: String

    /// How long the submission of a background job waits for the journal, if there is one, before it is refused with
    /// the error `JOB_NOT_KEPT`. Default 10 s.
    public var journalPatience: Duration

    /// How much clients and workers may use.
    public var limits: GearmanJobServerLimits

    /// Makes the configuration that gearmand has without options.
    public init() {
        self.handlePrefix = nil
        self.jobRetries = 0
        self.workerWakeup = 0
        self.isRoundRobin = false
        self.sendsExceptions = false
        self.allowsShutdown = false
        self.version = "1.1.20+gearclock"
        self.verbosity = "ERROR"
        self.journalPatience = .seconds(10)
        self.limits = GearmanJobServerLimits()
    }
}

/// How much of a job server its clients and workers may use. gearmand has no such limits.
public struct GearmanJobServerLimits: Hashable, Sendable {
    /// The connections at one time. More of them wait in the system's queue until one is closed. Default 65,536.
    public var connections: Int

    /// A workload or result. Who sends a larger one loses the connection. Default 64 MiB.
    public var payloadSizeBytes: Int

    /// What may wait for one connection to read it. Requests of such a connection are not looked at until it has caught
    /// up; if results of jobs bring it above this limit, it is closed. Default 256 MiB.
    public var unsentBytes: Int

    /// All connections together: what waits for them to read it, and what they have not sent completely. Beyond it the
    /// connection with the most is closed. Default 1 GiB.
    public var bufferedBytes: Int

    /// All jobs together, with their workloads and uniques. A submission beyond it is refused as gearmand refuses one
    /// beyond `maxqueue`. Default 2 GiB.
    public var queuedBytes: Int

    /// The functions that are known at one time. For a new one, those that nobody uses are forgotten. Default 65,536.
    public var functions: Int

    /// The registrations of functions of one connection. Who sends more loses the connection. Default 16,384.
    public var registrations: Int

    /// Makes the default limits.
    public init() {
        self.connections = 65_536
        self.payloadSizeBytes = 64 << 20
        self.unsentBytes = 256 << 20
        self.bufferedBytes = 1 << 30
        self.queuedBytes = 2 << 30
        self.functions = 65_536
        self.registrations = 16_384
    }
}

/// When the system looks whether a silent peer is still there. What is nil is as the system has it.
public struct GearmanKeepAlive: Hashable, Sendable {
    /// After so much silence it asks. Whole seconds.
    public var idle: Duration?

    /// It asks again after so much. Whole seconds.
    public var interval: Duration?

    /// After so many questions without an answer the connection is closed.
    public var count: Int?

    /// - Parameters:
    ///   - idle: the silence before the first question.
    ///   - interval: the time between questions.
    ///   - count: the number of questions.
    public init(idle: Duration? = nil, interval: Duration? = nil, count: Int? = nil) {
        self.idle = idle
        self.interval = interval
        self.count = count
    }
}

/// What gearmand limits, in the numbers of its source.
enum ProtocolLimits {
    /// A unique ID of a submission.
    static let uniqueSizeBytes = 64
    /// One less than the buffer that gearmand has for a handle.
    static let handleSizeBytes = 63
    /// SET_CLIENT_ID is cut to this.
    static let clientIDSizeBytes = 127
    /// A line of the text protocol, newline included.
    static let lineSizeBytes = 8_192
    /// The words of a line of the text protocol.
    static let words = 5
    /// A shorter timeout of a function is raised to this.
    static let shortestTimeoutMilliseconds: Int64 = 1_000
}
