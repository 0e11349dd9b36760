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
        /// How its attempts ended; all of them, the store keeps the latest.
        var history: [AttemptOutcome] = []
    }

    struct Entry {
        let id: TaskID
        /// T1, T2 … in stories; a task that was stored under several ids has copies.
        let number: Int
        let copy: Int
        let function: FunctionName
        let retry: RetryPolicy
        let hasTimeout: Bool
        let isCustom: Bool
        /// Nobody works for its function.
        let isStalled: Bool
        /// As it was stored: a repeated submission counts from its own time.
        var expiresAt: Timestamp?
        /// How often a worker daemon took it in.
        var submissions = 1
        /// A receipt was sent.
        var isAcknowledged = false
        /// A client was told that it is not stored, and nobody submitted it again.
        var isDenied = false
        var wasStored = false
        /// When it was due first, and stored: it is not late before.
        var readyAt = Timestamp.distantFuture
        /// It was stored again after its end. A claim of its former life may still be in somebody's hands.
        var isRevived = false
        var shadow: Shadow?
        /// It reached a final state, or was removed in one.
        var end: TaskState?
        /// The due time of each claim.
        var dueOfAttempt: [Timestamp] = []
        /// Which process accepted the latest claim: two of them may, if a job server gives a hand-over out twice.
        var acceptedAttempt: UInt32 = 0
        var acceptedBy = (node: -1, incarnation: -1)
        var isShared = false
        /// Its jobs that were given to workers.
        var jobs = 0
        /// Jobs that succeeded, and that failed.
        var successes = 0
        var misses: UInt32 = 0
        /// Attempts that took too long, and hand-outs to a custom controller.
        var timeouts: UInt32 = 0
        var handOuts: UInt32 = 0
        /// Attempts that were lost, or had no worker, and whose policy counts that.
        var losses: UInt32 = 0
        var isEjected = false
        /// Its jobs that are being run, as the job servers see it.
        var running: [(server: Int, handle: Handle)] = []

        /// Its policy begins a new run while nobody knows whether the job of the last one has ended.
        var mayOverlap: Bool { self.hasTimeout || self.retry.outcomes[.lost] == .retry }
    }

    private(set) var entries: [Entry] = []
    private var indexes: [TaskID: Int] = [:]
    private var copies: [Int: Int] = [:]
    /// The first promise that was broken.
    private(set) var failure: Failure?
    /// How far two readings of one clock, or of two clocks, may contradict each other.
    let clockPlay: Duration
    /// How late the first job of a task may be given to a worker, where that is known.
    let latenessBound: Duration?
    /// How long tasks may lie in the store unattended after everything healed.
    let idleBound: Duration?
    /// The function that nobody works for: its tasks may be late, and no others.
    let stalledFunction: FunctionName?
    /// Its tasks wait until somebody resumes it.
    let pausedFunction: FunctionName?
    /// The true time.
    var now = Timestamp.epoch
    var healedAt: Timestamp?
    var stored = 0
    var removed = 0
    var settled = 0
    var statistics = Statistics()

    init(
        clockPlay: Duration, latenessBound: Duration?, idleBound: Duration?, stalledFunction: FunctionName?,
        pausedFunction: FunctionName?
    ) {
        self.clockPlay = clockPlay
        self.latenessBound = latenessBound
        self.idleBound = idleBound
        self.stalledFunction = stalledFunction
        self.pausedFunction = pausedFunction
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

    func fail(_ text: @autoclosure () -> String, breaks promise: Promise = .books) {
        if self.failure == nil { self.failure = Failure(promise: promise, text: text()) }
    }

    func index(of id: TaskID) -> Int? { self.indexes[id] }

    subscript(index: Int) -> Entry {
        _read { yield self.entries[index] }
        _modify { yield &self.entries[index] }
    }

    /// Short for messages.
    func name(_ index: Int) -> String {
        let entry = self.entries[index]
        return "T\(entry.number)" + (entry.copy > 1 ? ".\(entry.copy)" : "")
    }

    func names(_ ids: [TaskID]) -> String {
        ids.isEmpty ? "nothing" : ids.map { self.index(of: $0).map(self.name) ?? "?" }.joined(separator: " ")
    }

    // MARK: - Submissions and receipts

    /// The number under which the next new task will be entered.
    var nextIndex: Int { self.entries.count }

    /// A worker daemon takes a task in.
    func takenIn(_ definition: TaskDefinition, number: Int) {
        if let index = self.indexes[definition.id] {
            self.entries[index].submissions += 1
            self.entries[index].isDenied = false
            return
        }
        self.indexes[definition.id] = self.entries.count
        self.copies[number, default: 0] += 1
        self.entries.append(
            Entry(
                id: definition.id, number: number, copy: self.copies[number]!, function: definition.function,
                retry: definition.retry, hasTimeout: definition.timeout != nil,
                isCustom: definition.gearsloth?.controller != nil,
                isStalled: definition.function == self.stalledFunction))
    }

    /// A worker daemon answers a submission.
    func answered(_ indexes: [Int], _ results: [Result<Receipt, TaskError>]) {
        for (index, result) in zip(indexes, results) {
            switch result {
            case .success(let receipt):
                let entry = self.entries[index]
                if entry.shadow == nil, entry.end == nil {
                    self.fail("\(self.name(index)) is acknowledged and not stored", breaks: .stored)
                }
                if let state = receipt.duplicate, state.isFinal, entry.end == nil {
                    self.fail("\(self.name(index)) is reported as \(state), and is not", breaks: .stored)
                }
                if !entry.isAcknowledged { self.statistics.acknowledged += 1 }
                self.entries[index].isAcknowledged = true
            case .failure(let error) where error.stored == .no:
                guard self.entries[index].submissions == 1, !self.entries[index].isAcknowledged else { continue }
                if self.entries[index].wasStored {
                    self.fail("\(self.name(index)) is denied and stored", breaks: .stored)
                }
                self.entries[index].isDenied = true
            case .failure:
                break
            }
        }
    }

    // MARK: - Jobs

    /// A controller accepted a claim.
    func accepted(_ task: ClaimedTask, node: Int, incarnation: Int) {
        guard let index = self.indexes[task.id] else {
            return self.fail("A task nobody submitted is handed over", breaks: .fenced)
        }
        let entry = self.entries[index]
        if !entry.wasStored { self.fail("\(self.name(index)) is handed over and was never stored", breaks: .stored) }
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
            self.fail(
                "\(self.name(index)) is started \(now.wall.duration(to: claimed.dueAt)) early", breaks: .neverEarly)
        }
        if let expiresAt = claimed.definition.expiresAt, expiresAt < now.wall, claimed.claim.attempt == 1 {
            self.fail("\(self.name(index)) is started after it expired", breaks: .atLeastOnce)
        }
        let due = self.entries[index].dueOfAttempt
        let attempt = Int(claimed.claim.attempt)
        if due.indices.contains(attempt - 1), due[attempt - 1] != claimed.dueAt {
            self.fail("\(self.name(index)) is started with another due time than the claim's", breaks: .neverEarly)
        }
    }

    /// A job server gave a job of a task to a worker.
    ///
    /// - Parameter isStrict: whether nothing excuses two jobs at once in this world.
    func started(_ index: Int, server: Int, handle: Handle, isStrict: Bool) {
        self.statistics.jobs += 1
        self.entries[index].jobs += 1
        if self.entries[index].jobs == 1 { self.checkLateness(index) }
        let entry = self.entries[index]
        if !entry.running.isEmpty, !entry.isCustom {
            if isStrict, !entry.mayOverlap {
                self.fail(
                    "\(self.name(index)) is run by two jobs at once, \(entry.running[0].handle) and \(handle)",
                    breaks: .notTwice)
            }
            if !entry.mayOverlap { self.statistics.overlaps += 1 }
        }
        self.entries[index].running.append((server, handle))
    }

    /// A job no longer runs: it ended, or its worker or its server was lost.
    func stopped(_ index: Int, server: Int, handle: Handle) {
        self.entries[index].running.removeAll { $0 == (server, handle) }
    }

    // MARK: - The end

    /// Once all is healed: what is missing until every acknowledged task has ended; `nil` if nothing.
    func unfinished(except function: FunctionName? = nil) -> String? {
        for index in self.entries.indices where function == nil || self.entries[index].function != function {
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
