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

/// By what a submission finds a job that it joins.
enum UniqueKey: Hashable, Sendable {
    case unique(BytesKey)
    /// The unique is `-`: the same workload is the same job.
    case workload(BytesKey)

    /// Nil: such a submission joins nothing.
    init?(unique: [UInt8], workload: [UInt8]) {
        if unique == [UInt8(ascii: "-")] {
            guard !workload.isEmpty else { return nil }
            self = .workload(BytesKey(workload))
        } else {
            guard !unique.isEmpty else { return nil }
            self = .unique(BytesKey(unique))
        }
    }
}

/// All jobs of a server: by place, by the number of the handle, and by unique.
struct JobTable: Equatable, Sendable {
    /// A free place holds a job without a number. Optionals would be copied whenever a part of one is read.
    private var jobs: [ServedJob] = []
    private var free: [JobSlot] = []
    private var slots: [UInt64: JobSlot] = [:]
    /// The newest job of each unique; older ones of other functions follow it.
    private var uniques: [UniqueKey: JobSlot] = [:]
    private(set) var sizeBytes = 0

    var count: Int { self.slots.count }
    /// In the order in which they were submitted.
    var all: [JobSlot] { self.slots.keys.sorted().compactMap { self.slots[$0] } }

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
        self.slots[number]
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

    func slot(function: Int, key: UniqueKey) -> JobSlot? {
        guard var slot = self.uniques[key] else { return nil }
        while slot >= 0, self[slot].function != function { slot = self[slot].nextOfUnique }
        return slot >= 0 ? slot : nil
    }

    /// The job that was submitted last with this unique, of whatever function.
    func slot(unique: [UInt8]) -> JobSlot? {
        self.uniques[.unique(BytesKey(unique))]
    }

    mutating func insert(_ job: ServedJob, key: UniqueKey?) -> JobSlot {
        let slot: JobSlot
        if let last = self.free.popLast() {
            slot = last
            self.jobs[Int(slot)] = job
        } else {
            slot = JobSlot(self.jobs.count)
            self.jobs.append(job)
        }
        self.slots[job.number] = slot
        self.sizeBytes += job.sizeBytes
        if let key {
            self[slot].nextOfUnique = self.uniques[key] ?? -1
            self.uniques[key] = slot
        }
        return slot
    }

    /// Another client waits for the job.
    mutating func addClient(_ client: ConnectionID, to slot: JobSlot) {
        self.sizeBytes -= self[slot].sizeBytes
        if self[slot].client == nil {
            self[slot].client = client
        } else {
            self[slot].furtherClients.append(client)
        }
        self.sizeBytes += self[slot].sizeBytes
    }

    /// The job will never run: nobody joins it, and what it would have run with is forgotten. It keeps its place.
    mutating func hollow(_ slot: JobSlot) {
        self.removeUnique(slot)
        self.sizeBytes -= self[slot].sizeBytes
        self[slot].workload = []
        self.sizeBytes += self[slot].sizeBytes
    }

    /// Removes a job that stands in no list.
    mutating func remove(_ slot: JobSlot) {
        self.removeUnique(slot)
        self.sizeBytes -= self[slot].sizeBytes
        self.slots[self[slot].number] = nil
        self.jobs[Int(slot)] = .none
        self.free.append(slot)
    }

    private mutating func removeUnique(_ slot: JobSlot) {
        guard let key = UniqueKey(unique: self[slot].unique, workload: self[slot].workload),
            var current = self.uniques[key]
        else { return }
        let next = self[slot].nextOfUnique
        if current == slot {
            self.uniques[key] = next >= 0 ? next : nil
            return
        }
        while current >= 0, self[current].nextOfUnique != slot { current = self[current].nextOfUnique }
        if current >= 0 { self[current].nextOfUnique = next }
    }
}
