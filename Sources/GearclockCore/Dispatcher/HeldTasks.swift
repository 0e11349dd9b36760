/// The tasks that a dispatcher has claimed and not handed over: earliest first within a lane, and the lanes in turn.
///
/// So a lane with a million due tasks keeps none of another lane's waiting. All of it costs O(log n) for a task.
struct HeldTasks: Sendable {
    /// Where a lane waits. An entry of a heap that says something else is left over, and means nothing.
    private enum Place: Equatable {
        /// Until its first task is due.
        case upcoming(Timestamp)
        /// For its turn.
        case ready(turn: UInt64)
    }

    private var lanes: [Lane: TimerHeap<Timestamp, ClaimedTask>] = [:]
    private var places: [Lane: Place] = [:]
    private var upcoming = TimerHeap<Timestamp, Lane>()
    private var ready = TimerHeap<UInt64, Lane>()
    private var nextTurn: UInt64 = 0
    /// Lanes of which nothing is handed over for the time being.
    private var blocked: Set<Lane> = []

    var isEmpty: Bool { self.lanes.isEmpty }

    /// When the next task may be handed over; long ago if a lane waits for its turn.
    var firstMoment: Timestamp? {
        self.ready.isEmpty ? self.upcoming.first?.moment : .distantPast
    }

    mutating func insert(_ task: ClaimedTask) {
        let lane = Lane(of: task.definition.function)
        self.lanes[lane, default: TimerHeap()].insert(task.dueAt, task)
        switch self.places[lane] {
        case .ready: break
        case .upcoming(let moment)? where moment <= task.dueAt: break
        case .upcoming?, nil: self.place(lane, .distantPast)
        }
    }

    /// The task whose turn it is, among those that are due by then.
    mutating func first(dueBy moment: Timestamp) -> ClaimedTask? {
        while let (due, lane) = self.upcoming.first, due <= moment {
            _ = self.upcoming.removeFirst()
            if self.places[lane] == .upcoming(due) { self.place(lane, moment) }
        }
        while let (turn, lane) = self.ready.first {
            if self.places[lane] == .ready(turn: turn), let first = self.lanes[lane]?.first?.value {
                if first.dueAt <= moment { return first }
                // The clock was set back.
                self.place(lane, moment)
            }
            _ = self.ready.removeFirst()
        }
        return nil
    }

    /// Removes the task that ``first(dueBy:)`` found; the next turn is another lane's.
    mutating func removeFirst(dueBy moment: Timestamp) {
        guard let (_, lane) = self.ready.removeFirst() else { preconditionFailure("No lane is ready") }
        _ = self.lanes[lane]?.removeFirst()
        self.place(lane, moment)
    }

    /// Nothing of the lane is handed over until ``unblock(_:)``.
    mutating func block(_ lane: Lane) {
        self.blocked.insert(lane)
        self.places[lane] = nil
    }

    mutating func unblock(_ lane: Lane) {
        guard self.blocked.remove(lane) != nil else { return }
        self.place(lane, .distantPast)
    }

    /// Removes the latest tasks of a lane until so many are left.
    mutating func trim(_ lane: Lane, to count: Int) -> [ClaimedTask] {
        guard var tasks = self.lanes[lane], tasks.count > count else { return [] }
        var kept = TimerHeap<Timestamp, ClaimedTask>()
        for _ in 0..<count {
            if let (due, task) = tasks.removeFirst() { kept.insert(due, task) }
        }
        self.lanes[lane] = kept
        if kept.isEmpty { self.place(lane, .distantPast) }
        return tasks.removeAll()
    }

    /// Removes the tasks whose lease ends before that moment.
    mutating func removeAll(leaseEndingBefore moment: Timestamp) -> [ClaimedTask] {
        var removed: [ClaimedTask] = []
        for lane in self.lanes.keys.sorted() {
            let ending = self.lanes[lane]!.values.filter { $0.leaseUntil < moment }
            if ending.isEmpty { continue }
            removed += ending
            self.lanes[lane]!.keep { _, task in task.leaseUntil >= moment }
            self.place(lane, .distantPast)
        }
        return removed
    }

    mutating func removeAll() -> [ClaimedTask] {
        let tasks = self.lanes.keys.sorted().flatMap { self.lanes[$0]!.values }
        self = HeldTasks()
        return tasks
    }

    /// Lets a lane wait where it has to: for its turn, if its first task is due by then.
    private mutating func place(_ lane: Lane, _ moment: Timestamp) {
        self.places[lane] = nil
        guard let first = self.lanes[lane]?.first?.moment else { return self.lanes[lane] = nil }
        if self.blocked.contains(lane) { return }
        if first <= moment {
            self.places[lane] = .ready(turn: self.nextTurn)
            self.ready.insert(self.nextTurn, lane)
            self.nextTurn += 1
        } else {
            self.places[lane] = .upcoming(first)
            self.upcoming.insert(first, lane)
        }
    }
}
