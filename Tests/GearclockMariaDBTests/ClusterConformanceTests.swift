import GearclockCore
import GearclockEnvironment
import GearclockMariaDB
import Logging
import MariaDBServer
import Synchronization
import TaskStoreConformance
import Testing

/// The whole contract, on the server or on the cluster that the tests have, undisturbed and with cuts.
@Suite(.serialized) struct ClusterConformanceTests {
    @Test(arguments: TaskStoreConformance.cases)
    func `MariaDB does what every store must do`(_ conformance: TaskStoreConformanceCase) async throws {
        try await self.run(conformance) { _ in nil }
    }

    /// Each call meets the cut in its first try, and goes through in the second.
    @Test(arguments: TaskStoreConformance.cases, MariaDBConnection.Boundary.allCases)
    func `MariaDB does what every store must do although connections are cut`(
        _ conformance: TaskStoreConformanceCase, _ boundary: MariaDBConnection.Boundary
    ) async throws {
        try await self.run(conformance) { number in
            let cuts = EveryOther(boundary)
            return { cuts.isCut($0) }
        }
    }

    @Test(arguments: JobStoreConformance.cases, MariaDBConnection.Boundary.allCases)
    func `MariaDB does what every store of kept jobs must do although connections are cut`(
        _ conformance: JobStoreConformanceCase, _ boundary: MariaDBConnection.Boundary
    ) async throws {
        let configuration = try await MariaDBServer.shared().makeDatabase()
        try ClusterFixture.migrate(configuration)
        let opened = OpenStores()
        let stores = (0..<2).map { number in
            let cuts = EveryOther(boundary)
            let store = ClusterFixture.store(configuration, seed: UInt64(number)) { cuts.isCut($0) }
            opened.add(store)
            return store
        }
        do {
            try await conformance.run(stores[0], stores[1])
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }

    private func run(
        _ conformance: TaskStoreConformanceCase, faults: @escaping @Sendable (Int) -> MariaDBTaskStore.Faults?
    ) async throws {
        let server = try await MariaDBServer.shared()
        let opened = OpenStores()
        do {
            try await conformance.run { connections in
                let configuration = try server.makeDatabase()
                try ClusterFixture.migrate(configuration)
                return (0..<connections).map { number in
                    let store = ClusterFixture.store(configuration, seed: UInt64(number), faults: faults(number))
                    opened.add(store)
                    return store
                }
            }
        } catch {
            await opened.close()
            throw error
        }
        await opened.close()
    }

    /// Cuts at a boundary the first time that it is met, not the second, and so on.
    private final class EveryOther: Sendable {
        private let boundary: MariaDBConnection.Boundary
        private let count = Mutex(0)

        init(_ boundary: MariaDBConnection.Boundary) {
            self.boundary = boundary
        }

        func isCut(_ point: MariaDBTaskStore.FaultPoint) -> Bool {
            guard point.boundary == self.boundary else { return false }
            return self.count.withLock { count in
                count += 1
                return count % 2 == 1
            }
        }
    }

    private final class OpenStores: Sendable {
        private let stores = Mutex<[MariaDBTaskStore]>([])

        func add(_ store: MariaDBTaskStore) {
            self.stores.withLock { $0.append(store) }
        }

        func close() async {
            for store in self.stores.withLock({ $0 }) { await store.close() }
        }
    }
}

/// What tests of a store on a cluster need.
enum ClusterFixture {
    static func migrate(_ configuration: MariaDBConfiguration) throws {
        let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        defer { connection.close() }
        _ = try MariaDBSchema.migrate(on: connection)
    }

    static func store(
        _ configuration: MariaDBConfiguration, seed: UInt64 = 1, faults: MariaDBTaskStore.Faults? = nil
    ) -> MariaDBTaskStore {
        // A machine that is busy with other tests is no frozen node; and nodes whose connections are cut all the time
        // are asked again at once, not left alone for a while.
        var policy = NodePolicy(probeTimeout: .seconds(10))
        if faults != nil { (policy.shortestBreak, policy.longestBreak) = (.zero, .zero) }
        return MariaDBTaskStore(
            configuration: configuration, clock: SystemClock(), logger: Logger(label: "test"), seed: seed,
            nodePolicy: policy,
            faults: faults)
    }
}
