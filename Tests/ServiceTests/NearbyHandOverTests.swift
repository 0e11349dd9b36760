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

    @Test(
        arguments: [(nil, false, .accepted), (7, true, .accepted), (7, false, .stale)]
            as [(UInt32?, Bool, HandOverAnswer)])
    func `tasks stay in the process unless only others can have room for them`(
        lane: UInt32?, mayTake: Bool, answer: HandOverAnswer
    ) async {
        let handOver = NearbyHandOver(
            Controller(answer: .accepted), elsewhere: Controller(answer: .stale)
        ) { _ in mayTake }
        let reply = await handOver.handOver([self.task], in: lane.map { Lane(value: $0) })
        #expect(reply == .success([answer]))
    }
}
