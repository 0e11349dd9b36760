import GearclockCore
import GearclockDispatcher
import GearclockEnvironment
import Logging
import Testing

/// The dispatcher daemon with the reference store, a clock that the test moves, and a controller that the test plays.
@Suite struct DispatcherServiceTests {
    private static let start = Timestamp(microseconds: 1_800_000_000_000_000)

    private struct Controller: TaskHandOver {
        let batches: AsyncStream<[ClaimedTask]>
        private let continuation: AsyncStream<[ClaimedTask]>.Continuation
        private let answer: Result<HandOverAnswer, DispatcherStateMachine.HandOverFailure>

        init(_ answer: Result<HandOverAnswer, DispatcherStateMachine.HandOverFailure> = .success(.accepted)) {
            (self.batches, self.continuation) = AsyncStream.makeStream()
            self.answer = answer
        }

        func handOver(
            _ tasks: [ClaimedTask], in lane: Lane?
        ) async -> Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
            self.continuation.yield(tasks)
            return self.answer.map { answer in tasks.map { _ in answer } }
        }
    }

    private static func task(_ number: UInt64, _ function: String = "f", dueIn wait: Duration) -> TaskDefinition {
        TaskDefinition(
            id: TaskID(high: 1, low: number), function: FunctionName(function)!, payload: [],
            dueAt: self.start.advanced(by: wait), createdAt: self.start)
    }

    private static func service(
        _ store: InMemoryTaskStore, _ controller: Controller, _ clock: ManualClock
    ) -> DispatcherService {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        return DispatcherService(
            store: store, handOver: controller,
            environment: ServiceEnvironment(clock: clock, logger: logger, seed: 1))
    }

    @Test(.timeLimit(.minutes(1))) func `a task is handed over at its time, and not before`() async throws {
        let (store, controller, clock) = (InMemoryTaskStore(), Controller(), ManualClock(wall: Self.start))
        _ = try await store.insert([Self.task(1, dueIn: .milliseconds(1500))], now: Self.start)
        let service = Self.service(store, controller, clock)
        await withTaskGroup { group in
            group.addTask { await service.run() }
            group.addTask {
                for await batch in controller.batches {
                    #expect(batch.map(\.id) == [TaskID(high: 1, low: 1)])
                    #expect(clock.now.wall >= Self.start.advanced(by: .milliseconds(1500)))
                    break
                }
                service.beginShutdown()
            }
            await clock.nextSleeper()
            for _ in 0..<15 { await clock.advance(by: .milliseconds(100)) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a stopping dispatcher gives back what it claimed ahead`() async throws {
        let (store, controller, clock) = (InMemoryTaskStore(), Controller(), ManualClock(wall: Self.start))
        _ = try await store.insert([Self.task(1, dueIn: .seconds(1))], now: Self.start)
        let service = Self.service(store, controller, clock)
        await withTaskGroup { group in
            group.addTask { await service.run() }
            await clock.nextSleeper()
            while !Task.isCancelled, await store.counts(now: Self.start).running == 0 {
                await clock.advance(by: .milliseconds(1))
            }
            service.beginShutdown()
        }
        let record = try #require(await store.records(of: [TaskID(high: 1, low: 1)])[0])
        #expect(record.state == .scheduled && record.definition.dueAt == Self.start.advanced(by: .seconds(1)))
        #expect(record.failures == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a task whose hand-over has an unknown outcome is left to its lease`() async throws {
        let (store, controller) = (InMemoryTaskStore(), Controller(.failure(.unknown)))
        let clock = ManualClock(wall: Self.start)
        _ = try await store.insert([Self.task(1, dueIn: .zero)], now: Self.start)
        let service = Self.service(store, controller, clock)
        await withTaskGroup { group in
            group.addTask { await service.run() }
            var batches = controller.batches.makeAsyncIterator()
            #expect(await batches.next()?.count == 1)
            for _ in 0..<20 { await clock.advance(by: .milliseconds(100)) }
            service.beginShutdown()
        }
        let record = try #require(await store.records(of: [TaskID(high: 1, low: 1)])[0])
        #expect(record.state == .running && record.attempt == 1)
    }

    @Test(.timeLimit(.minutes(1))) func `a dispatcher that stopped is no member any more`() async throws {
        let (store, clock) = (InMemoryTaskStore(), ManualClock(wall: Self.start))
        let service = Self.service(store, Controller(), clock)
        let observer = OwnerID(value: 1)
        await withTaskGroup { group in
            group.addTask { await service.run() }
            await clock.nextSleeper()
            while !Task.isCancelled, await store.beat(observer, role: .controller, now: Self.start).count < 2 {
                await clock.advance(by: .milliseconds(1))
            }
            service.beginShutdown()
        }
        #expect(await store.beat(observer, role: .controller, now: Self.start).map(\.id) == [observer])
    }

    @Test(.timeLimit(.minutes(1)))
    func `a paused function waits until it is resumed, and no other one does`() async throws {
        let (store, controller, clock) = (InMemoryTaskStore(), Controller(), ManualClock(wall: Self.start))
        let (paused, other) = (Self.task(1, dueIn: .zero), Self.task(2, "g", dueIn: .zero))
        _ = try await store.insert([paused, other], now: Self.start)
        _ = await store.changeFunctions([paused.function], FunctionChange(isPaused: true))
        let service = Self.service(store, controller, clock)
        await withTaskGroup { group in
            group.addTask { await service.run() }
            var batches = controller.batches.makeAsyncIterator()
            #expect(await batches.next()?.map(\.id) == [other.id])
            _ = await store.changeFunctions([paused.function], FunctionChange(isPaused: false))
            for _ in 0..<20 { await clock.advance(by: .milliseconds(100)) }
            #expect(await batches.next()?.map(\.id) == [paused.id])
            service.beginShutdown()
        }
    }
}
