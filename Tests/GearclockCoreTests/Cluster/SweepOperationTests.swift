import GearclockCore
import Testing

@Suite struct SweepOperationTests {
    private static let tasks = (1...3).map { SweepOperation.Swept(id: TaskID(high: 0, low: $0), attempt: 2) }

    private func row(_ place: Int, _ state: TaskState, attempt: UInt32 = 2) -> StandingTask {
        StandingTask(
            id: Self.tasks[place].id, state: state, owner: state == .running ? OwnerID(value: 7) : nil,
            attempt: attempt, failures: 0, dueAt: .epoch, removeAt: state.isFinal ? .epoch : nil)
    }

    private func looked(_ kind: SweepOperation.Kind, _ rows: [StandingTask]) -> SweepOperation {
        var operation = SweepOperation(kind)
        operation.lost(Self.tasks)
        #expect(operation.openCount == 1)
        #expect(operation.idsToLookUp == Self.tasks.map(\.id))
        operation.looked(Dictionary(rows.map { ($0.id, $0) }) { first, _ in first })
        return operation
    }

    @Test func `a rescue was made if no task runs as before`() {
        let operation = self.looked(.rescue, [self.row(0, .scheduled), self.row(1, .running, attempt: 3)])
        #expect(operation.openCount == 0)
        #expect(operation.answer == Self.tasks)
    }

    @Test func `a rescue is made again if one task runs as before`() {
        let operation = self.looked(.rescue, [self.row(0, .scheduled), self.row(1, .running)])
        #expect(operation.openCount == 1)
        #expect(operation.idsToLookUp.isEmpty)
    }

    @Test func `a pruning was made if nothing is left, and an id that was used again is nothing left`() {
        let operation = self.looked(.prune, [self.row(0, .scheduled, attempt: 0)])
        #expect(operation.answer == Self.tasks)
    }

    @Test func `a pruning is made again if one task is left`() {
        let operation = self.looked(.prune, [self.row(2, .completed)])
        #expect(operation.openCount == 1)
        #expect(operation.idsToLookUp.isEmpty)
    }

    @Test func `an unknown outcome that would have changed nothing is known`() {
        var operation = SweepOperation(.rescue)
        operation.lost([])
        #expect(operation.openCount == 0)
        #expect(operation.answer.isEmpty)
    }
}
