import GearclockCore
import GearclockMariaDB
import MariaDBServer
import TaskStoreConformance
import Testing

/// The statements by themselves: one connection, one node, no repetition but the one that a conflict asks for.
@Suite struct StoreConformanceTests {
    @Test(arguments: TaskStoreConformance.cases)
    func `one connection does what every store must do`(_ conformance: TaskStoreConformanceCase) async throws {
        let server = try await MariaDBServer.shared()
        let databases = Databases()
        try await conformance.run { connections in
            let configuration = try server.makeDatabase()
            var stores: [any TaskStore] = []
            for _ in 0..<connections { stores.append(try await SingleConnectionStore(configuration)) }
            await databases.remember(configuration)
            return stores
        }
        try await databases.drop()
    }

    /// What a case has made.
    private actor Databases {
        private var configurations: [MariaDBConfiguration] = []

        func remember(_ configuration: MariaDBConfiguration) {
            self.configurations.append(configuration)
        }

        func drop() throws {
            for configuration in self.configurations {
                let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
                try connection.execute("DROP DATABASE \(configuration.database)")
                connection.close()
            }
        }
    }
}
