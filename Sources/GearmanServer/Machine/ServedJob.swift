internal import Gearman

/// Where a job lies in a ``JobTable``.
typealias JobSlot = Int32

/// The three queues of a function, the first one first.
enum JobPriority: UInt8, CaseIterable, Sendable {
    case high
    case normal
    case low
}

/// A job that was submitted and has not ended.
struct ServedJob: Equatable, Sendable {
    enum Place: Equatable, Sendable {
        /// It is to be kept before anything else happens to it.
        /// Can transition to:
        ///   - `scheduled` or `queued` when it is, or when somebody waits for its result and it is not,
        ///   - the end when it cannot be kept.
        case unkept(dueNanoseconds: Int64?)
        /// It is not its time yet.
        /// Can transition to:
        ///   - `queued` when it is,
        ///   - the end when it is cancelled.
        case scheduled(atNanoseconds: Int64)
        /// Waits for a worker in the queue of its function and priority.
        /// Can transition to:
        ///   - `running` when a worker grabs it,
        ///   - the end when a worker would, but nobody wants it any more.
        case queued
        /// Can transition to:
        ///   - `queued` when the worker, or its time, is lost,
        ///   - the end when the worker has said the last word.
        case running(on: ConnectionID)
    }

    /// The number in its handle.
    let number: UInt64
    let function: Int
    let priority: JobPriority
    let unique: [UInt8]
    /// Empty if there is none.
    let reducer: [UInt8]
    var workload: [UInt8]
    var place: Place
    /// It runs even if nobody waits for it.
    var isBackground: Bool
    /// The journal has it.
    var isKept = false
    /// Somebody cancelled it. If it runs, it runs on.
    var isCancelled = false
    /// Who is told what becomes of it: one for each submission, in their order. Connections may have been closed.
    var client: ConnectionID?
    var furtherClients: [ConnectionID] = []
    var retries: UInt8 = 0
    var numerator: UInt32 = 0
    var denominator: UInt32 = 0
    /// When a worker's time is over.
    var deadline: GearmanInstant?
    /// Its neighbours in a ``JobList``.
    var previous: JobSlot = -1
    var next: JobSlot = -1
    /// Another job of the same unique and another function.
    var nextOfUnique: JobSlot = -1

    /// What it costs, in the account of `GearmanJobServerLimits.queuedBytes`. Small parts are rounded up.
    var sizeBytes: Int {
        256 + self.workload.count + self.unique.count + self.reducer.count
            + self.furtherClients.count * MemoryLayout<ConnectionID>.size
    }
}

/// A list of jobs, linked through the jobs themselves: of a queue, or in the hands of a connection.
struct JobList: Equatable, Sendable {
    fileprivate(set) var first: JobSlot = -1
    fileprivate var last: JobSlot = -1
    fileprivate(set) var count = 0
}

extension JobTable {
    mutating func append(_ slot: JobSlot, to list: inout JobList) {
        self[slot].previous = list.last
        self[slot].next = -1
        if list.last >= 0 { self[list.last].next = slot } else { list.first = slot }
        list.last = slot
        list.count += 1
    }

    mutating func unlink(_ slot: JobSlot, from list: inout JobList) {
        let (previous, next) = (self[slot].previous, self[slot].next)
        if previous >= 0 { self[previous].next = next } else { list.first = next }
        if next >= 0 { self[next].previous = previous } else { list.last = previous }
        self[slot].previous = -1
        self[slot].next = -1
        list.count -= 1
    }

    /// The jobs of a list, the first one first.
    func slots(of list: JobList) -> [JobSlot] {
        var slots: [JobSlot] = []
        slots.reserveCapacity(list.count)
        var slot = list.first
        while slot >= 0 {
            slots.append(slot)
            slot = self[slot].next
        }
        return slots
    }
}
