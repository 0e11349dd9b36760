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

    private struct Queue: Sendable {
        var tasks = TimerHeap<Timestamp, ClaimedTask>()
        /// `nil`: nothing of it is handed over for the time being.
        var place: Place?
    }

    /// None of them is empty.
    private var lanes: [Lane: Queue] = [:]
    private var upcoming = TimerHeap<Timestamp, Lane>()
    private var ready = TimerHeap<UInt64, Lane>()
    private var nextTurn: UInt64 = 0
    /// Lanes of which nothing is handed over for the time being.
    private var blocked: Set<Lane> = []

    var isEmpty: Bool { self.lanes.isEmpty }

    /// When the next task may be handed over; long ago if a lane waits for its turn.
    var firstMoment: Timestamp? {
        self.ready.isEmpty ? self.upcoming.firstMoment : .distantPast
    }

    mutating func insert(_ task: ClaimedTask) {
        let (lane, dueAt) = (Lane(of: task.definition.function), task.dueAt)
        let place = self.insert(task, dueAt, into: lane)
        switch place {
        case .ready: break
        case .upcoming(let moment)? where moment <= dueAt: break
        case .upcoming?, nil: self.place(lane, .distantPast)
        }
    }

    /// - Returns: where the lane waits.
    private mutating func insert(_ task: ClaimedTask, _ dueAt: Timestamp, into lane: Lane) -> Place? {
        func insert(into queue: inout Queue) -> Place? {
            queue.tasks.insert(dueAt, task)
            return queue.place
        }
        return insert(into: &self.lanes[lane, default: Queue()])
    }

    /// The task whose turn it is, among those that are due by then.
    mutating func first(dueBy moment: Timestamp) -> ClaimedTask? {
        while let (due, lane) = self.upcoming.first, due <= moment {
            _ = self.upcoming.removeFirst()
            if self.lanes[lane]?.place == .upcoming(due) { self.place(lane, moment) }
        }
        while let (turn, lane) = self.ready.first {
            if let queue = self.lanes[lane], queue.place == .ready(turn: turn), let due = queue.tasks.firstMoment {
                if due <= moment { return queue.tasks.first?.value }
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
        _ = self.lanes[lane]?.tasks.removeFirst()
        self.place(lane, moment)
    }

    /// Nothing of the lane is handed over until ``unblock(_:)``.
    mutating func block(_ lane: Lane) {
        self.blocked.insert(lane)
        self.lanes[lane]?.place = nil
    }

    mutating func unblock(_ lane: Lane) {
        guard self.blocked.remove(lane) != nil else { return }
        self.place(lane, .distantPast)
    }

    /// Removes the latest tasks of a lane until so many are left.
    mutating func trim(_ lane: Lane, to count: Int) -> [ClaimedTask] {
        guard let present = self.lanes[lane]?.tasks.count, present > count else { return [] }
        guard count > 0 else { return self.lanes.removeValue(forKey: lane).map { Array($0.tasks.values) } ?? [] }
        var kept = TimerHeap<Timestamp, ClaimedTask>()
        for _ in 0..<count {
            if let (due, task) = self.lanes[lane]?.tasks.removeFirst() { kept.insert(due, task) }
        }
        defer { self.lanes[lane]?.tasks = kept }
        return self.lanes[lane]?.tasks.removeAll() ?? []
    }

    /// Removes the tasks whose lease ends before that moment.
    mutating func removeAll(leaseEndingBefore moment: Timestamp) -> [ClaimedTask] {
        var removed: [ClaimedTask] = []
        for lane in self.lanes.keys.sorted() {
            let ending = self.lanes[lane]!.tasks.values.filter { $0.leaseUntil < moment }
            if ending.isEmpty { continue }
            removed += ending
            self.lanes[lane]!.tasks.keep { _, task in task.leaseUntil >= moment }
            self.place(lane, .distantPast)
        }
        return removed
    }

    mutating func removeAll() -> [ClaimedTask] {
        let tasks = self.lanes.keys.sorted().flatMap { self.lanes[$0]!.tasks.values }
        self = HeldTasks()
        return tasks
    }

    /// Lets a lane wait where it has to: for its turn, if its first task is due by then.
    private mutating func place(_ lane: Lane, _ moment: Timestamp) {
        guard let first = self.lanes[lane]?.tasks.firstMoment else { return self.lanes[lane] = nil }
        var place: Place?
        if !self.blocked.contains(lane) {
            if first <= moment {
                place = .ready(turn: self.nextTurn)
                self.ready.insert(self.nextTurn, lane)
                self.nextTurn += 1
            } else {
                place = .upcoming(first)
                self.upcoming.insert(first, lane)
            }
        }
        self.lanes[lane]?.place = place
    }
}
