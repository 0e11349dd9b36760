/// The tasks that a dispatcher has claimed and not handed over: earliest first within a lane, and the lanes in turn.
///
/// So a lane with a million due tasks keeps none of another lane's waiting. Those that are due are kept apart from
/// those that are not yet: how many of a function wait for a controller says how it gets on, how many wait for their
/// time says nothing. All of it costs O(log n) for a task.
struct HeldTasks: Sendable {
    private struct Queue: Sendable {
        /// Not yet due when ``HeldTasks/ripen(by:)`` looked.
        var upcoming = TimerHeap<Timestamp, ClaimedTask>()
        /// When the first of those is due, as ``HeldTasks/ripening`` has it.
        var ripensAt: Timestamp?
        var due = TimerHeap<Timestamp, ClaimedTask>()
        /// Its turn; `nil`: nothing of it is due, or it is handed over for the time being.
        var turn: UInt64?

        var isEmpty: Bool { self.upcoming.isEmpty && self.due.isEmpty }
    }

    /// None of them is empty.
    private var lanes: [Lane: Queue] = [:]
    /// When tasks of a lane become due. An entry of another moment than the lane's is left over.
    private var ripening = TimerHeap<Timestamp, Lane>()
    /// The lanes that wait for their turn. An entry of another turn than the lane's is left over.
    private var ready = TimerHeap<UInt64, Lane>()
    private var nextTurn: UInt64 = 0
    /// Lanes of which nothing is handed over for the time being.
    private var blocked: Set<Lane> = []
    /// Tasks of all lanes that are not yet due.
    private(set) var upcomingCount = 0
    /// Tasks of the lanes that wait for their turn.
    private(set) var readyCount = 0

    var isEmpty: Bool { self.lanes.isEmpty }

    func dueCount(_ lane: Lane) -> Int { self.lanes[lane]?.due.count ?? 0 }

    func upcomingCount(_ lane: Lane) -> Int { self.lanes[lane]?.upcoming.count ?? 0 }

    /// When the next task may be handed over; long ago if a lane waits for its turn.
    var firstMoment: Timestamp? {
        self.ready.isEmpty ? self.ripening.firstMoment : .distantPast
    }

    mutating func insert(_ task: ClaimedTask, dueBy moment: Timestamp) {
        let (lane, dueAt) = (Lane(of: task.definition.function), task.dueAt)
        if dueAt <= moment {
            self.lanes[lane, default: Queue()].due.insert(dueAt, task)
            if self.lanes[lane]?.turn != nil { self.readyCount += 1 } else { self.takeTurn(lane) }
        } else {
            self.lanes[lane, default: Queue()].upcoming.insert(dueAt, task)
            self.upcomingCount += 1
            self.ripenLater(lane)
        }
    }

    /// What is due by then is no longer upcoming.
    mutating func ripen(by moment: Timestamp) {
        while let (dueAt, lane) = self.ripening.first, dueAt <= moment {
            _ = self.ripening.removeFirst()
            guard let place = self.lanes.index(forKey: lane), self.lanes.values[place].ripensAt == dueAt else {
                continue
            }
            self.lanes.values[place].ripensAt = nil
            let before = self.lanes.values[place].due.count
            while let due = self.lanes.values[place].upcoming.firstMoment, due <= moment,
                let task = self.lanes.values[place].upcoming.removeFirst()?.value
            {
                self.lanes.values[place].due.insert(due, task)
            }
            let ripened = self.lanes.values[place].due.count - before
            self.upcomingCount -= ripened
            if self.lanes.values[place].turn != nil { self.readyCount += ripened } else { self.takeTurn(lane) }
            self.ripenLater(lane)
        }
    }

    /// The task whose turn it is, among those that are due by then.
    mutating func first(dueBy moment: Timestamp) -> ClaimedTask? {
        self.ripen(by: moment)
        while let (turn, lane) = self.ready.first {
            if self.lanes[lane]?.turn == turn, let first = self.lanes[lane]?.due.first {
                if first.moment <= moment { return first.value }
                self.postpone(lane)
            }
            _ = self.ready.removeFirst()
        }
        return nil
    }

