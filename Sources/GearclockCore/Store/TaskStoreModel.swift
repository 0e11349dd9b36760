/// What a store does, as a value: the simulation copies it, delays it and makes it fail; ``InMemoryTaskStore`` runs it.
package struct TaskStoreModel: Sendable {
    package private(set) var records: [TaskID: TaskRecord] = [:]
    /// Scheduled tasks by due time; the id breaks ties, as an index does.
    private var schedule = OrderedSchedule()
    var members: [OwnerID: (member: Member, seenAt: Timestamp)] = [:]
    package internal(set) var settings: [FunctionName: FunctionSettings] = [:]

    package init() {}

    package mutating func insert(_ tasks: [TaskDefinition], express: ExpressClaim? = nil) -> [InsertOutcome] {
        tasks.map { task in
            if let present = self.records[task.id] { return .exists(present.state) }
            var record = TaskRecord(task)
            if let express, task.dueAt <= express.dueBy {
                record.state = .running
                record.attempt = 1
                record.owner = express.owner
                record.leaseUntil = express.leaseUntil
            } else {
                self.schedule.insert(task.dueAt, task.id)
            }
            self.records[task.id] = record
            return .inserted
        }
    }

    package mutating func claimDue(_ request: ClaimRequest) -> [ClaimedTask] {
        self.chosen(for: request).map { id in
            self.update(id) { record in
                record.state = .running
                record.attempt += 1
                record.owner = request.owner
                record.leaseUntil = request.leaseUntil
            }
            let record = self.records[id]!
            return ClaimedTask(
                definition: record.definition,
                claim: Claim(id: id, owner: request.owner, attempt: record.attempt),
                failures: record.failures, leaseUntil: request.leaseUntil)
        }
    }

    private func chosen(for request: ClaimRequest) -> [TaskID] {
        var room = request.lanes.map { Dictionary(uniqueKeysWithValues: $0.map { ($0.lane, $0.limit) }) }
        var chosen: [TaskID] = []
        var bytes = 0
        for id in self.schedule.ids(dueBy: request.dueBy) where request.buckets.contains(id) {
            guard chosen.count < request.limit else { break }
            let definition = self.records[id]!.definition
            if room != nil {
                let lane = Lane(of: definition.function)
                guard let left = room?[lane], left > 0 else { continue }
                room?[lane] = left - 1
            }
            bytes += definition.weightBytes
            guard chosen.isEmpty || bytes <= request.limitBytes else { break }
            chosen.append(id)
        }
        return chosen
    }

    package mutating func extend(_ claims: [Claim], leaseUntil: Timestamp) -> [FencedOutcome] {
        claims.map { claim in
            guard self.holds(claim) else { return .stale }
            self.update(claim.id) { $0.leaseUntil = max($0.leaseUntil!, leaseUntil) }
            return .done
        }
    }

    package mutating func settle(_ settlements: [Settlement], now: Timestamp) -> [FencedOutcome] {
        settlements.map { settlement in
            let id = settlement.claim.id
            guard self.holds(settlement.claim) else { return .stale }
            switch settlement.change {
            case .complete(keepUntil: nil):
                self.remove(id)
            case .complete(let keepUntil?):
                self.finish(id, .completed, now: now, removeAt: keepUntil)
            case .retry(let at, let attempt):
                self.update(id) { $0.failures += 1 }
                self.reschedule(id, at: at, attempt)
            case .release(let at):
                self.reschedule(id, at: at, nil)
            case .discard(let keepUntil, let attempt):
                self.update(id) {
                    $0.failures += 1
                    $0.append(attempt)
                }
                self.finish(id, .discarded, now: now, removeAt: keepUntil)
            case .expire(let keepUntil, let attempt):
                self.update(id) { $0.append(attempt) }
                self.finish(id, .expired, now: now, removeAt: keepUntil)
            }
            return .done
        }
    }

    package mutating func rescueExpired(endedBefore: Timestamp, limit: Int, now: Timestamp) -> Int {
        let expired = self.records.values
            .filter { $0.state == .running && $0.leaseUntil! < endedBefore }
            .sorted { ($0.leaseUntil!, $0.id) < ($1.leaseUntil!, $1.id) }
            .prefix(limit)
        for record in expired {
            let attempt = AttemptRecord.leaseExpired(
                attempt: record.attempt, leaseUntil: record.leaseUntil!, now: now)
            self.reschedule(record.id, at: record.definition.dueAt, attempt)
        }
        return expired.count
    }

    package func dueLanes() -> [LaneDue] {
        var earliest: [Lane: Timestamp] = [:]
        for id in self.schedule.ids(dueBy: .distantFuture) {
            let definition = self.records[id]!.definition
            let lane = Lane(of: definition.function)
            if earliest[lane] == nil { earliest[lane] = definition.dueAt }
        }
        return earliest.map { LaneDue(lane: $0.key, dueAt: $0.value) }.sorted { $0.lane < $1.lane }
    }

    package func nextDue() -> Timestamp? {
        self.schedule.earliest
    }

    package mutating func cancel(_ ids: [TaskID], removeAt: Timestamp, now: Timestamp) -> [CancelOutcome] {
        ids.map { id in
            guard let record = self.records[id] else { return .notFound }
            switch record.state {
            case .completed, .discarded, .cancelled, .expired:
                return .alreadyFinal(record.state)
            case .scheduled:
                self.finish(id, .cancelled, now: now, removeAt: removeAt)
                return .cancelled
            case .running:
                let attempt = AttemptRecord.cancelled(
                    attempt: record.attempt, dueAt: record.definition.dueAt, now: now)
                self.update(id) { $0.append(attempt) }
                self.finish(id, .cancelled, now: now, removeAt: removeAt)
                return .cancelledWhileRunning
            }
        }
    }

    package mutating func eject(_ ids: [TaskID]) {
        for id in ids {
            if let record = self.records[id], !record.state.isFinal { self.remove(id) }
        }
    }

    package func records(of ids: [TaskID]) -> [TaskRecord?] {
        ids.map { self.records[$0] }
    }

    package func list(_ filter: ListFilter) -> [TaskRecord] {
        let matching = self.records.values.filter { record in
            (filter.function == nil || record.definition.function == filter.function)
                && (filter.state == nil || record.state == filter.state)
                && (filter.after == nil || record.id > filter.after!)
        }
        return matching.sorted { $0.id < $1.id }.prefix(filter.limit).map { record in
            var record = record
            record.definition.payload = []
            record.definition.gearsloth = nil
            record.history = []
            return record
        }
    }

    package func counts(now: Timestamp) -> TaskCounts {
        var counts = TaskCounts()
        for record in self.records.values {
            counts[record.state] += 1
            if record.state == .scheduled, record.definition.dueAt <= now { counts.overdue += 1 }
        }
        counts.oldestDue = self.schedule.earliest.flatMap { $0 <= now ? $0 : nil }
        return counts
    }

    package mutating func prune(limit: Int, now: Timestamp) -> Int {
        let old = self.records.values.filter { $0.removeAt.map { $0 <= now } ?? false }
            .sorted { ($0.removeAt!, $0.id) < ($1.removeAt!, $1.id) }
            .prefix(limit)
        for record in old { self.remove(record.id) }
        return old.count
    }

    /// Puts a record there, or removes it, as replication does: it changed elsewhere.
    package mutating func replicate(_ id: TaskID, _ record: TaskRecord?) {
        self.remove(id)
        guard let record else { return }
        self.records[id] = record
        if record.state == .scheduled { self.schedule.insert(record.definition.dueAt, id) }
    }

    // MARK: - Changes of one record

    private func holds(_ claim: Claim) -> Bool {
        guard let record = self.records[claim.id] else { return false }
        return record.state == .running && record.owner == claim.owner && record.attempt == claim.attempt
    }

    /// The only place where a record changes: it keeps the schedule in step.
    private mutating func update(_ id: TaskID, _ change: (inout TaskRecord) -> Void) {
        guard var record = self.records[id] else { preconditionFailure("No record \(id)") }
        if record.state == .scheduled { self.schedule.remove(record.definition.dueAt, id) }
        change(&record)
        if record.state == .scheduled { self.schedule.insert(record.definition.dueAt, id) }
        self.records[id] = record
    }

    private mutating func remove(_ id: TaskID) {
        if let record = self.records.removeValue(forKey: id), record.state == .scheduled {
            self.schedule.remove(record.definition.dueAt, id)
        }
    }

    private mutating func reschedule(_ id: TaskID, at: Timestamp, _ attempt: AttemptRecord?) {
        self.update(id) { record in
            record.state = .scheduled
            record.owner = nil
            record.leaseUntil = nil
            record.definition.dueAt = at
            if let attempt { record.append(attempt) }
        }
    }

    private mutating func finish(_ id: TaskID, _ state: TaskState, now: Timestamp, removeAt: Timestamp) {
        self.update(id) { record in
            record.state = state
            record.owner = nil
            record.leaseUntil = nil
            record.finishedAt = now
            record.removeAt = removeAt
        }
    }
}

