import GearclockCore
import GearclockSQLite
import TaskStoreConformance
import Testing

// One after the other: each case opens several files, and a process has only so many descriptors.
@Suite(.serialized) struct SQLiteConformanceTests {
    @Test(arguments: TaskStoreConformance.cases)
    func `SQLite does what every store must do`(_ conformance: TaskStoreConformanceCase) async throws {
        let directory = try TemporaryDirectory()
        let databases = Databases(directory)
        try await conformance.run { connections in
            let path = await databases.nextFile()
            var stores: [any TaskStore] = []
            for _ in 0..<connections { stores.append(try SQLiteTaskStore(path: path)) }
            return stores
        }
    }

    @Test(arguments: JobStoreConformance.cases)
    func `SQLite does what every store of kept jobs must do`(_ conformance: JobStoreConformanceCase) async throws {
        let directory = try TemporaryDirectory()
        let (store, other) = (
            try SQLiteTaskStore(path: directory.file()), try SQLiteTaskStore(path: directory.file())
        )
        try await conformance.run(store, other)
        try store.close()
        try other.close()
    }

    /// Names of new files.
    private actor Databases {
        private let directory: TemporaryDirectory
        private var count = 0

        init(_ directory: TemporaryDirectory) {
            self.directory = directory
        }

        func nextFile() -> String {
            self.count += 1
            return self.directory.file("tasks-\(self.count).sqlite")
        }
    }
}
