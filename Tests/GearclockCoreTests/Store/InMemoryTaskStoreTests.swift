import GearclockCore
import TaskStoreConformance
import Testing

@Suite struct InMemoryTaskStoreTests {
    @Test(arguments: TaskStoreConformance.cases)
    func `the in-memory store does what every store must do`(_ conformance: TaskStoreConformanceCase) async throws {
        try await conformance.run { connections in
            let store = InMemoryTaskStore()
            return (0..<connections).map { _ in store }
        }
    }
}
