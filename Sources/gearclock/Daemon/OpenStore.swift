internal import GearclockCore
internal import GearclockEnvironment
internal import GearclockSQLite
internal import Logging

/// A store of this process, from its opening to its end.
struct OpenStore: Sendable {
    let location: StoreLocation
    let cluster: TaskCluster
    /// Watches it until its task is cancelled; `nil`: there is nothing to watch.
    let run: (@Sendable () async -> Void)?
    private let end: @Sendable () async throws(TaskStoreError) -> Void

    /// Opens a store.
    ///
    /// - Throws: ``CommandFailure`` if waiting would not help: no such file, a foreign file, another schema.
    static func open(_ location: StoreLocation) throws -> OpenStore {
        switch location.place {
        case .sqlite(let path):
            do {
                return OpenStore(location, sqlite: try SQLiteTaskStore(path: path))
            } catch {
                throw CommandFailure(.failed, "The store \(location) cannot be opened: \(error.text)")
            }
        case .mariadb:
            throw CommandFailure(.usage, "MariaDB stores are not supported by this version; write sqlite:PATH.")
        }
    }

    private init(_ location: StoreLocation, sqlite store: SQLiteTaskStore) {
        self.location = location
        self.cluster = TaskCluster(store, ClusterDirectory.Cluster(name: location.name, number: location.number))
        self.run = nil
        self.end = { () throws(TaskStoreError) in try store.close() }
    }

    func close(logger: Logger) async {
        do throws(TaskStoreError) {
            try await self.end()
        } catch {
            logger.warning(
                "The store was not closed well", metadata: ["store": "\(self.location.name)", "error": "\(error.text)"])
        }
    }
}
