internal import GearclockController
internal import GearclockCore
internal import GearclockDispatcher
internal import GearclockEnvironment
internal import GearclockSQLite
internal import GearclockWorker
internal import Logging
internal import ServiceLifecycle

/// The daemons there are.
enum DaemonRole: Hashable, Sendable {
    case worker
    case dispatcher
    case controller
}

/// Puts the daemons of one process together: their store, their chance, and who hands over to whom.
struct DaemonWiring {
    private let settings: Settings
    private let clock: SystemClock
    private let seed: UInt64

    init(settings: Settings, clock: SystemClock, seed: UInt64) {
        self.settings = settings
        self.clock = clock
        self.seed = seed
    }

    /// The daemons in the order in which they start. They stop in the opposite order, each one when the one before has
    /// finished: nothing more comes in, then nothing more is claimed, then what was claimed is run.
    func services(_ roles: Set<DaemonRole>) async throws -> [any Service] {
        let store = try await self.openStore()
        let servers = self.settings.gearman.value
        // Everybody draws numbers of their own, always the same ones from one seed.
        var seeds = SeededGenerator(seed: self.seed)
        let (workerSeed, dispatcherSeed, controllerSeed) = (seeds.next(), seeds.next(), seeds.next())
        var services: [any Service] = []

        var controller: ControllerService?
        if roles.contains(.controller) {
            let service = ControllerService(
                store: store, servers: servers, takesHandOvers: !roles.contains(.dispatcher),
                environment: self.environment("controller", seed: controllerSeed),
                drainTimeout: self.settings.drainTimeout.value.duration)
            services.append(DaemonService(run: { await service.run() }, stop: { service.beginShutdown() }))
            controller = service
        }

        var dispatcher: DispatcherService?
        if roles.contains(.dispatcher) {
            let environment = self.environment("dispatcher", seed: dispatcherSeed)
            let remote = controller == nil ? GearmanHandOver(servers: servers, environment: environment) : nil
            let handOver: any TaskHandOver = controller ?? remote
            let service = DispatcherService(store: store, handOver: handOver, environment: environment)
            services.append(
                DaemonService(
                    run: {
                        await service.run()
                        await remote?.close()
                    },
                    stop: { service.beginShutdown() }))
            dispatcher = service
        }

        if roles.contains(.worker) {
            let service = IntakeService(
                store: store, storeName: self.settings.store.value.name, servers: servers,
                environment: self.environment("worker", seed: workerSeed),
                onStored: dispatcher.map { dispatcher in { dispatcher.taskStored(dueAt: $0) } })
            services.append(DaemonService(run: { await service.run() }, stop: { service.beginShutdown() }))
        }
        return services
    }

    private func environment(_ name: String, seed: UInt64) -> ServiceEnvironment {
        ServiceEnvironment(clock: self.clock, logger: Logger(label: "gearclock.\(name)"), seed: seed)
    }

    private func openStore() async throws -> any TaskStore {
        let location = self.settings.store.value
        try location.prepareDirectory()
        do {
            return try SQLiteTaskStore(path: location.path)
        } catch {
            throw CommandFailure(.failed, "The store \(location) cannot be opened: \(error)")
        }
    }
}

/// A daemon as a service group runs it.
private struct DaemonService: Service {
    let run: @Sendable () async -> Void
    let stop: @Sendable () -> Void

    func run() async throws {
        await withGracefulShutdownHandler {
            await self.run()
        } onGracefulShutdown: {
            self.stop()
        }
    }
}
