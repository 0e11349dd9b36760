/// The jobs that one connection of a client submitted and that have not had their last event.
struct ClientJobs: Equatable, Sendable {
    private struct Job: Equatable, Sendable {
        /// Empty until the server created it, and for a background job.
        var handle = HandleBytes()
        var isAbandoned = false
    }

    private var jobs = ProbingTable<UInt64, Job>()
    private var subscriptions = JobSubscriptions()
    private var abandonedCount = 0

    /// Nobody waits for an event of any job.
    var isQuiet: Bool { self.jobs.count == self.abandonedCount }

    /// The handle of a foreground job that the server created.
    func handle(of id: UInt64) -> HandleBytes? {
        guard let handle = self.jobs[id]?.handle, handle.count > 0 else { return nil }
        return handle
    }

    mutating func submitted(_ id: UInt64) {
        let count = self.jobs.count
        self.jobs.insert(Job(), for: id)
        precondition(self.jobs.count > count, "Two live jobs have one number")
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

    /// A packet about `handle` came.
    /// - Parameter isLast: the job is forgotten.
    /// - Returns: the job; nil if none hears of the handle any more, or nobody hears of the job.
    mutating func heard(of handle: HandleBytes, isLast: Bool) -> UInt64? {
        guard let id = self.subscriptions.deal(handle, isFinal: isLast) else { return nil }
        return self.heard(of: id, isLast: isLast) ? id : nil
    }

    /// Something happened to the job.
    /// - Parameter isLast: the job is forgotten.
    /// - Returns: whether anybody hears of it.
    mutating func heard(of id: UInt64, isLast: Bool) -> Bool {
        let isAbandoned = self.abandonedCount > 0 && self.jobs[id]?.isAbandoned == true
        if isLast {
            self.jobs.remove(id)
            if isAbandoned { self.abandonedCount -= 1 }
        }
        return !isAbandoned
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
