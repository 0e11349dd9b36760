internal import GearclockCore
internal import GearclockEnvironment
internal import GearclockMariaDB
internal import GearclockSQLite
internal import Logging

/// A store of this process, from its opening to its end.
struct OpenStore: Sendable {
    let location: StoreLocation
    let cluster: TaskCluster
    /// The same store, for job servers.
    let jobs: any JobStore
    /// Watches it until its task is cancelled; `nil`: there is nothing to watch.
    let run: (@Sendable () async -> Void)?
    /// Finds out whether it is there; `nil`: it is.
    private let start: MariaDBStart?
    private let end: @Sendable () async throws(TaskStoreError) -> Void

    /// How often a store that is away is looked for.
    private static let pause: Duration = .seconds(1)

    /// Opens a store.
    ///
    /// - Parameter migrates: whether a schema is made or brought up to date where there are other programs to decide
    ///   that: in MariaDB. A SQLite file is always.
    /// - Throws: ``CommandFailure`` if waiting would not help: no such file, a foreign file.
    static func open(
        _ location: StoreLocation, migrates: Bool, environment: ServiceEnvironment
    ) throws -> OpenStore {
        switch location.place {
        case .sqlite(let path):
            do {
                return OpenStore(location, sqlite: try SQLiteTaskStore(path: path))
            } catch {
                throw CommandFailure(.failed, "The store \(location) cannot be opened: \(error.text)")
            }
        case .mariadb(let url):
            let (configuration, warning) = try url.configurationWithPassword()
            if let warning { environment.logger.warning(warning, metadata: ["store": "\(location.name)"]) }
            let start = MariaDBStart(
                location: location, configuration: configuration, migrates: migrates, clock: environment.clock)
            let store = MariaDBTaskStore(
                configuration: configuration, clock: environment.clock, logger: environment.logger,
                seed: environment.seed)
            return OpenStore(location, mariadb: store, nodes: configuration.nodes.count, start)
        }
    }

    private init(_ location: StoreLocation, sqlite store: SQLiteTaskStore) {
        self.location = location
        self.cluster = TaskCluster(store, ClusterDirectory.Cluster(name: location.name, number: location.number))
        self.jobs = store
        self.run = nil
        self.start = nil
        self.end = { () throws(TaskStoreError) in try store.close() }
    }

    private init(_ location: StoreLocation, mariadb store: MariaDBTaskStore, nodes: Int, _ start: MariaDBStart) {
        self.location = location
        self.cluster = TaskCluster(
            store, ClusterDirectory.Cluster(name: location.name, number: location.number, dataNodes: nodes))
        self.jobs = store
        self.run = { await store.run() }
        self.start = start
        self.end = { await store.close() }
    }

    /// Looks once whether the store is there and fits; if it is away, the log says so.
    ///
    /// - Throws: ``CommandFailure`` if waiting would not help: a wrong password, another schema.
    func look(logger: Logger) async throws -> Bool {
        switch try await self.start?.look() {
        case .ready, nil:
            return true
        case .away(let reason):
            logger.warning(
                "The store is away; waiting for it", metadata: ["store": "\(self.location.name)", "error": "\(reason)"])
            return false
        }
    }

    /// Looks again and again until the store is there, or until the task is cancelled.
    func awaitReadiness(clock: any GearclockClock) async throws {
        while case .away? = try await self.start?.look() {
            try await clock.sleep(until: clock.now.monotonic.advanced(by: Self.pause))
        }
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
