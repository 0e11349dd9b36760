/// Where job servers keep their background jobs, so that they outlive them. A job is Gearman's: nobody claims it, and
/// only the server whose it is reads it, when it starts.
///
/// Each server has a name, and whoever takes a name last has its jobs: all changes of the one before are refused from
/// then on, wherever they are on their way.
package protocol JobStore: Sendable {
    /// Takes a name, from whoever has it.
    func takeJobServer(_ name: JobServerName) async throws(TaskStoreError) -> JobServerHold

    /// The kept jobs of a server with higher numbers than this one, by their numbers: as many as
    /// ``Limits/jobPage`` and ``Limits/jobPageBytes`` allow, one at least if there is one.
    func jobs(of server: JobServerName, after number: Int64) async throws(TaskStoreError) -> [KeptJob]

    /// Makes a change, all of it or nothing; it may be repeated. To forget a job that is not there is no error, and of
    /// one that is kept already the retries are written.
    func changeJobs(_ change: JobChange, of hold: JobServerHold) async throws(TaskStoreError) -> JobChangeOutcome
}

/// By which a job server finds its jobs again: 1 to 255 bytes.
package struct JobServerName: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package var bytes: [UInt8] { Array(self.description.utf8) }

    package init?(_ text: String) {
        guard (1...255).contains(text.utf8.count) else { return nil }
        self.description = text
    }
}

/// A name that somebody took.
package struct JobServerHold: Equatable, Sendable {
    package var name: JobServerName
    /// Higher each time that it is taken.
    package var generation: Int64
    /// The highest number that a job of this name ever had.
    package var lastNumber: Int64

    package init(name: JobServerName, generation: Int64, lastNumber: Int64) {
        self.name = name
        self.generation = generation
        self.lastNumber = lastNumber
    }
}

/// A background job of a job server.
package struct KeptJob: Equatable, Sendable {
    /// 1 or more; the number in its handle.
    package var number: Int64
    package var priority: TaskPriority
    package var retries: UInt8
    /// `nil`: at once.
    package var dueAt: Timestamp?
    /// Up to 8,192 bytes.
    package var function: [UInt8]
    /// Up to 64 bytes.
    package var unique: [UInt8]
    /// Up to 8,192 bytes.
    package var reducer: [UInt8]
    package var workload: [UInt8]

    package init(
        number: Int64, priority: TaskPriority, retries: UInt8, dueAt: Timestamp?, function: [UInt8], unique: [UInt8],
        reducer: [UInt8], workload: [UInt8]
    ) {
        self.number = number
        self.priority = priority
        self.retries = retries
        self.dueAt = dueAt
        self.function = function
        self.unique = unique
        self.reducer = reducer
        self.workload = workload
    }
}

/// What is changed at once.
package struct JobChange: Equatable, Sendable {
    package var forgotten: [Int64]
    package var kept: [KeptJob]
    package var lastNumber: Int64

    package init(forgotten: [Int64], kept: [KeptJob], lastNumber: Int64) {
        self.forgotten = forgotten
        self.kept = kept
        self.lastNumber = lastNumber
    }
}

/// What became of a change.
package enum JobChangeOutcome: Equatable, Sendable {
    /// It is made, but for jobs that are larger than what the database takes at once.
    case done(tooLarge: [Int64])
    /// Nothing was changed: somebody else has taken the name.
    case superseded
}

/// Which of the next jobs are read at once.
package struct JobPage: Sendable {
    /// The number of the last one.
    package private(set) var last: Int64
    private var bytes: Int64 = 0
    private var isFull = false
    private var isEmpty = true

    package init(after number: Int64) {
        self.last = number
    }

    /// The next job, by the size of its workload.
    package mutating func add(_ number: Int64, bytes: Int64) {
        self.bytes += bytes
        if self.bytes > Limits.jobPageBytes, !self.isEmpty { self.isFull = true }
        if !self.isFull { self.last = number }
        self.isEmpty = false
    }
}
