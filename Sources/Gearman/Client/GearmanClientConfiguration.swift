public import CoreMetrics

/// How a ``GearmanClient`` behaves.
public struct GearmanClientConfiguration: Sendable {
    /// How large requests and answers may be.
    public var limits = GearmanLimits()

    /// How long one attempt to connect may take, name lookup included. Default 5 s.
    public var connectTimeout: Duration = .seconds(5)

    /// The wait before the first attempt to connect again; it doubles, with jitter. Default 50 ms.
    public var initialBackoff: Duration = .milliseconds(50)

    /// No wait between two attempts is longer. Default 5 s.
    public var maximumBackoff: Duration = .seconds(5)

    /// After this much silence the client asks whether the server is alive. Default 10 s.
    public var heartbeatInterval: Duration = .seconds(10)

    /// A server that does not answer that question in this time is given up. Default 5 s.
    public var heartbeatTimeout: Duration = .seconds(5)

    /// A server that leaves a request unanswered for this long is given up: answers come by position, so there is no
    /// going on without it. It does not limit how long a job runs. Default 30 s.
    public var requestTimeout: Duration = .seconds(30)

    /// A server whose next answer takes longer than this counts as slow: jobs without a unique ID go to others, if
    /// there are any that answer. Default 1 s.
    public var slowAfter: Duration = .seconds(1)

    /// The bytes of all requests of the client that wait, for a connection or to be sent. Further ones are refused with
    /// `tooManyRequests`; the one that passes the limit is still taken. ``GearmanLimits/unsentSizeBytes`` is the limit
    /// of one connection. Default 512 MiB.
    public var queuedSizeBytes = 512 << 20

    /// The events of one ``GearmanJob`` that wait to be read. When there are more, or their bytes are more than
    /// ``GearmanLimits/payloadSizeBytes``, the client reads nothing from that server until they are. Default 1,024.
    public var bufferedEvents = 1_024

    /// Where counters and timers go. Default nil: to the factory that the program has given to `MetricsSystem`, if it
    /// has. The article <doc:Observing> lists the names.
    public var metrics: (any MetricsFactory)?

    /// The defaults.
    public init() {}
}

extension GearmanClientConfiguration {
    var reconnect: ReconnectStateMachine.Configuration {
        ReconnectStateMachine.Configuration(
            initialBackoff: self.initialBackoff, maximumBackoff: self.maximumBackoff,
            connectTimeout: self.connectTimeout)
    }

    func connection(to server: GearmanServerAddress) -> ClientConnectionConfiguration {
        ClientConnectionConfiguration(
            server: server, limits: self.limits,
            timeouts: ConnectionTimeouts(
                heartbeatInterval: self.heartbeatInterval, heartbeatTimeout: self.heartbeatTimeout,
                requestTimeout: self.requestTimeout, slowAfter: self.slowAfter))
    }
}
