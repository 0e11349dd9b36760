internal import Gearman

/// Where a job lies in a ``JobTable``.
package typealias JobSlot = Int32

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

    /// The number in its handle, from 1.
    private(set) var number: UInt64
    let function: Int
    let priority: JobPriority
    /// Empty if there is none.
    private(set) var reducer: [UInt8]
    /// Unique, NUL and workload: as they stand in most packets that give the job to a worker.
    private(set) var text: [UInt8]
    private let uniqueSize: Int32
    var place: Place
    /// It runs even if nobody waits for it.
    var isBackground: Bool
    /// The journal has it.
    var isKept = false
    /// Somebody cancelled it. If it runs, it runs on.
    var isCancelled = false
    var clients = JobClients()
    var retries: UInt8 = 0
    var numerator: UInt32 = 0
    var denominator: UInt32 = 0
    /// When a worker's time is over.
    var deadline: GearmanInstant?
    /// Its neighbours in a ``JobList``.
    var previous: JobSlot = -1
    var next: JobSlot = -1
    /// By what a submission finds it that joins it: a hash of its unique, or, if that is `-`, of its workload. Nil: it
    /// is not found.
    var keyHash: UInt32?

    init(
        number: UInt64, function: Int, priority: JobPriority, unique: ArraySlice<UInt8>, reducer: [UInt8],
        workload: ArraySlice<UInt8>, place: Place, isBackground: Bool
    ) {
        self.number = number
        self.function = function
        self.priority = priority
        self.reducer = reducer
        self.text = Array(joining: unique, workload)
        self.uniqueSize = Int32(unique.count)
        self.keyHash = Self.keyHash(unique: unique, workload: workload)
        self.place = place
        self.isBackground = isBackground
    }

    var unique: ArraySlice<UInt8> { self.text[..<Int(self.uniqueSize)] }
    var workload: ArraySlice<UInt8> { self.text[(Int(self.uniqueSize) + 1)...] }

    /// Nil: a job of these joins no other one.
    static func keyHash(unique: ArraySlice<UInt8>, workload: ArraySlice<UInt8>) -> UInt32? {
        let hashed = unique.isOneDash ? workload : unique
        guard !hashed.isEmpty else { return nil }
        var hasher = Hasher()
        hasher.combine(unique.isOneDash)
        hashed.withUnsafeBytes { hasher.combine(bytes: $0) }
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    /// Whether another job with the same ``keyHash`` has the same unique or workload.
    func hasKey(of other: ServedJob) -> Bool {
        self.unique == other.unique && (!self.unique.isOneDash || self.workload == other.workload)
    }

    mutating func removeWorkload() {
        self.text = Array(joining: self.unique, [])
    }

    var isThere: Bool { self.number != 0 }

    /// From now on there is no job here, and nothing is kept.
    mutating func leave() {
        self.number = 0
        self.text = []
        self.reducer = []
        self.clients = JobClients()
    }

    /// What it costs, in the account of `GearmanJobServerLimits.queuedBytes`. Small parts are rounded up.
    var sizeBytes: Int {
        256 + self.text.count + self.reducer.count + self.clients.sizeBytes
    }
}

/// Who is told what becomes of a job: one for each submission, in their order. Connections may have been closed.
struct JobClients: Equatable, Sendable, Sequence {
    fileprivate var first: ConnectionID?
    fileprivate var further: [ConnectionID] = []

    /// What those beyond the first one cost.
    var sizeBytes: Int { self.further.count * MemoryLayout<ConnectionID>.size }

    mutating func append(_ client: ConnectionID) {
        if self.first == nil { self.first = client } else { self.further.append(client) }
    }

    func makeIterator() -> Iterator { Iterator(clients: self) }

    struct Iterator: IteratorProtocol {
        fileprivate let clients: JobClients
        private var position = -1

        fileprivate init(clients: JobClients) {
            self.clients = clients
        }

        mutating func next() -> ConnectionID? {
            defer { self.position += 1 }
            if self.position < 0 { return self.clients.first }
            return self.position < self.clients.further.count ? self.clients.further[self.position] : nil
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate var isOneDash: Bool { self.count == 1 && self.first == UInt8(ascii: "-") }
}

extension [UInt8] {
    /// Both, and a NUL between them.
    fileprivate init(joining first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) {
        self = []
        self.append(addingCapacity: first.count + 1 + second.count) { room in
            room.withUnsafeMutableBufferPointer { buffer, count in
                let bytes = UnsafeMutableRawBufferPointer(buffer)
                first.withUnsafeBytes { bytes.copyMemory(from: $0) }
                bytes[first.count] = 0
                count = first.count + 1
                let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
                second.withUnsafeBytes { rest.copyMemory(from: $0) }
                count += second.count
            }
        }
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
