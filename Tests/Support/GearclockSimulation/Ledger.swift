internal import GearclockCore

/// The auditor: it sees everything, keeps its own account of every task, and says when a promise was broken.
final class Ledger {
    /// What the store must hold of a task, found out independently of the store.
    struct Shadow: Equatable {
        var state = TaskState.scheduled
        var attempt: UInt32 = 0
        var failures: UInt32 = 0
        var owner: OwnerID?
        var leaseUntil: Timestamp?
        var dueAt: Timestamp
    }

    struct Entry {
        let id: TaskID
        let retry: RetryPolicy
        let hasTimeout: Bool
        let isCustom: Bool
        /// As it was stored: a repeated submission counts from its own time.
        var expiresAt: Timestamp?
        /// How often a worker daemon took it in.
        var submissions = 1
        /// A receipt was sent.
        var isAcknowledged = false
        /// A client was told that it is not stored, and nobody submitted it again.
        var isDenied = false
        var wasStored = false
        var shadow: Shadow?
        /// It reached a final state, or was removed in one.
        var end: TaskState?
        /// The due time of each claim.
        var dueOfAttempt: [Timestamp] = []
        /// Which process accepted the latest claim: two of them may, if a job server gives a hand-over out twice.
        var acceptedAttempt: UInt32 = 0
        var acceptedBy = (node: -1, incarnation: -1)
        var isShared = false
        /// Jobs that succeeded, and that failed.
        var successes = 0
        var misses: UInt32 = 0
        /// Attempts that took too long, and hand-outs to a custom controller.
        var timeouts: UInt32 = 0
        var handOuts: UInt32 = 0
        var isEjected = false
        /// Its jobs that are being run, as the job servers see it.
        var running: [(server: Int, handle: Handle)] = []
    }

    private(set) var entries: [Entry] = []
    private var indexes: [TaskID: Int] = [:]
    /// The first promise that was broken.
    private(set) var failure: String?
    /// How far two readings of one clock, or of two clocks, may contradict each other.
    let clockPlay: Duration
    var stored = 0
    var removed = 0
    var settled = 0
    var statistics = Statistics()

    init(clockPlay: Duration) {
        self.clockPlay = clockPlay
    }

    struct Statistics {
        var acknowledged = 0
        var claims = 0
        /// Tasks that were stored claimed.
        var expressClaims = 0
        var rescues = 0
        var jobs = 0
        var staleClaims = 0
        /// Tasks of which two jobs ran at once where nothing forbids it (other job server, timeouts …).
        var overlaps = 0
        var adoptions = 0
        /// Tasks that were stored again after they had ended and been removed.
        var resurrections = 0
        /// Claims that two controllers accepted.
        var sharedClaims = 0
    }

    func fail(_ text: @autoclosure () -> String) {
        if self.failure == nil { self.failure = text() }
    }

    func index(of id: TaskID) -> Int? { self.indexes[id] }

    subscript(index: Int) -> Entry {
        _read { yield self.entries[index] }
        _modify { yield &self.entries[index] }
    }

    /// Short for messages.
    func name(_ index: Int) -> String { "task \(index)" }

    // MARK: - Submissions and receipts

    /// The number under which the next new task will be entered.
    var nextIndex: Int { self.entries.count }

    /// A worker daemon takes a task in.
    func takenIn(_ definition: TaskDefinition) {
        if let index = self.indexes[definition.id] {
            self.entries[index].submissions += 1
            self.entries[index].isDenied = false
            return
        }
        self.indexes[definition.id] = self.entries.count
        self.entries.append(
            Entry(
                id: definition.id, retry: definition.retry, hasTimeout: definition.timeout != nil,
                isCustom: definition.gearsloth?.controller != nil))
    }

    /// A worker daemon answers a submission.
    func answered(_ indexes: [Int], _ results: [Result<Receipt, TaskError>]) {
        for (index, result) in zip(indexes, results) {
            switch result {
            case .success(let receipt):
                let entry = self.entries[index]
                if entry.shadow == nil, entry.end == nil {
                    self.fail("\(self.name(index)) is acknowledged and not stored")
                }
                if let state = receipt.duplicate, state.isFinal, entry.end == nil {
                    self.fail("\(self.name(index)) is reported as \(state), and is not")
                }
                if !entry.isAcknowledged { self.statistics.acknowledged += 1 }
                self.entries[index].isAcknowledged = true
            case .failure(let error) where error.stored == .no:
                guard self.entries[index].submissions == 1, !self.entries[index].isAcknowledged else { continue }
                if self.entries[index].wasStored { self.fail("\(self.name(index)) is denied and stored") }
                self.entries[index].isDenied = true
            case .failure:
                break
            }
        }
    }

    // MARK: - Jobs

    /// A controller accepted a claim.
    func accepted(_ task: ClaimedTask, node: Int, incarnation: Int) {
        guard let index = self.indexes[task.id] else { return self.fail("A task nobody submitted is handed over") }
        let entry = self.entries[index]
        if !entry.wasStored { self.fail("\(self.name(index)) is handed over and was never stored") }
        if entry.acceptedAttempt == task.claim.attempt, entry.acceptedBy != (node, incarnation) {
            if !entry.isShared { self.statistics.sharedClaims += 1 }
            self.entries[index].isShared = true
        }
        self.entries[index].acceptedAttempt = task.claim.attempt
        self.entries[index].acceptedBy = (node, incarnation)
    }

    /// A controller gives a job of a claimed task to a job server.
    func submitted(_ index: Int, _ claimed: ClaimedTask, now: Now) {
        if now.wall < claimed.dueAt {
            self.fail("\(self.name(index)) is started \(now.wall.duration(to: claimed.dueAt)) early")
        }
        if let expiresAt = claimed.definition.expiresAt, expiresAt < now.wall, claimed.claim.attempt == 1 {
            self.fail("\(self.name(index)) is started after it expired")
        }
        let due = self.entries[index].dueOfAttempt
        let attempt = Int(claimed.claim.attempt)
        if due.indices.contains(attempt - 1), due[attempt - 1] != claimed.dueAt {
            self.fail("\(self.name(index)) is started with another due time than the claim's")
        }
    }

    /// A job server gave a job of a task to a worker.
    ///
    /// - Parameter isStrict: whether nothing excuses two jobs at once in this world.
    func started(_ index: Int, server: Int, handle: Handle, isStrict: Bool) {
        self.statistics.jobs += 1
        let entry = self.entries[index]
        if !entry.running.isEmpty, !entry.isCustom {
            if isStrict, !entry.hasTimeout {
                self.fail("\(self.name(index)) is run by two jobs at once, \(entry.running[0].handle) and \(handle)")
            }
            if !entry.hasTimeout { self.statistics.overlaps += 1 }
        }
        self.entries[index].running.append((server, handle))
    }

    /// A job no longer runs: it ended, or its worker or its server was lost.
    func stopped(_ index: Int, server: Int, handle: Handle) {
        self.entries[index].running.removeAll { $0 == (server, handle) }
    }

    // MARK: - The end

    /// Once all is healed: what is missing until every acknowledged task has ended; `nil` if nothing.
    func unfinished() -> String? {
        for index in self.entries.indices {
            guard let shadow = self.entries[index].shadow else {
                if self.entries[index].isAcknowledged, self.entries[index].end == nil {
                    return "\(self.name(index)) was acknowledged and is gone"
                }
                continue
            }
            if !shadow.state.isFinal {
                return "\(self.name(index)) is still \(shadow.state), attempt \(shadow.attempt)"
            }
        }
        return nil
    }
}
