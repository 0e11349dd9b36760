/// In which order a job server gives out the waiting jobs of one function.
public enum GearmanPriority: Hashable, Sendable, CaseIterable {
    /// Before all others.
    case high
    /// Unless another one is asked for.
    case normal
    /// After all others.
    case low
}

/// A job that a client asks a job server to have run.
public struct GearmanJobRequest: Hashable, Sendable {
    /// The name under which workers registered it: not empty, without NUL, at most
    /// ``GearmanLimits/argumentSizeBytes``.
    public var function: [UInt8]

    /// Jobs of one function with the same unique ID are merged by the server while the first is queued or running.
    /// Empty: never merged. `-`: merged by its workload, unless that is empty; all of these go to one server, and no
    /// question for a status by unique ID finds them. Without NUL, at most ``GearmanLimits/uniqueSizeBytes``.
    public var unique: [UInt8]

    /// What the worker gets, at most ``GearmanLimits/payloadSizeBytes``.
    public var workload: [UInt8]

    /// Its place among the waiting jobs of the function.
    public var priority: GearmanPriority

    /// Before this second since 1970, UTC, the job is not to run. (SUBMIT_JOB_EPOCH) Default nil: it may run at once.
    ///
    /// Only a background job of normal priority can have one. `GearmanServer` runs it on time. gearmand before 2.0 does
    /// not: a worker that sleeps is not woken when the job is due, so that it runs when something else wakes one;
    /// meanwhile low jobs of its function wait too. Every gearmand forgets it when it restarts, unless it has a
    /// persistent queue, and merges it by its unique ID with others whatever their times are. There is no form for
    /// SUBMIT_JOB_SCHED, which every gearmand refuses.
    public var startTimeSeconds: Int64?

    /// The function that is to put the results of the job's parts together. (SUBMIT_REDUCE_JOB) Default empty: none.
    ///
    /// The server does nothing with it but give it to workers that ask, for which see
    /// ``GearmanWorkerConfiguration/wantsReducers``. Only a job of normal priority and without a time can have one.
    public var reducer: [UInt8]

    /// - Parameters:
    ///   - function: the name under which workers registered it.
    ///   - unique: the unique ID; empty by default.
    ///   - workload: what the worker gets; empty by default.
    ///   - priority: normal by default.
    public init(
        function: [UInt8], unique: [UInt8] = [], workload: [UInt8] = [], priority: GearmanPriority = .normal
    ) {
        self.function = function
        self.unique = unique
        self.workload = workload
        self.priority = priority
        self.startTimeSeconds = nil
        self.reducer = []
    }

    /// The same with texts, taken as UTF-8.
    public init(
        function: String, unique: String = "", workload: String = "", priority: GearmanPriority = .normal
    ) {
        self.init(
            function: Array(function.utf8), unique: Array(unique.utf8), workload: Array(workload.utf8),
            priority: priority)
    }

    /// The same with a text for the names and bytes for the workload.
    public init(
        function: String, unique: String = "", workload: [UInt8], priority: GearmanPriority = .normal
    ) {
        self.init(
            function: Array(function.utf8), unique: Array(unique.utf8), workload: workload, priority: priority)
    }
}

/// A request on its way through a client, with the number by which its events find the caller.
package struct GearmanPipelinedJob: Hashable, Sendable {
    /// The caller's number for it; no two live jobs of a client share one.
    package var id: UInt64
    package var request: GearmanJobRequest
    /// The server only confirms a background job; of its run nothing comes back.
    package var isBackground: Bool
    /// The server that has this job already, and by its unique joins the request to it. It is preferred to the one that
    /// the unique hashes to, as long as it can be reached.
    package var server: GearmanServerAddress?

    @inlinable package init(
        id: UInt64, request: GearmanJobRequest, isBackground: Bool = false, server: GearmanServerAddress? = nil
    ) {
        self.id = id
        self.request = request
        self.isBackground = isBackground
        self.server = server
    }
}
