/// The jobs that one connection of a client submitted and that have not had their last event.
struct ClientJobs: Equatable, Sendable {
    private struct Job: Equatable, Sendable {
        /// Nil until the server created it, and for a background job.
        var handle: HandleBytes?
        var isAbandoned = false
    }

    private var jobs = ProbingTable<UInt64, Job>()
    private var subscriptions = JobSubscriptions()
    private var abandonedCount = 0

    /// Nobody waits for an event of any job.
    var isQuiet: Bool { self.jobs.count == self.abandonedCount }

    /// The handle of a foreground job that the server created.
    func handle(of id: UInt64) -> HandleBytes? {
        self.jobs[id]?.handle
    }

    mutating func submitted(_ id: UInt64) {
        let earlier = self.jobs.insert(Job(), for: id)
        precondition(earlier == nil, "Two live jobs have one number")
    }

    /// The server took it: from now on it hears of its handle.
    mutating func created(_ id: UInt64, handle: HandleBytes) {
        _ = self.jobs.update(id) { $0.handle = handle }
        self.subscriptions.subscribe(id, to: handle)
    }

    mutating func abandoned(_ id: UInt64) {
        let isNews = self.jobs.update(id) { job in
            defer { job.isAbandoned = true }
            return !job.isAbandoned
        }
        if isNews == true { self.abandonedCount += 1 }
    }

    /// A packet about `handle` came. Nil if no job hears of it any more, or nobody hears of the job.
    mutating func update(of handle: HandleBytes, _ event: GearmanJobEvent) -> GearmanJobUpdate? {
        guard let id = self.subscriptions.deal(handle, isFinal: event.isFinal) else { return nil }
        return self.update(of: id, event, isLast: event.isFinal)
    }

    /// Something happened to the job. Nil if nobody hears of it.
    /// - Parameter isLast: the job is forgotten.
    mutating func update(of id: UInt64, _ event: GearmanJobEvent, isLast: Bool) -> GearmanJobUpdate? {
        let isAbandoned = self.abandonedCount > 0 && self.jobs[id]?.isAbandoned == true
        if isLast {
            self.jobs.removeValue(of: id)
            if isAbandoned { self.abandonedCount -= 1 }
        }
        return isAbandoned ? nil : GearmanJobUpdate(id: id, event: event)
    }

    /// All jobs are lost. In the order of their numbers.
    mutating func lost(_ reason: GearmanError) -> [GearmanJobUpdate] {
        let heard = self.jobs.sorted.filter { !$0.value.isAbandoned }
        self = ClientJobs()
        return heard.map { GearmanJobUpdate(id: $0.key, event: .lost(reason)) }
    }

    func checkInvariants() {
        precondition(self.abandonedCount <= self.jobs.count, "More jobs are abandoned than there are")
        precondition(self.subscriptions.count <= self.jobs.count, "A handle without a job")
    }
}
