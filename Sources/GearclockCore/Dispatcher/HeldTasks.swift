/// The tasks that a dispatcher has claimed and not handed over: earliest first within a lane, and the lanes in turn.
///
/// So a lane with a million due tasks keeps none of another lane's waiting. Those that are due are kept apart from
/// those that are not yet: how many of a function wait for a controller says how it gets on, how many wait for their
/// time says nothing. All of it costs O(log n) for a task.
package struct HeldTasks: Sendable {
    private struct Queue: Sendable {
        /// Not yet due when ``HeldTasks/ripen(by:)`` looked.
        var upcoming = TimerHeap<Timestamp, ClaimedTask>()
        /// When the first of those is due, as ``Turns/ripening`` has it.
        var ripensAt: Timestamp?
        var due = TimerHeap<Timestamp, ClaimedTask>()
        /// Its turn; `nil`: nothing of it is due, or it is not handed over for the time being.
        var turn: UInt64?

        var isEmpty: Bool { self.upcoming.isEmpty && self.due.isEmpty }
        var readyCount: Int { self.turn == nil ? 0 : self.due.count }

        mutating func ripen(by moment: Timestamp) {
            while let dueAt = self.upcoming.firstMoment, dueAt <= moment,
                let task = self.upcoming.removeFirst()?.value
            {
                self.due.insert(dueAt, task)
            }
        }

        /// The first one, if it is due by then. If it is not, the clock was set back, and none of them is.
        mutating func takeDue(by moment: Timestamp) -> ClaimedTask? {
            if let dueAt = self.due.firstMoment, dueAt <= moment { return self.due.removeFirst()?.value }
            for task in self.due.removeAll() { self.upcoming.insert(task.dueAt, task) }
            return nil
        }
    }

    /// Whose turn it is, and what is known of all lanes together.
    private struct Turns: Sendable {
        /// When tasks of a lane become due. An entry of another moment than the lane's is left over.
        var ripening = TimerHeap<Timestamp, Lane>()
        /// The lanes that wait for their turn. An entry of another turn than the lane's is left over.
        var ready = TimerHeap<UInt64, Lane>()
        var next: UInt64 = 0
        /// Lanes of which nothing is handed over for the time being.
        var blocked: Set<Lane> = []
        var upcomingCount = 0
        var readyCount = 0

        /// Changes a lane where it lies: its copy would be one of each array in it, for every task.
        mutating func change<Result>(
            _ lane: Lane, _ queue: inout Queue, _ body: (inout Queue) -> Result
        ) -> (Result, isEmpty: Bool) {
            self.upcomingCount -= queue.upcoming.count
            self.readyCount -= queue.readyCount
            let result = body(&queue)
            if queue.due.isEmpty {
                queue.turn = nil
            } else if queue.turn == nil, !self.blocked.contains(lane) {
                queue.turn = self.next
                self.ready.insert(self.next, lane)
                self.next += 1
            }
            let ripensAt = queue.upcoming.firstMoment
            if ripensAt != queue.ripensAt {
                queue.ripensAt = ripensAt
                if let ripensAt { self.ripening.insert(ripensAt, lane) }
            }
            self.upcomingCount += queue.upcoming.count
            self.readyCount += queue.readyCount
            return (result, queue.isEmpty)
        }
    }

    /// None of them is empty.
    private var lanes: [Lane: Queue] = [:]
    private var turns = Turns()
    /// The turn of the task that was taken last.
    private var takenTurn: UInt64 = 0

    package init() {}

    package var isEmpty: Bool { self.lanes.isEmpty }

    /// Tasks of all lanes that are not yet due.
    package var upcomingCount: Int { self.turns.upcomingCount }

    /// Tasks of the lanes that wait for their turn.
    package var readyCount: Int { self.turns.readyCount }

    package func dueCount(_ lane: Lane) -> Int { self.lanes[lane]?.due.count ?? 0 }

    package func upcomingCount(_ lane: Lane) -> Int { self.lanes[lane]?.upcoming.count ?? 0 }

    /// When the next task may be handed over; long ago if a lane waits for its turn.
    package var firstMoment: Timestamp? {
        self.readyCount > 0 ? .distantPast : self.turns.ripening.firstMoment
    }

    package mutating func insert(_ task: ClaimedTask, dueBy moment: Timestamp) {
        let (lane, dueAt) = (Lane(of: task.definition.function), task.dueAt)
        _ = self.turns.change(lane, &self.lanes[lane, default: Queue()]) { queue in
            if dueAt <= moment { queue.due.insert(dueAt, task) } else { queue.upcoming.insert(dueAt, task) }
        }
    }

    /// What is due by then is no longer upcoming.
    package mutating func ripen(by moment: Timestamp) {
        while let (dueAt, lane) = self.turns.ripening.first, dueAt <= moment {
            _ = self.turns.ripening.removeFirst()
            self.change(lane) { queue in
                guard queue.ripensAt == dueAt else { return }
                queue.ripensAt = nil
                queue.ripen(by: moment)
            }
        }
    }

    /// Removes the task whose turn it is, among those that are due by then; the next turn is another lane's.
    package mutating func takeFirst(dueBy moment: Timestamp) -> ClaimedTask? {
        self.ripen(by: moment)
        while let (turn, lane) = self.turns.ready.removeFirst() {
            let taken = self.change(lane) { queue -> ClaimedTask? in
                guard queue.turn == turn else { return nil }
                queue.turn = nil
                return queue.takeDue(by: moment)
            }
            guard let task = taken ?? nil else { continue }
            self.takenTurn = turn
            return task
        }
        return nil
    }

    /// The task that was taken last cannot go yet: it is its lane's turn still.
    package mutating func putBack(_ task: ClaimedTask) {
        let (lane, turn) = (Lane(of: task.definition.function), self.takenTurn)
        _ = self.turns.change(lane, &self.lanes[lane, default: Queue()]) { queue in
            queue.due.insert(task.dueAt, task)
            queue.turn = turn
        }
        self.turns.ready.insert(turn, lane)
    }

    /// Nothing of the lane is handed over until ``unblock(_:)``.
    package mutating func block(_ lane: Lane) {
        if self.turns.blocked.insert(lane).inserted { self.change(lane) { $0.turn = nil } }
    }

    package mutating func unblock(_ lane: Lane) {
        if self.turns.blocked.remove(lane) != nil { self.change(lane) { _ in } }
    }

    /// Removes the latest of the lane's tasks that are due until so many are left.
    package mutating func trim(_ lane: Lane, toDue count: Int) -> [ClaimedTask] {
        self.change(lane) { $0.due.keepFirst(count) } ?? []
    }

    /// Removes all tasks of the lane, due or not.
    package mutating func removeAll(_ lane: Lane) -> [ClaimedTask] {
        self.change(lane) { $0.due.removeAll() + $0.upcoming.removeAll() } ?? []
    }

    /// Removes the tasks whose lease ends before that moment.
    package mutating func removeAll(leaseEndingBefore moment: Timestamp) -> [ClaimedTask] {
        let isEnding = { (task: ClaimedTask) in task.leaseUntil < moment }
        return self.lanes.keys.sorted().flatMap { lane in
            self.change(lane) { $0.due.remove(where: isEnding) + $0.upcoming.remove(where: isEnding) } ?? []
        }
    }

    package mutating func removeAll() -> [ClaimedTask] {
        self.lanes.keys.sorted().flatMap { self.removeAll($0) }
    }

    @discardableResult
    private mutating func change<Result>(_ lane: Lane, _ body: (inout Queue) -> Result) -> Result? {
        guard let place = self.lanes.index(forKey: lane) else { return nil }
        let (result, isEmpty) = self.turns.change(lane, &self.lanes.values[place], body)
        if isEmpty { self.lanes.remove(at: place) }
        return result
    }
}
