public import Gearman

/// Where a job server keeps its background jobs, so that they outlive it: a table of a database, for instance.
///
/// One server writes at a time, one change after the other. All jobs are read once, when it starts.
public protocol GearmanJobJournal: Sendable {
    /// Makes the jobs this server's own. Whoever had them before must not be able to write any more: from now on its
    /// changes fail with ``GearmanJournalError/superseded(_:)``.
    ///
    /// It may take as long as it takes until the store is there.
    /// - Returns: the highest number that any job ever had here; 0 at the beginning.
    func open() async throws(GearmanJournalError) -> UInt64

    /// The jobs with higher numbers than this one, by their numbers, as many as are read well at once; empty if there
    /// are none.
    func jobs(after number: UInt64) async throws(GearmanJournalError) -> [GearmanKeptJob]

    /// Makes a change, all of it or nothing. What it returns is durable. To forget a job that is not there, or to keep
    /// one that is (it is replaced), is no error, because what failed is repeated.
    ///
    /// - Returns: the numbers of jobs that it will never take, because they are too large; the others are kept.
    func write(_ change: GearmanJournalChange) async throws(GearmanJournalError) -> Set<UInt64>
}

/// Why a journal did not do as it was asked.
public enum GearmanJournalError: Error, Hashable, Sendable {
    /// It is away, or nobody knows whether it was done. The server repeats it.
    case unavailable(String)
    /// Another server has the jobs now. This one ends.
    case superseded(String)

    var text: String {
        switch self {
        case .unavailable(let text), .superseded(let text): text
        }
    }
}

/// A background job as a journal keeps it.
public struct GearmanKeptJob: Hashable, Sendable {
    /// The number in its handle, 1 or more. No other job of the server has it.
    public var number: UInt64
    /// The name of its function, up to 8,180 bytes.
    public var function: [UInt8]
    /// Up to 64 bytes; empty if there is none.
    public var unique: [UInt8]
    /// Up to 8,180 bytes; empty if there is none.
    public var reducer: [UInt8]
    /// Which jobs of its function go before it.
    public var priority: GearmanPriority
    /// Up to ``GearmanJobServerLimits/payloadSizeBytes``.
    public var workload: [UInt8]
    /// When it is due, in seconds since 1970 UTC; nil: at once.
    public var epochSeconds: Int64?
    /// How many of its attempts ended because the worker was lost.
    public var retries: UInt8

    /// - Parameters:
    ///   - number: the number in its handle.
    ///   - function: the name of its function.
    ///   - unique: empty if there is none.
    ///   - reducer: empty if there is none.
    ///   - priority: its queue.
    ///   - workload: what it runs with.
    ///   - epochSeconds: when it is due; nil: at once.
    ///   - retries: the attempts whose worker was lost.
    public init(
        number: UInt64, function: [UInt8], unique: [UInt8] = [], reducer: [UInt8] = [],
        priority: GearmanPriority = .normal, workload: [UInt8] = [], epochSeconds: Int64? = nil, retries: UInt8 = 0
    ) {
        self.number = number
        self.function = function
        self.unique = unique
        self.reducer = reducer
        self.priority = priority
        self.workload = workload
        self.epochSeconds = epochSeconds
        self.retries = retries
    }
}

/// What is written to a journal at once.
public struct GearmanJournalChange: Hashable, Sendable {
    /// The numbers of jobs that have ended.
    public var forgotten: [UInt64]
    /// New jobs, and jobs that lost one more attempt. None of them is among those that are forgotten.
    public var kept: [GearmanKeptJob]
    /// The highest number that a job has had, for ``GearmanJobJournal/open()``.
    public var lastNumber: UInt64

    /// - Parameters:
    ///   - forgotten: the numbers of jobs that have ended.
    ///   - kept: the jobs to keep.
    ///   - lastNumber: the highest number so far.
    public init(forgotten: [UInt64], kept: [GearmanKeptJob], lastNumber: UInt64) {
        self.forgotten = forgotten
        self.kept = kept
        self.lastNumber = lastNumber
    }
}
