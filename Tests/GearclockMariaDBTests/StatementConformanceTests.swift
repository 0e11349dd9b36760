import GearclockCore
import GearclockMariaDB
import MariaDBServer
import TaskStoreConformance
import Testing

@Suite(.serialized) struct StatementConformanceTests {
    @Test(arguments: TaskStoreConformance.cases)
    func `the statements do what every store must do`(_ conformance: TaskStoreConformanceCase) async throws {
        let server = try await MariaDBServer.shared()
        try await conformance.run { connections in
            let configuration = try server.makeDatabase()
            let stores = (0..<connections).map { _ in OneNodeStore(configuration) }
            _ = try await stores[0].migrate()
            return stores
        }
    }
}
