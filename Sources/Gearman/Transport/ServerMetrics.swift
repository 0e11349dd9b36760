internal import CoreMetrics

/// What a client or a worker counts about one server. The article "Metrics and logs" lists the names.
///
/// A class, because a structure of so many references would be copied at each use.
final class ServerMetrics: Sendable {
    /// The first part of each name.
    enum Role: String {
        case client = "gearman_client"
        case worker = "gearman_worker"
    }

    /// What became of a job, as far as this side knows.
    enum Outcome: Int, CaseIterable {
        case created, complete, fail, exception, lost, refused
    }

    private let jobs: Counter
    /// In the order of the outcomes.
    private let outcomes: [Counter]
    private let failures: [GearmanError.Code: Counter]
    private let otherFailures: Counter
    private let connected: Gauge
    private let responseTime: CoreMetrics.Timer

    /// - Parameter server: a server's text, or `none` for what concerns no server.
    init(_ role: Role, server: String, factory: any MetricsFactory) {
        let name = role.rawValue
        let dimensions = [("server", server)]
        self.jobs = Counter(label: "\(name)_jobs", dimensions: dimensions, factory: factory)
        self.outcomes = Outcome.allCases.map {
            Counter(label: "\(name)_outcomes", dimensions: dimensions + [("outcome", "\($0)")], factory: factory)
        }
        let failures = { (reason: String) in
            Counter(
                label: "\(name)_connection_failures", dimensions: dimensions + [("reason", reason)], factory: factory)
        }
        let codes: [GearmanError.Code] = [.notConnected, .connectionLost, .timedOut, .protocolViolation]
        self.failures = Dictionary(uniqueKeysWithValues: codes.map { ($0, failures($0.description)) })
        self.otherFailures = failures("other")
        self.connected = Gauge(label: "\(name)_connected", dimensions: dimensions, factory: factory)
        self.responseTime = CoreMetrics.Timer(label: "\(name)_response_time", dimensions: dimensions, factory: factory)
    }

    func jobsStarted(_ count: Int) { self.jobs.increment(by: count) }
    func jobsEnded(_ count: Int, _ outcome: Outcome) { self.outcomes[outcome.rawValue].increment(by: count) }
    func answered(after time: Duration) { self.responseTime.recordNanoseconds(time.clampedNanoseconds) }
    func connectionBecameReady() { self.connected.record(1) }

    func connectionFailed(_ error: GearmanError?) {
        self.connected.record(0)
        guard let error else { return }
        (self.failures[error.code] ?? self.otherFailures).increment()
    }

    /// Counts what happened to a client's jobs, each kind once for all of them: one read brings many.
    func happened(_ updates: [GearmanJobUpdate]) {
        var counts = InlineArray<6, Int>(repeating: 0)
        let updates = updates.span
        for place in updates.indices {
            guard let outcome = Outcome(updates[place].event) else { continue }
            counts[outcome.rawValue] += 1
        }
        self.ended(counts)
    }

    /// Counts what a worker said about its jobs.
    func replied(_ replies: [GearmanJobReply]) {
        var counts = InlineArray<6, Int>(repeating: 0)
        let replies = replies.span
        for place in replies.indices {
            guard let outcome = Outcome(replies[place].result) else { continue }
            counts[outcome.rawValue] += 1
        }
        self.ended(counts)
    }

    private func ended(_ counts: InlineArray<6, Int>) {
        for index in counts.indices where counts[index] > 0 { self.outcomes[index].increment(by: counts[index]) }
    }
}

extension ServerMetrics.Outcome {
    fileprivate init?(_ event: GearmanJobEvent) {
        switch event {
        case .created: self = .created
        case .complete: self = .complete
        case .fail: self = .fail
        case .exception: self = .exception
        case .lost: self = .lost
        case .refused: self = .refused
        case .data, .warning, .status: return nil
        }
    }

    fileprivate init?(_ result: GearmanJobReply.Result) {
        switch result {
        case .complete: self = .complete
        case .fail: self = .fail
        case .exception: self = .exception
        case .data, .warning, .status: return nil
        }
    }
}
