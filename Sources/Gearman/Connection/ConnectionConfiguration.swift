/// How one connection, of a client or a worker, finds out that its server is gone.
package struct ConnectionTimeouts: Equatable, Sendable {
    /// Silence after which an ECHO_REQ asks whether the server is alive. Default 10 s.
    package var heartbeatInterval: Duration
    /// Silence after that echo, or after the first packet of the connection, at which it is given up. Default 5 s.
    package var heartbeatTimeout: Duration
    /// How long the next answer may take before the connection is given up; they come in the order of the requests.
    /// Default 30 s.
    package var requestTimeout: Duration
    /// How long the next answer may take before the server counts as slow. Default 1 s.
    package var slowAfter: Duration

    package init(
        heartbeatInterval: Duration = .seconds(10), heartbeatTimeout: Duration = .seconds(5),
        requestTimeout: Duration = .seconds(30), slowAfter: Duration = .seconds(1)
    ) {
        self.heartbeatInterval = heartbeatInterval
        self.heartbeatTimeout = heartbeatTimeout
        self.requestTimeout = requestTimeout
        self.slowAfter = slowAfter
    }
}

/// What a ``ClientConnectionStateMachine`` is told once.
package struct ClientConnectionConfiguration: Equatable, Sendable {
    /// The server at the other end, for the handles.
    package var server: GearmanServerAddress
    package var limits: GearmanLimits
    package var timeouts: ConnectionTimeouts
    /// Ask for WORK_EXCEPTION packets; without it an exception arrives as WORK_FAIL.
    package var wantsExceptions: Bool

    package init(
        server: GearmanServerAddress, limits: GearmanLimits = GearmanLimits(),
        timeouts: ConnectionTimeouts = ConnectionTimeouts(), wantsExceptions: Bool = true
    ) {
        self.server = server
        self.limits = limits
        self.timeouts = timeouts
        self.wantsExceptions = wantsExceptions
    }
}

/// What a ``WorkerConnectionStateMachine`` is told once.
package struct WorkerConnectionConfiguration: Equatable, Sendable {
    /// A function that a worker offers.
    package struct Function: Equatable, Sendable {
        package var name: [UInt8]
        /// After this time the server takes the job back. (CAN_DO_TIMEOUT; gearmand takes no less than a second)
        package var timeout: Duration?

        package init(name: [UInt8], timeout: Duration? = nil) {
            self.name = name
            self.timeout = timeout
        }
    }

    /// Registered in this order; gearmand serves the last one first.
    package var functions: [Function]
    /// Shown by the server's `workers` command; empty: none.
    package var clientID: [UInt8]
    /// How many jobs the connection may have in hand at once. Taken as 1 if a function has a timeout: gearmand keeps a
    /// single timer for each connection.
    package var depth: Int
    /// No further job is grabbed while the workloads in hand amount to this much. Grabs on their way may bring more.
    package var heldSizeBytes: Int
    /// Ask for the reducers of jobs too. (GRAB_JOB_ALL)
    package var wantsReducers: Bool
    package var limits: GearmanLimits
    package var timeouts: ConnectionTimeouts

    package init(
        functions: [Function], clientID: [UInt8] = [], depth: Int = 1, heldSizeBytes: Int = .max,
        wantsReducers: Bool = false, limits: GearmanLimits = GearmanLimits(),
        timeouts: ConnectionTimeouts = ConnectionTimeouts()
    ) {
        precondition(depth > 0 && heldSizeBytes > 0, "depth and heldSizeBytes must be positive")
        precondition(
            functions.allSatisfy { limits.allowsFunction($0.name) }, "A function name is empty, too long or has a NUL")
        precondition(clientID.count <= limits.argumentSizeBytes, "The client ID is too long")
        self.functions = functions
        self.clientID = clientID
        self.depth = depth
        self.heldSizeBytes = heldSizeBytes
        self.wantsReducers = wantsReducers
        self.limits = limits
        self.timeouts = timeouts
    }
}

extension GearmanLimits {
    /// Whether a worker can offer, and a client ask for, a function of this name.
    package func allowsFunction(_ name: [UInt8]) -> Bool {
        !name.isEmpty && name.count <= self.argumentSizeBytes && !name.contains(0)
    }
}