extension TaskRecord {
    /// Adds an entry to the history and drops the oldest ones beyond the limit.
    package mutating func append(_ attempt: AttemptRecord) {
        self.history.append(attempt)
        self.history.removeFirst(max(0, self.history.count - Limits.historyEntries))
    }
}

/// Ids sorted by (due, id). A sorted array: the model is for thousands of tasks, not for millions.
private struct OrderedSchedule {
    private var entries: [(due: Timestamp, id: TaskID)] = []

    var earliest: Timestamp? { self.entries.first?.due }

    mutating func insert(_ due: Timestamp, _ id: TaskID) {
        self.entries.insert((due, id), at: self.index(of: due, id))
    }

    mutating func remove(_ due: Timestamp, _ id: TaskID) {
        let index = self.index(of: due, id)
        precondition(index < self.entries.count && self.entries[index] == (due, id))
        self.entries.remove(at: index)
    }

    func ids(dueBy: Timestamp) -> some Sequence<TaskID> {
        self.entries.lazy.prefix { $0.due <= dueBy }.map(\.id)
    }

    private func index(of due: Timestamp, _ id: TaskID) -> Int {
        var (low, high) = (0, self.entries.count)
        while low < high {
            let middle = (low + high) / 2
            if (self.entries[middle].due, self.entries[middle].id) < (due, id) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
