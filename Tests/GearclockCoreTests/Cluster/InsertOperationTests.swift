import GearclockCore
import Testing

@Suite struct InsertOperationTests {
    private static let owner = OwnerID(value: 7)
    private static let now = Timestamp(microseconds: 1_000_000)
    private static let express = ExpressClaim(owner: owner, dueBy: now, leaseUntil: now.advanced(by: .seconds(15)))
    private static let id = TaskID(high: 1, low: 1)

    private func operation(express: ExpressClaim? = express, dueAt: Timestamp = now) -> InsertOperation {
        let task = TaskDefinition(
            id: Self.id, function: FunctionName("f")!, payload: [], dueAt: dueAt, createdAt: Self.now)
        return InsertOperation([task], express: express)
    }

    private func row(_ state: TaskState, owner: OwnerID? = nil, attempt: UInt32 = 0) -> [TaskID: StandingTask] {
        [
            Self.id: StandingTask(
                id: Self.id, state: state, owner: owner, attempt: attempt, failures: 0, dueAt: Self.now, removeAt: nil)
        ]
    }

    @Test func `a task that stands held by our express claim after an unknown outcome was inserted by us`() {
        for answer in [nil, [InsertOutcome.inserted]] {
            var insert = self.operation()
            insert.lost(answer)
            #expect(insert.idsToLookUp == [Self.id])
            insert.looked(self.row(.running, owner: Self.owner, attempt: 1))
            #expect(insert.answer == [.inserted])
        }
    }

    @Test func `a task that somebody else stored or took since is not ours to run`() {
        for (state, owner, attempt) in [
            (TaskState.scheduled, nil, 0), (.scheduled, nil, 1), (.running, OwnerID(value: 8), 1),
            (.running, Self.owner, 2), (.cancelled, nil, 1),
        ] as [(TaskState, OwnerID?, UInt32)] {
            var insert = self.operation()
            insert.lost([.inserted])
            insert.looked(self.row(state, owner: owner, attempt: attempt))
            #expect(insert.answer == [.exists(state)])
        }
    }

    @Test func `what a repetition finds is looked at before it counts as ours`() {
        var insert = self.operation()
        insert.lost([.inserted])
        insert.looked([:])
        #expect(insert.idsToLookUp.isEmpty && insert.openCount == 1, "it is inserted again")
        insert.committed([.exists(.running)])
        #expect(insert.idsToLookUp == [Self.id])
        insert.looked(self.row(.running, owner: Self.owner, attempt: 1))
        #expect(insert.answer == [.inserted])
    }

    @Test func `what was there before the unknown outcome was there`() {
        var insert = self.operation()
        insert.lost([.exists(.running)])
        insert.looked(self.row(.running, owner: Self.owner, attempt: 1))
        #expect(insert.answer == [.exists(.running)])
    }

    @Test func `without an unknown outcome nothing is looked at`() {
        var insert = self.operation()
        insert.committed([.exists(.running)])
        #expect(insert.answer == [.exists(.running)])
    }

    @Test func `a task that is not for the express lane is ours whatever became of it`() {
        for insert in [self.operation(express: nil), self.operation(dueAt: Self.now.advanced(by: .seconds(1)))] {
            var insert = insert
            insert.lost([.inserted])
            insert.looked(self.row(.running, owner: OwnerID(value: 8), attempt: 1))
            #expect(insert.answer == [.inserted])
        }
    }
}
