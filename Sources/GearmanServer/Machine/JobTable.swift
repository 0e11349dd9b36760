internal import Gearman

/// Bytes as a key: hashed as one piece, not one by one.
struct BytesKey: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    func hash(into hasher: inout Hasher) {
        self.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

/// All jobs of a server: by place, by the number of the handle, and by unique.
struct JobTable: Equatable, Sendable {
    /// A free place holds a job that is not there. Optionals would be copied whenever a part of one is read.
    private var jobs: [ServedJob] = []
    private var free: [JobSlot] = []
    private var numbers = JobIndex()
    private var uniques = JobIndex()
    private(set) var sizeBytes = 0

    var count: Int { self.numbers.count }
    /// In the order in which they were submitted.
    var all: [JobSlot] { self.numbers.slots.sorted { self[$0].number < self[$1].number } }

    subscript(slot: JobSlot) -> ServedJob {
        _read {
            precondition(self.jobs[Int(slot)].isThere, "There is no job at \(slot)")
            yield self.jobs[Int(slot)]
        }
        _modify {
            precondition(self.jobs[Int(slot)].isThere, "There is no job at \(slot)")
            yield &self.jobs[Int(slot)]
        }
    }

    func slot(number: UInt64) -> JobSlot? {
        self.numbers.first(Self.hash(of: number)) { self.holds($0, number: number) }
    }

    /// Whether the job of this number is still the one that lies there.
    private func holds(_ slot: JobSlot, number: UInt64) -> Bool {
        self.jobs[Int(slot)].number == number
    }

    func isScheduled(_ entry: JobTimers.Entry) -> Bool {
        self.holds(entry.slot, number: entry.number)
            && self[entry.slot].place == .scheduled(atNanoseconds: entry.nanoseconds)
    }

    func hasDeadline(_ entry: JobTimers.Entry) -> Bool {
        self.holds(entry.slot, number: entry.number)
            && self[entry.slot].deadline?.nanoseconds == entry.nanoseconds
    }

    /// The job that a submission of this one joins.
    func slot(joinedBy job: ServedJob) -> JobSlot? {
        guard let hash = job.keyHash else { return nil }
        let function = job.function
        return self.uniques.first(hash) { self[$0].function == function && self[$0].hasKey(of: job) }
    }

    /// The job that was submitted last with this unique, of whatever function.
    func slot(unique: ArraySlice<UInt8>) -> JobSlot? {
        guard let hash = ServedJob.keyHash(unique: unique, workload: []) else { return nil }
        var newest: JobSlot?
        _ = self.uniques.first(hash) { slot in
            if self[slot].unique == unique, newest.map({ self[$0].number < self[slot].number }) ?? true {
                newest = slot
            }
            return false
        }
        return newest
    }

    /// How a job is given to a worker, from the unique on.
    ///
    /// - Parameter type: of the packet that does.
    func text(of slot: JobSlot, for type: GearmanPacketType) -> ArraySlice<UInt8> {
        switch type {
        case .jobAssignUnique: return self.jobs[Int(slot)].text[...]
        case .jobAssignAll:
            let job = self[slot]
            return Array([job.unique, job.reducer[...], job.workload].joined(separator: [0]))[...]
        default: return self[slot].workload
        }
    }

    mutating func insert(_ job: consuming ServedJob) -> JobSlot {
        let (number, keyHash) = (job.number, job.keyHash)
        self.sizeBytes += job.sizeBytes
        let slot: JobSlot
        if let last = self.free.popLast() {
            slot = last
            self.jobs[Int(slot)] = job
        } else {
            slot = JobSlot(self.jobs.count)
            self.jobs.append(job)
        }
        self.numbers.insert(slot, hash: Self.hash(of: number))
        if let keyHash { self.uniques.insert(slot, hash: keyHash) }
        return slot
    }

    /// Numbers follow each other, and so would their jobs in the index: the gap that one leaves would be filled by all
    /// others. The golden ratio spreads them evenly.
    private static func hash(of number: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (number &* 0x9e37_79b9_7f4a_7c15) >> 32)
    }

    /// Another client waits for the job.
    mutating func addClient(_ client: ConnectionID, to slot: JobSlot) {
        self.sizeBytes -= self[slot].sizeBytes
        self[slot].clients.append(client)
        self.sizeBytes += self[slot].sizeBytes
    }

    /// The job will never run: nobody joins it, and what it would have run with is forgotten. It keeps its place.
    mutating func hollow(_ slot: JobSlot) {
        self.removeKey(slot)
        self.sizeBytes -= self[slot].sizeBytes
        self[slot].removeWorkload()
        self.sizeBytes += self[slot].sizeBytes
    }

    /// Removes a job that stands in no list.
    mutating func remove(_ slot: JobSlot) {
        self.removeKey(slot)
        self.sizeBytes -= self[slot].sizeBytes
        self.numbers.remove(slot, hash: Self.hash(of: self[slot].number))
        self[slot].leave()
        self.free.append(slot)
    }

    private mutating func removeKey(_ slot: JobSlot) {
        guard let hash = self[slot].keyHash else { return }
        self[slot].keyHash = nil
        self.uniques.remove(slot, hash: hash)
    }
}
