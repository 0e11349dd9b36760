/// The jobs between the event loop and the handlers: at most as many as may be in hand.
///
/// Not an `AsyncStream`, which drops what it holds when its reader is cancelled: a drain begins with a cancellation,
/// and the jobs in hand are finished all the same.
struct AssignedJobInbox {
    private var batches: [GearmanAssignedJobs] = []
    private var reader: CheckedContinuation<[GearmanAssignedJobs], Never>?
    private var isClosed = false
    /// How many jobs of each server wait or run.
    private var counts: [Int]
    /// The servers with jobs that will get no reply.
    private var givenBack: Set<Int> = []

    init(servers: Int) {
        self.counts = Array(repeating: 0, count: servers)
    }

    mutating func append(_ jobs: GearmanAssignedJobs) {
        self.counts[jobs.server] += jobs.count
        self.batches.append(jobs)
        if let reader = self.reader { self.giveAll(to: reader) }
    }

    /// Gives all jobs that are there to `continuation`, or the next that come; none when the inbox was closed.
    mutating func read(_ continuation: CheckedContinuation<[GearmanAssignedJobs], Never>) {
        precondition(self.reader == nil, "An inbox has one reader")
        if self.isClosed || !self.batches.isEmpty {
            self.giveAll(to: continuation)
        } else {
            self.reader = continuation
        }
    }

    private mutating func giveAll(to continuation: CheckedContinuation<[GearmanAssignedJobs], Never>) {
        self.reader = nil
        continuation.resume(returning: self.batches)
        self.batches = []
    }

    /// - Returns: whether there are no more jobs of that server, and it holds some that will get no reply.
    mutating func jobEnded(at server: Int, isGivenBack: Bool) -> Bool {
        self.counts[server] -= 1
        if isGivenBack { self.givenBack.insert(server) }
        return self.counts[server] == 0 && self.givenBack.contains(server)
    }

    mutating func close() {
        self.isClosed = true
        // Their connections are gone: the servers give them to others.
        self.batches = []
        if let reader = self.reader { self.giveAll(to: reader) }
    }
}
