/// The jobs between the event loop and the handlers: at most as many as may be in hand.
///
/// Not an `AsyncStream`, which drops what it holds when its reader is cancelled: a drain begins with a cancellation,
/// and the jobs in hand are finished all the same.
struct AssignedJobInbox {
    private var jobs: [GearmanAssignedJob] = []
    private var reader: CheckedContinuation<[GearmanAssignedJob], Never>?
    private(set) var isClosed = false
    /// The jobs of each server that run.
    private var running: [Int: Int] = [:]
    /// The servers with jobs that will get no reply.
    private var givenBack: Set<Int> = []

    mutating func append(_ jobs: GearmanAssignedJobs) {
        if let reader = self.reader {
            self.reader = nil
            reader.resume(returning: Array(jobs))
        } else {
            self.jobs += jobs
        }
    }

    /// Gives all jobs that are there to `continuation`, or the next that come; none when the inbox was closed.
    mutating func read(_ continuation: CheckedContinuation<[GearmanAssignedJob], Never>) {
        precondition(self.reader == nil, "An inbox has one reader")
        if self.isClosed || !self.jobs.isEmpty {
            continuation.resume(returning: self.jobs)
            self.jobs = []
        } else {
            self.reader = continuation
        }
    }

    mutating func jobStarted(at server: Int) {
        self.running[server, default: 0] += 1
    }

    /// - Returns: whether nothing runs for that server any more, and it holds jobs that will get no reply.
    mutating func jobEnded(at server: Int, isGivenBack: Bool) -> Bool {
        self.running[server, default: 1] -= 1
        if isGivenBack { self.givenBack.insert(server) }
        return self.running[server] == 0 && self.givenBack.contains(server)
    }

    mutating func close() {
        self.isClosed = true
        // Their connections are gone: the servers give them to others.
        self.jobs = []
        self.reader?.resume(returning: [])
        self.reader = nil
    }
}
