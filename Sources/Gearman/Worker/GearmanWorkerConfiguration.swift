public import CoreMetrics

/// How a ``GearmanWorker`` behaves.
public struct GearmanWorkerConfiguration: Sendable {
    /// What the job servers' `workers` command shows for this worker: up to 127 bytes, without white space and NUL.
    /// Default empty: nothing is shown.
    public var clientID = ""

    /// How many jobs the worker takes at once over each connection. A function with a timeout makes it one: job servers
    /// keep a single timer for each connection. Default 1.
    public var concurrency = 1

    /// A connection asks for no further job while the workloads in hand amount to this much; those that it has asked
    /// for may still come. Default 256 MiB.
    public var heldSizeBytes = 256 << 20

    /// Whether jobs come with their ``GearmanAssignedJob/reducer``. (GRAB_JOB_ALL) gearmand and `GearmanServer` know
    /// that request, some other job servers do not. Default false.
    public var wantsReducers = false

    /// How long a drain waits for the jobs in hand before the connections are closed; the servers then give these jobs
    /// to other workers. Default 30 s.
    public var drainTimeout: Duration = .seconds(30)

    /// How large jobs and results may be.
    public var limits = GearmanLimits()

    /// How long one attempt to connect may take, name lookup included. Default 5 s.
    public var connectTimeout: Duration = .seconds(5)

    /// The wait before the first attempt to connect again; it doubles, with jitter. Default 50 ms.
    public var initialBackoff: Duration = .milliseconds(50)

    /// No wait between two attempts is longer. Default 5 s.
    public var maximumBackoff: Duration = .seconds(5)

    /// After this much silence the worker asks whether the server is alive. Default 10 s.
    public var heartbeatInterval: Duration = .seconds(10)

    /// A server that does not answer that question in this time is given up. Default 5 s.
    public var heartbeatTimeout: Duration = .seconds(5)

    /// A server that takes longer than this to answer the request for a job counts as slow in ``GearmanWorker/health``.
    /// Default 1 s.
    public var slowAfter: Duration = .seconds(1)

    /// A server that does not answer the request for a job (with a job, or that there is none) in this time is given
    /// up. Default 30 s.
    public var requestTimeout: Duration = .seconds(30)

    /// Where counters and timers go. Default nil: to the factory that the program has given to `MetricsSystem`, if it
    /// has. The article <doc:Observing> lists the names.
    public var metrics: (any MetricsFactory)?

    /// The defaults.
    public init() {}
}

extension GearmanWorkerConfiguration {
    var reconnect: ReconnectStateMachine.Configuration {
        ReconnectStateMachine.Configuration(
            initialBackoff: self.initialBackoff, maximumBackoff: self.maximumBackoff,
            connectTimeout: self.connectTimeout)
    }

    func connection(functions: [WorkerConnectionConfiguration.Function]) -> WorkerConnectionConfiguration {
        WorkerConnectionConfiguration(
            functions: functions, clientID: Array(self.clientID.utf8), depth: self.concurrency,
            heldSizeBytes: self.heldSizeBytes, wantsReducers: self.wantsReducers, limits: self.limits,
            timeouts: ConnectionTimeouts(
                heartbeatInterval: self.heartbeatInterval, heartbeatTimeout: self.heartbeatTimeout,
                requestTimeout: self.requestTimeout, slowAfter: self.slowAfter))
    }

    /// - Throws: ``GearmanError`` (`invalidRequest`) for what no job server would take.
    func validate(functions: [WorkerConnectionConfiguration.Function]) throws(GearmanError) {
        guard self.concurrency > 0, self.heldSizeBytes > 0 else {
            throw GearmanError(.invalidRequest, "concurrency and heldSizeBytes must be positive")
        }
        let isPlain = { (byte: UInt8) in byte > 0x20 && byte != 0x7f }
        guard self.clientID.utf8.count <= 127, self.clientID.utf8.allSatisfy(isPlain) else {
            throw GearmanError(.invalidRequest, "clientID must have at most 127 bytes and no white space")
        }
        for function in functions {
            // CAN_DO_TIMEOUT has a number beside the name, at most 19 digits.
            let room = self.limits.argumentSizeBytes - (function.timeout == nil ? 0 : 20)
            guard !function.name.isEmpty, function.name.count <= room, !function.name.contains(0) else {
                throw GearmanError(.invalidRequest, "A function's name must not be empty, too long or contain NUL")
            }
        }
    }
}
