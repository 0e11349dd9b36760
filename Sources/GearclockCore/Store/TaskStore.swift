/// Where tasks are kept: one cluster.
///
/// It speaks of tasks, not of rows. `now` is an argument; each call takes a batch and applies it whole, in one
/// transaction; each change of a claimed task passes its ``Claim``. All stores pass one conformance suite, and
/// ``InMemoryTaskStore`` is the reference.
package protocol TaskStore: Sendable {
    /// Stores new tasks. When it returns, they are durable, and proven to stand on as many data nodes as is said.
    ///
    /// A task whose id is there already is left as it is, whatever state it is in: repeating an insert is harmless.
    /// - Parameters:
    ///   - express: stores those of the new tasks that are due soon already claimed; `nil`: none.
    ///   - copies: with how many copies the caller is content.
    /// - Throws: `unavailable` if there are too few nodes to begin with; `outcomeUnknown` if the tasks may stand, but
    ///   on fewer nodes than was demanded.
    func insert(
        _ tasks: [TaskDefinition], express: ExpressClaim?, copies: CopiesDemand, now: Timestamp
    ) async throws(TaskStoreError) -> InsertReply

    /// Claims scheduled tasks that are due by `request.dueBy`, earliest first over all lanes.
    ///
    /// A claimed task is `running`, belongs to the owner until the lease ends, and its attempt number is one higher.
    func claimDue(_ request: ClaimRequest, now: Timestamp) async throws(TaskStoreError) -> [ClaimedTask]

    /// Lets the leases of claims end at `leaseUntil` instead of before; never earlier than they do.
    /// - Returns: for each claim, in their order, whether it still holds.
    func extend(_ claims: [Claim], leaseUntil: Timestamp, now: Timestamp) async throws(TaskStoreError)
        -> [FencedOutcome]

    /// Ends attempts: completes, reschedules, discards … Each settlement is fenced by its claim.
    /// - Returns: for each settlement, in their order, whether its claim still held and the change was made.
    func settle(_ settlements: [Settlement], now: Timestamp) async throws(TaskStoreError) -> [FencedOutcome]

    /// Takes back running tasks whose lease ended before `endedBefore`: they are scheduled again, due as before, and an
    /// entry in their history says so. It does not count as a failure, because nobody knows whether they ran.
    /// - Returns: how many; equal to `limit` if there may be more.
    func rescueExpired(endedBefore: Timestamp, limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int

    /// When the earliest scheduled task of each lane is due, in the order of lanes; lanes without one are left out.
    ///
    /// It costs as much with ten million tasks as with ten, and grows with the number of lanes.
    func dueLanes() async throws(TaskStoreError) -> [LaneDue]

    /// Cancels tasks that are scheduled or running; they are kept until `removeAt`. The attempt of a running one ends
    /// with an entry in its history; a scheduled one is at none.
    func cancel(_ ids: [TaskID], removeAt: Timestamp, now: Timestamp) async throws(TaskStoreError) -> [CancelOutcome]

    /// Completes tasks without a claim, on the word of a custom controller (gearsloth's `delayedJobDone`), and removes
    /// them. An id that is unknown or final already is no error.
    func eject(_ ids: [TaskID], now: Timestamp) async throws(TaskStoreError)

    /// The tasks with these ids, in their order, history included; `nil` where there is none.
    func records(of ids: [TaskID]) async throws(TaskStoreError) -> [TaskRecord?]

    /// Tasks in the order of their ids, without payload and history.
    func list(_ filter: ListFilter) async throws(TaskStoreError) -> [TaskRecord]

    /// How many tasks there are in each state.
    func counts(now: Timestamp) async throws(TaskStoreError) -> TaskCounts

    /// Removes tasks in a final state whose time to be kept has passed.
    /// - Returns: how many; equal to `limit` if there may be more.
    func prune(limit: Int, now: Timestamp) async throws(TaskStoreError) -> Int

    // MARK: - What daemons tell each other

    /// Says that a daemon lives; the first time it joins. Members that nobody heard of for ten minutes are removed.
    /// - Returns: all members, this one included, in the order of their ids.
    func beat(_ id: OwnerID, role: MemberRole, now: Timestamp) async throws(TaskStoreError) -> [Member]

    /// Says that a daemon is going: others need not wait until its beats are missed. An unknown one is no error.
    func leave(_ id: OwnerID) async throws(TaskStoreError)

    /// What operators want of functions, in the order of their names' bytes.
    func functionSettings() async throws(TaskStoreError) -> [FunctionSettings]

    /// Changes what is wanted of these functions. What the change does not name stays as it is, whoever else changes
    /// that at the same moment. All of it or nothing.
    /// - Returns: what is wanted of them then, in their order.
    func changeFunctions(_ functions: [FunctionName], _ change: FunctionChange) async throws(TaskStoreError)
        -> [FunctionSettings]

    /// How far the clocks of those nodes are from ours that answer now; empty where there is no other clock.
    func nodeClocks() async throws(TaskStoreError) -> [NodeClock]
}

/// Why a store did not do as it was asked. There are these three kinds and no other, because callers have three
/// answers.
package enum TaskStoreError: Error, Equatable, Sendable {
    /// Nothing happened, and it may take a while until it can.
    case unavailable(String, UnavailableReason = .away)
    /// Nothing happened, because somebody else was changing the same; ask again now.
    case conflict
    /// It happened or it did not. Ask before repeating what is not harmless to repeat.
    case outcomeUnknown(String)
}

/// What a client can do about a store that does not do as it is asked. Callers treat all of them alike.
package enum UnavailableReason: Equatable, Sendable {
    /// Wait until it is back.
    case away
    /// It is there, but fewer nodes are well than copies were asked for: wait, or be content with fewer.
    case tooFewCopies
}

extension TaskStore {
    /// Stores new tasks with as many copies as the store is configured for.
    package func insert(_ tasks: [TaskDefinition], now: Timestamp) async throws(TaskStoreError) -> [InsertOutcome] {
        try await self.insert(tasks, express: nil, copies: .configured, now: now).outcomes
    }

    /// Stores new tasks, none of them claimed.
    package func insert(
        _ tasks: [TaskDefinition], copies: CopiesDemand, now: Timestamp
    ) async throws(TaskStoreError) -> InsertReply {
        try await self.insert(tasks, express: nil, copies: copies, now: now)
    }

    /// The earliest due time of all scheduled tasks.
    package func nextDue() async throws(TaskStoreError) -> Timestamp? {
        try await self.dueLanes().map(\.dueAt).min()
    }
}

/// On how many data nodes tasks must be seen before their client is told that they are stored.
package enum CopiesDemand: Hashable, Sendable {
    /// As many as the configuration of the store says.
    case configured
    /// At least so many, whatever the configuration says.
    case atLeast(Int)

    /// What a store says that has one node and no other.
    package func requireOneCopy() throws(TaskStoreError) {
        switch self {
        case .configured, .atLeast(...1): break
        case .atLeast(let count):
            throw .unavailable("\(count) copies were asked for, and this store keeps one", .tooFewCopies)
        }
    }
}

/// What became of tasks that were to be stored.
package struct InsertReply: Equatable, Sendable {
    /// One outcome for each task, in their order. Two tasks with one id in one batch: the first is stored.
    package var outcomes: [InsertOutcome]
    /// The names of the data nodes on which all of them were seen; the one that committed is the first.
    package var nodes: [String]

    package init(_ outcomes: [InsertOutcome], nodes: [String]) {
        self.outcomes = outcomes
        self.nodes = nodes
    }
}

/// What became of one task that was to be stored.
package enum InsertOutcome: Equatable, Sendable {
    case inserted
    /// The id was there already, in this state.
    case exists(TaskState)
    /// It is larger than what the database takes at once, and not stored; nor will it be if it is repeated.
    case tooLarge(limitBytes: Int)
}

/// What became of one change that was fenced by a claim.
package enum FencedOutcome: Equatable, Sendable {
    case done
    /// The claim no longer holds: its lease ran out and somebody took the task back, or it was cancelled or settled.
    case stale
}

/// How an attempt ends.
package struct Settlement: Equatable, Sendable {
    /// An entry for the history stands in a box: most tasks succeed, and their changes are small so.
    package enum Change: Equatable, Sendable {
        /// It succeeded. Remove the task, or keep it as `completed` until then.
        case complete(keepUntil: Timestamp?)
        /// It failed and runs again; one more failure.
        indirect case retry(at: Timestamp, AttemptRecord)
        /// It was not run, or nobody knows: schedule it again without counting a failure.
        case release(at: Timestamp)
        /// It failed for the last time; one more failure. Keep it as `discarded` until then.
        indirect case discard(keepUntil: Timestamp, AttemptRecord)
        /// It was not started, because it is too late; no failure. Keep it as `expired` until then.
        indirect case expire(keepUntil: Timestamp, AttemptRecord)
    }

    package var claim: Claim
    package var change: Change

    package init(_ claim: Claim, _ change: Change) {
        self.claim = claim
        self.change = change
    }
}

/// What a cancellation found.
package enum CancelOutcome: Equatable, Sendable {
    case cancelled
    /// It is cancelled and will not be run again, but this attempt may end before anybody stops it.
    case cancelledWhileRunning
    /// It had reached this final state before.
    case alreadyFinal(TaskState)
    case notFound
}

/// Which tasks a list has.
package struct ListFilter: Equatable, Sendable {
    package var function: FunctionName?
    package var state: TaskState?
    /// Only ids after this one: the last id of the page before.
    package var after: TaskID?
    /// 1 ... ``Limits/listPage``.
    package var limit: Int

    package init(function: FunctionName? = nil, state: TaskState? = nil, after: TaskID? = nil, limit: Int = 100) {
        self.function = function
        self.state = state
        self.after = after
        self.limit = limit
    }
}

/// How many tasks there are, by state.
package struct TaskCounts: Equatable, Sendable {
    package var scheduled = 0
    package var running = 0
    package var completed = 0
    package var discarded = 0
    package var cancelled = 0
    package var expired = 0
    /// Scheduled tasks that are due.
    package var overdue = 0
    /// The due time of the oldest of them.
    package var oldestDue: Timestamp?

    package init() {}

    package subscript(state: TaskState) -> Int {
        get { self[keyPath: Self.path(state)] }
        set { self[keyPath: Self.path(state)] = newValue }
    }

    private static func path(_ state: TaskState) -> WritableKeyPath<TaskCounts, Int> {
        switch state {
        case .scheduled: \.scheduled
        case .running: \.running
        case .completed: \.completed
        case .discarded: \.discarded
        case .cancelled: \.cancelled
        case .expired: \.expired
        }
    }
}
