import GearclockCore
import Testing

/// The look-ahead lanes of a dispatcher, beside a list of tasks.
@Suite struct HeldTasksTests {
    /// The same in the simplest words: all tasks, and the lanes that wait for their turn.
    private struct Model {
        var due: [ClaimedTask] = []
        var upcoming: [ClaimedTask] = []
        var turns: [Lane] = []
        var blocked: Set<Lane> = []

        mutating func insert(_ task: ClaimedTask, dueBy moment: Timestamp) {
            if task.dueAt <= moment { self.due.append(task) } else { self.upcoming.append(task) }
            self.takeTurns([task.lane])
        }

        mutating func takeTurns(_ lanes: [Lane]) {
            for lane in lanes where !self.turns.contains(lane) && !self.blocked.contains(lane) {
                if !self.of(lane).isEmpty { self.turns.append(lane) }
            }
            self.turns = self.turns.filter { !self.blocked.contains($0) && !self.of($0).isEmpty }
        }

        func of(_ lane: Lane) -> [ClaimedTask] { self.due.filter { $0.lane == lane } }

        /// Lanes get their turns in the order in which they ripen.
        mutating func ripen(by moment: Timestamp) {
            for task in self.upcoming.sorted(by: { $0.dueAt < $1.dueAt }) where task.dueAt <= moment {
                self.due.append(task)
                self.takeTurns([task.lane])
            }
            self.upcoming.removeAll { $0.dueAt <= moment }
        }

        mutating func takeFirst(dueBy moment: Timestamp) -> ClaimedTask? {
            self.ripen(by: moment)
            while let lane = self.turns.first {
                self.turns.removeFirst()
                let tasks = self.of(lane).sorted { $0.dueAt < $1.dueAt }
                if tasks[0].dueAt <= moment {
                    self.remove { $0 == tasks[0] }
                    self.takeTurns([lane])
                    return tasks[0]
                }
                self.due.removeAll { $0.lane == lane }
                self.upcoming += tasks
            }
            return nil
        }

        mutating func putBack(_ task: ClaimedTask) {
            self.due.append(task)
            self.turns.removeAll { $0 == task.lane }
            self.turns.insert(task.lane, at: 0)
        }

        @discardableResult
        mutating func remove(where isRemoved: (ClaimedTask) -> Bool) -> [ClaimedTask] {
            let removed = (self.due + self.upcoming).filter(isRemoved)
            self.due.removeAll(where: isRemoved)
            self.upcoming.removeAll(where: isRemoved)
            self.takeTurns([])
            return removed
        }
    }

    private var held = HeldTasks()
    private var model = Model()
    private var moment = 1000
    private var number: UInt64 = 0
    private let lanes = ["a", "b", "c", "d"].map { DispatcherFixture.lane($0) }

    private var now: Timestamp { Sample.time(Double(self.moment)) }

    @Test(arguments: 0..<8 as Range<UInt64>)
    mutating func `whatever is done to them, tasks come in the order of a list`(part: UInt64) throws {
        for seed in part * 100..<part * 100 + 100 {
            var random = SeededGenerator(seed: seed)
            (self.held, self.model) = (HeldTasks(), Model())
            for _ in 0..<120 {
                try self.step(using: &random)
                self.compare()
                try #require(self.isAsModel, "seed \(seed)")
            }
            #expect(Self.sorted(self.held.removeAll()) == Self.sorted(self.model.remove { _ in true }))
            #expect(self.held.isEmpty && self.held.readyCount == 0 && self.held.upcomingCount == 0)
        }
    }

    private mutating func step(using random: inout SeededGenerator) throws {
        let lane = self.lanes.randomElement(using: &random)!
        switch Int.random(in: 0..<20, using: &random) {
        case 0...7:
            self.insert(using: &random)
        case 8...11:
            #expect(self.held.takeFirst(dueBy: self.now) == self.model.takeFirst(dueBy: self.now))
        case 12:
            let taken = self.held.takeFirst(dueBy: self.now)
            #expect(taken == self.model.takeFirst(dueBy: self.now))
            if let taken {
                self.held.putBack(taken)
                self.model.putBack(taken)
            }
        case 13:
            // The clock is set back now and then.
            self.moment += Int.random(in: -10...40, using: &random)
        case 14:
            self.held.ripen(by: self.now)
            self.model.ripen(by: self.now)
        case 15:
            self.held.block(lane)
            self.model.blocked.insert(lane)
            self.model.takeTurns([])
        case 16:
            self.held.unblock(lane)
            self.model.blocked.remove(lane)
            self.model.takeTurns([lane])
        case 17:
            let count = Int.random(in: 0..<4, using: &random)
            let kept = Set(self.model.of(lane).sorted { $0.dueAt < $1.dueAt }.prefix(count).map(\.id))
            let due = Set(self.model.due.map(\.id))
            let removed = self.model.remove { $0.lane == lane && due.contains($0.id) && !kept.contains($0.id) }
            #expect(Self.sorted(self.held.trim(lane, toDue: count)) == Self.sorted(removed))
        case 18:
            let end = Sample.time(Double(Int.random(in: 0..<100, using: &random)))
            let removed = self.model.remove { $0.leaseUntil < end }
            #expect(Self.sorted(self.held.removeAll(leaseEndingBefore: end)) == Self.sorted(removed))
        default:
            #expect(Self.sorted(self.held.removeAll(lane)) == Self.sorted(self.model.remove { $0.lane == lane }))
        }
    }

    private mutating func insert(using random: inout SeededGenerator) {
        self.number += 1
        // Each moment once, so that there is one right order.
        let dueIn = Double(self.moment + Int.random(in: -20...40, using: &random)) + Double(self.number) / 1_000_000
        let function = ["a", "b", "c", "d"].randomElement(using: &random)!
        let definition = Sample.definition(self.number, function: function, dueIn: dueIn)
        let task = Sample.claimed(definition, leaseUntil: Double(Int.random(in: 50..<1000, using: &random)))
        self.held.insert(task, dueBy: self.now)
        self.model.insert(task, dueBy: self.now)
    }

    private var isAsModel: Bool {
        let ready = self.model.turns.map { self.model.of($0).count }.reduce(0, +)
        return self.held.readyCount == ready && self.held.upcomingCount == self.model.upcoming.count
            && self.held.isEmpty == (self.model.due + self.model.upcoming).isEmpty
            && self.lanes.allSatisfy { lane in
                self.held.dueCount(lane) == self.model.of(lane).count
                    && self.held.upcomingCount(lane) == self.model.upcoming.count { $0.lane == lane }
            }
    }

    /// Nothing sleeps beyond the moment of a task; to wake too early does no harm.
    private func compare() {
        let first = self.model.turns.isEmpty ? self.model.upcoming.map(\.dueAt).min() : .distantPast
        if let first { #expect(self.held.firstMoment.map { $0 <= first } ?? false) }
        if !self.model.turns.isEmpty || self.held.readyCount > 0 { #expect(self.held.firstMoment == .distantPast) }
    }

    private static func sorted(_ tasks: [ClaimedTask]) -> [ClaimedTask] { tasks.sorted { $0.dueAt < $1.dueAt } }
}

extension ClaimedTask {
    fileprivate var lane: Lane { Lane(of: self.definition.function) }
}