    /// Removes the task that ``first(dueBy:)`` found; the next turn is another lane's.
    mutating func removeFirst() {
        guard let (_, lane) = self.ready.removeFirst() else { preconditionFailure("No lane is ready") }
        self.loseTurn(lane)
        _ = self.lanes[lane]?.due.removeFirst()
        self.tidy(lane)
    }

    /// Nothing of the lane is handed over until ``unblock(_:)``.
    mutating func block(_ lane: Lane) {
        self.blocked.insert(lane)
        self.loseTurn(lane)
    }

    mutating func unblock(_ lane: Lane) {
        guard self.blocked.remove(lane) != nil else { return }
        self.takeTurn(lane)
    }

    /// Removes the latest tasks of a lane until so many are left, of those that are due or of all.
    mutating func trim(_ lane: Lane, toDue count: Int, sparingUpcoming isSparing: Bool) -> [ClaimedTask] {
        guard let place = self.lanes.index(forKey: lane) else { return [] }
        self.loseTurn(lane)
        let due = self.lanes.values[place].due.count
        var removed = self.lanes.values[place].due.keepFirst(count)
        if !isSparing {
            let upcoming = self.lanes.values[place].upcoming.keepFirst(max(0, count - due))
            self.upcomingCount -= upcoming.count
            removed += upcoming
        }
        self.tidy(lane)
        return removed
    }

    /// Removes the tasks whose lease ends before that moment.
    mutating func removeAll(leaseEndingBefore moment: Timestamp) -> [ClaimedTask] {
        var removed: [ClaimedTask] = []
        for lane in self.lanes.keys.sorted() {
            let ending = { (task: ClaimedTask) in task.leaseUntil < moment }
            guard
                self.lanes[lane]!.due.values.contains(where: ending)
                    || self.lanes[lane]!.upcoming.values.contains(where: ending)
            else { continue }
            self.loseTurn(lane)
            removed += self.lanes[lane]!.due.remove(where: ending)
            let upcoming = self.lanes[lane]!.upcoming.remove(where: ending)
            self.upcomingCount -= upcoming.count
            removed += upcoming
            self.tidy(lane)
        }
        return removed
    }

    mutating func removeAll() -> [ClaimedTask] {
        let tasks = self.lanes.keys.sorted().flatMap { lane in
            Array(self.lanes[lane]!.due.values) + self.lanes[lane]!.upcoming.values
        }
        self = HeldTasks()
        return tasks
    }

    // MARK: - Places

    /// The clock was set back: nothing of the lane is due.
    private mutating func postpone(_ lane: Lane) {
        self.loseTurn(lane)
        for task in self.lanes[lane]?.due.removeAll() ?? [] {
            self.lanes[lane]?.upcoming.insert(task.dueAt, task)
            self.upcomingCount += 1
        }
        self.ripenLater(lane)
    }

    private mutating func tidy(_ lane: Lane) {
        if self.lanes[lane]?.isEmpty == true { self.lanes[lane] = nil }
        self.takeTurn(lane)
        self.ripenLater(lane)
    }

    /// Lets a lane of which something is due wait for its turn.
    private mutating func takeTurn(_ lane: Lane) {
        guard let place = self.lanes.index(forKey: lane), self.lanes.values[place].turn == nil,
            !self.lanes.values[place].due.isEmpty, !self.blocked.contains(lane)
        else { return }
        self.readyCount += self.lanes.values[place].due.count
        self.lanes.values[place].turn = self.nextTurn
        self.ready.insert(self.nextTurn, lane)
        self.nextTurn += 1
    }

    private mutating func loseTurn(_ lane: Lane) {
        guard let place = self.lanes.index(forKey: lane), self.lanes.values[place].turn != nil else { return }
        self.readyCount -= self.lanes.values[place].due.count
        self.lanes.values[place].turn = nil
    }

    private mutating func ripenLater(_ lane: Lane) {
        guard let place = self.lanes.index(forKey: lane) else { return }
        let first = self.lanes.values[place].upcoming.firstMoment
        guard first != self.lanes.values[place].ripensAt else { return }
        self.lanes.values[place].ripensAt = first
        if let first { self.ripening.insert(first, lane) }
    }
}
