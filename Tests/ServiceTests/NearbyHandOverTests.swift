import GearclockCore
import GearclockDispatcher
import GearclockEnvironment
import Testing

/// Which controller the dispatcher of the same process hands tasks to.
@Suite struct NearbyHandOverTests {
    private struct Controller: TaskHandOver {
        let answer: HandOverAnswer

        func handOver(
            _ tasks: [ClaimedTask], in lane: Lane?
        ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
            .success(tasks.map { _ in self.answer })
        }
    }

    private let task = ClaimedTask(
        definition: TaskDefinition(
            id: TaskID(high: 1, low: 1), function: FunctionName("f")!, payload: [], dueAt: .epoch, createdAt: .epoch),
        claim: Claim(id: TaskID(high: 1, low: 1), owner: OwnerID(value: 1), attempt: 1), failures: 0,
        leaseUntil: .epoch)

    @Test(arguments: [(nil, .accepted), (7, .accepted), (8, .stale)] as [(UInt32?, HandOverAnswer)])
    func `tasks stay in the process unless only others may start them`(
        lane: UInt32?, answer: HandOverAnswer
    ) async {
        let handOver = NearbyHandOver(
            Controller(answer: .accepted), elsewhere: Controller(answer: .stale)
        ) { $0 == Lane(value: 7) }
        let reply = await handOver.handOver([self.task], in: lane.map { Lane(value: $0) })
        #expect(reply == .success([answer]))
    }
}
