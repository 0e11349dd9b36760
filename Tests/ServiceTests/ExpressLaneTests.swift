import GearclockCore
import GearclockDispatcher
import GearclockEnvironment
import Gearman
import Logging
import Testing

/// The dispatcher of a worker daemon that is alone, as that daemon uses it.
@Suite struct ExpressLaneTests {
    private static let start = Timestamp(microseconds: 1_800_000_000_000_000)
    private static let due = start.advanced(by: .milliseconds(1500))

    private struct Controller: TaskHandOver {
        let batches: AsyncStream<[ClaimedTask]>
        private let continuation: AsyncStream<[ClaimedTask]>.Continuation

        init() {
            (self.batches, self.continuation) = AsyncStream.makeStream()
        }

        func handOver(
            _ tasks: [ClaimedTask], in lane: Lane?
        ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
            self.continuation.yield(tasks)
            return .success(tasks.map { _ in .accepted })
        }
    }

    private static func task(_ number: UInt64) -> TaskDefinition {
        TaskDefinition(
            id: TaskID(high: 1, low: number), function: FunctionName("f")!, payload: [], dueAt: self.due,
            createdAt: self.start)
    }

    @Test(.timeLimit(.minutes(1)))
    func `what was stored claimed is handed over at its time, and nothing else is taken`() async throws {
        let (store, controller, clock) = (InMemoryTaskStore(), Controller(), ManualClock(wall: Self.start))
        var policy = DispatcherPolicy()
        policy.isExpressOnly = true
        let service = DispatcherService(
            store: store, handOver: controller, policy: policy,
            environment: ServiceEnvironment(
                clock: clock, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), seed: 1))
        let lane = service.expressLane
        _ = try await store.insert([Self.task(1)], now: Self.start)
        await withTaskGroup { group in
            group.addTask { await service.run() }
            while !Task.isCancelled, await self.onEventLoop({ lane.offer() == nil }) {
                await clock.advance(by: .milliseconds(1))
            }
            let claim = await self.onEventLoop { lane.offer()?.claim }
            let tasks = [Self.task(2)]
            let reply = try? await store.insert(tasks, express: claim, copies: .configured, now: Self.start)
            #expect(reply?.outcomes == [.inserted] && claim != nil)
            await self.onEventLoop { lane.stored(StoredTasks(tasks, [.inserted], express: claim)) }
            group.addTask {
                for await batch in controller.batches {
                    #expect(batch.map(\.claim) == [Claim(id: tasks[0].id, owner: claim!.owner, attempt: 1)])
                    #expect(clock.now.wall >= Self.due)
                    break
                }
                service.beginShutdown()
            }
            // No further: the service ends then, and nobody would sleep any more. The offer may have taken long.
            while !Task.isCancelled, clock.now.wall < Self.due { await clock.advance(by: .milliseconds(100)) }
        }
        let record = try #require(await store.records(of: [TaskID(high: 1, low: 1)])[0])
        #expect(record.state == .scheduled && record.attempt == 0)
    }

    /// As a worker daemon does.
    private func onEventLoop<Success: Sendable>(_ body: @escaping @Sendable () -> Success) async -> Success {
        await withCheckedContinuation { continuation in
            GearmanEventLoop.shared.executor.execute { continuation.resume(returning: body()) }
        }
    }
}
