internal import GearclockCore

/// A job server at the level of jobs, with the traps of gearmand: a job whose worker is lost is queued again; a queued
/// foreground job whose last client is lost is ignored for good, even if somebody joins it; a running one goes on.
struct SimulatedJobServer {
    struct Job {
        let key: Key
        let priority: TaskPriority
        let isBackground: Bool
        let workload: Workload
        var clients: [(connection: ConnectionID, token: Token)]
        /// The connection of the worker that runs it.
        var worker: ConnectionID?
        var isIgnored = false
    }

    struct Key: Hashable {
        let function: Function
        let unique: [UInt8]

        /// As one piece: hashed byte by byte it takes a tenth of a simulation's time.
        func hash(into hasher: inout Hasher) {
            hasher.combine(self.function)
            self.unique.withUnsafeBytes { hasher.combine(bytes: $0) }
        }
    }

    let joinsRevive: Bool
    var isUp = true
    private(set) var jobs: [Handle: Job] = [:]
    private var handles: [Key: Handle] = [:]
    /// For each function and priority, first in, first out.
    private var waiting: [Function: [[Handle]]] = [:]
    private var nextHandle: Handle = 0

    init(joinsRevive: Bool) {
        self.joinsRevive = joinsRevive
    }

    subscript(handle: Handle) -> Job? { self.jobs[handle] }

    func handle(of key: Key) -> Handle? { self.handles[key] }

    /// - Returns: the job's handle, and whether there was none of this function and unique before.
    mutating func submit(_ job: SubmittedJob, from client: ConnectionID, _ token: Token) -> (Handle, isNew: Bool) {
        let key = Key(function: job.function, unique: job.unique)
        let waiting = job.isBackground ? [] : [(connection: client, token: token)]
        if let handle = self.handles[key] {
            self.jobs[handle]!.clients += waiting
            if self.joinsRevive { self.jobs[handle]!.isIgnored = false }
            return (handle, false)
        }
        self.nextHandle += 1
        self.handles[key] = self.nextHandle
        self.jobs[self.nextHandle] = Job(
            key: key, priority: job.priority, isBackground: job.isBackground, workload: job.workload,
            clients: waiting)
        self.enqueue(self.nextHandle)
        return (self.nextHandle, true)
    }

    /// Takes the next job of a function that somebody still wants.
    mutating func next(of function: Function) -> Handle? {
        guard var queues = self.waiting.removeValue(forKey: function) else { return nil }
        defer { self.waiting[function] = queues }
        for priority in queues.indices {
            while !queues[priority].isEmpty {
                let handle = queues[priority].removeFirst()
                if !self.jobs[handle]!.isIgnored { return handle }
                self.remove(handle)
            }
        }
        return nil
    }

    func hasWaiting(_ function: Function) -> Bool {
        self.waiting[function]?.contains { !$0.isEmpty } ?? false
    }

    /// Jobs of a function that no worker has.
    func queued(_ function: Function) -> Int {
        self.jobs.values.count { $0.key.function == function && $0.worker == nil }
    }

    mutating func assign(_ handle: Handle, to worker: ConnectionID) {
        self.jobs[handle]!.worker = worker
    }

    @discardableResult
    mutating func remove(_ handle: Handle) -> Job? {
        guard let job = self.jobs.removeValue(forKey: handle) else { return nil }
        self.handles[job.key] = nil
        return job
    }

    /// A connection was lost.
    /// - Returns: the jobs that its worker was running, in the order of their handles.
    mutating func lost(_ connection: ConnectionID) -> [(handle: Handle, job: Job)] {
        var stopped: [(Handle, Job)] = []
        for handle in self.jobs.keys.sorted() {
            var job = self.jobs[handle]!
            job.clients.removeAll { $0.connection == connection }
            let isUnwanted = job.clients.isEmpty && !job.isBackground
            if job.worker == connection {
                stopped.append((handle, job))
                job.worker = nil
                self.jobs[handle] = job
                if isUnwanted { self.remove(handle) } else { self.enqueue(handle) }
            } else {
                if isUnwanted, job.worker == nil { job.isIgnored = true }
                self.jobs[handle] = job
            }
        }
        return stopped
    }

    /// The process is gone, and with it all that it held.
    mutating func die() {
        self.isUp = false
        self.jobs = [:]
        self.handles = [:]
        self.waiting = [:]
    }

    private mutating func enqueue(_ handle: Handle) {
        let job = self.jobs[handle]!
        self.waiting[job.key.function, default: [[], [], []]][Int(job.priority.rawValue)].append(handle)
    }
}
