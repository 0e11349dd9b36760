internal import CoreMetrics

/// Publishes what a job server has counted, and what it holds.
struct JobServerMetrics {
    private let counters: [Counter]
    private let connections: Gauge
    private let jobs: Gauge
    private let jobBytes: Gauge
    private var published = JobServerCounters()
    private var publishedHeld: (jobs: Int, bytes: Int)?

    init(factory: any MetricsFactory) {
        self.counters = JobServerCounters.Event.allCases.map {
            Counter(label: "gearman_server_jobs", dimensions: [("event", "\($0)")], factory: factory)
        }
        let gauge = { (name: String) in
            Gauge(label: "gearman_server_\(name)", dimensions: [], factory: factory)
        }
        self.connections = gauge("connections")
        self.jobs = gauge("jobs_held")
        self.jobBytes = gauge("jobs_held_bytes")
    }

    func connectionsChanged(to count: Int) { self.connections.record(count) }

    /// - Parameters:
    ///   - jobs: how many are queued, scheduled or running.
    ///   - bytes: their sizes.
    mutating func publish(_ counters: JobServerCounters, jobs: Int, bytes: Int) {
        // Jobs come and go without an event, too: kept ones with the server's start, unwanted ones with their clients.
        if self.publishedHeld.map({ $0 != (jobs, bytes) }) ?? true {
            self.publishedHeld = (jobs, bytes)
            self.jobs.record(jobs)
            self.jobBytes.record(bytes)
        }
        guard counters != self.published else { return }
        for (event, counter) in zip(JobServerCounters.Event.allCases, self.counters) {
            let count = counters[event] - self.published[event]
            if count > 0 { counter.increment(by: count) }
        }
        self.published = counters
    }
}
