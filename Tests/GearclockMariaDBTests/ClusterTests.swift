import GearclockCore
import GearclockEnvironment
import GearclockMariaDB
import MariaDBServer
import Testing

@Suite struct ClusterTests {
    private static let now = Timestamp(microseconds: 1_800_000_000_000_000)

    private static func task(_ number: UInt64) -> TaskDefinition {
        TaskDefinition(
            id: TaskID(high: 9, low: number), function: FunctionName("f")!, payload: [1], dueAt: Self.now,
            createdAt: Self.now)
    }

    private func withStore<Value>(
        migrated: Bool = true, _ body: (MariaDBTaskStore, MariaDBConfiguration) async throws -> Value
    ) async throws -> Value {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        if migrated { try ClusterFixture.migrate(configuration) }
        let store = ClusterFixture.store(configuration)
        do {
            let value = try await body(store, configuration)
            await store.close()
            return value
        } catch {
            await store.close()
            throw error
        }
    }

    @Test func `a receipt names the nodes that have the task, as many as are configured`() async throws {
        try await self.withStore { store, configuration in
            let reply = try await store.insert([Self.task(1)], copies: .configured, now: Self.now)
            #expect(reply.outcomes == [.inserted])
            #expect(reply.nodes.count == configuration.copies)
            #expect(Set(reply.nodes).isSubset(of: configuration.nodes.map(\.description)))
        }
    }

    @Test func `the clock of each node is told, with how far it may be off`() async throws {
        try await self.withStore { store, configuration in
            let clocks = try await store.nodeClocks()
            #expect(clocks.map(\.node) == configuration.nodes.map(\.description))
            for clock in clocks {
                #expect(clock.uncertainty >= .zero && clock.uncertainty < .seconds(1), "\(clock)")
                // It is the clock of this machine, read with microseconds.
                #expect(abs(clock.offset.microseconds) <= clock.uncertainty.microseconds + 1000, "\(clock)")
            }
        }
    }

    @Test func `nodes that do not answer tell no time`() async throws {
        var configuration = try await MariaDBServer.shared().makeDatabase()
        let count = configuration.nodes.count
        configuration.nodes.append(.init(host: "127.0.0.1", port: 1))
        let store = ClusterFixture.store(configuration)
        #expect(try await store.nodeClocks().count == count)
        await store.close()
    }

    @Test func `as many copies as nodes can be proven, also of tasks that were there`() async throws {
        try await self.withStore { store, configuration in
            let count = configuration.nodes.count
            for outcome in [InsertOutcome.inserted, .exists(.scheduled)] {
                let reply = try await store.insert([Self.task(1)], copies: .atLeast(count), now: Self.now)
                #expect(reply.outcomes == [outcome])
                #expect(Set(reply.nodes) == Set(configuration.nodes.map(\.description)))
            }
        }
    }

    @Test func `more copies than nodes are refused, and nothing is stored`() async throws {
        try await self.withStore { store, configuration in
            let demand = CopiesDemand.atLeast(configuration.nodes.count + 1)
            await #expect {
                _ = try await store.insert([Self.task(1)], copies: demand, now: Self.now)
            } throws: { error in
                guard case .unavailable(let text, _) = error as? TaskStoreError else { return false }
                return text.contains("copies are demanded")
            }
            let records = try await store.records(of: [Self.task(1).id])
            #expect(records == [nil])
        }
    }

    @Test func `a database without tables is unavailable and says what to do, until it is migrated`() async throws {
        try await self.withStore(migrated: false) { store, configuration in
            await #expect {
                _ = try await store.counts(now: Self.now)
            } throws: { error in
                guard case .unavailable(let text, _) = error as? TaskStoreError else { return false }
                return text.contains("gearclock store migrate")
            }
            try ClusterFixture.migrate(configuration)
            let other = ClusterFixture.store(configuration)
            let counts = try await other.counts(now: Self.now)
            #expect(counts == TaskCounts())
            await other.close()
        }
    }

    @Test func `whoever watches the nodes ends when its task is cancelled, and calls go on`() async throws {
        try await self.withStore { store, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await store.run() }
                for number in UInt64(1)...20 { _ = try await store.insert([Self.task(number)], now: Self.now) }
                group.cancelAll()
                try await group.waitForAll()
            }
            let counts = try await store.counts(now: Self.now)
            #expect(counts.scheduled == 20)
        }
    }

    @Test func `a closed store is unavailable`() async throws {
        try await self.withStore { store, _ in
            _ = try await store.counts(now: Self.now)
            await store.close()
            await #expect {
                _ = try await store.counts(now: Self.now)
            } throws: { error in
                if case .unavailable = error as? TaskStoreError { true } else { false }
            }
        }
    }
}
