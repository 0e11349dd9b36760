internal import GearclockController
internal import GearclockCore
internal import GearclockDispatcher
internal import GearclockEnvironment
internal import GearclockWorker
internal import Gearman
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
    private let store: any TaskStore
    private let clock: SystemClock
    private let seeds: (worker: UInt64, dispatcher: UInt64, controller: UInt64)

    init(settings: Settings, store: any TaskStore, clock: SystemClock, seed: UInt64) {
        self.settings = settings
        self.store = store
        self.clock = clock
        // Everybody draws numbers of their own, always the same ones from one seed.
        var generator = SeededGenerator(seed: seed)
        self.seeds = (generator.next(), generator.next(), generator.next())
    }

    private var servers: [GearmanServerAddress] { self.settings.gearman.value }

    /// The daemons in the order in which they start. They stop in the opposite order, each one when the one before has
    /// finished: nothing more comes in, then nothing more is claimed, then what was claimed is run.
    func services(_ roles: Set<DaemonRole>) -> [any Service] {
        if roles.contains(.controller), roles.contains(.dispatcher) {
            let controller = self.controller(takesHandOvers: false)
            let dispatcher = self.dispatcher(handOver: controller)
            return [
                DaemonService("controller", { await controller.run() }, stop: { controller.beginShutdown() }),
                DaemonService("dispatcher", { await dispatcher.run() }, stop: { dispatcher.beginShutdown() }),
                self.worker { dispatcher.taskStored(dueAt: $0) },
            ]
        }
        var services: [any Service] = []
        for role in roles {
            switch role {
            case .controller:
                let controller = self.controller(takesHandOvers: true)
                services.append(
                    DaemonService("controller", { await controller.run() }, stop: { controller.beginShutdown() }))
            case .dispatcher:
                services.append(self.dispatcherOfItsOwn())
            case .worker:
                services.append(self.worker(onStored: nil))
            }
        }
        return services
    }

    private func environment(_ name: String, seed: UInt64) -> ServiceEnvironment {
        ServiceEnvironment(clock: self.clock, logger: Logger(label: "gearclock.\(name)"), seed: seed)
    }

    private func worker(onStored: (@Sendable (Timestamp) -> Void)?) -> DaemonService {
        let service = IntakeService(
            store: self.store, storeName: self.settings.store.value.name, servers: self.servers,
            environment: self.environment("worker", seed: self.seeds.worker), onStored: onStored)
        return DaemonService("worker", { await service.run() }, stop: { service.beginShutdown() })
    }

    private func dispatcher(handOver: any TaskHandOver) -> DispatcherService {
        DispatcherService(
            store: self.store, handOver: handOver,
            environment: self.environment("dispatcher", seed: self.seeds.dispatcher))
    }

    /// A dispatcher that reaches controllers in other processes.
    private func dispatcherOfItsOwn() -> DaemonService {
        let environment = self.environment("dispatcher", seed: self.seeds.dispatcher)
        let handOver = GearmanHandOver(servers: self.servers, environment: environment)
        let service = self.dispatcher(handOver: handOver)
        return DaemonService(
            "dispatcher",
            {
                await service.run()
                await handOver.close()
            },
            stop: { service.beginShutdown() })
    }

    private func controller(takesHandOvers: Bool) -> ControllerService {
        ControllerService(
            store: self.store, servers: self.servers, takesHandOvers: takesHandOvers,
            environment: self.environment("controller", seed: self.seeds.controller),
            drainTimeout: self.settings.drainTimeout.value.duration)
    }
}

/// A daemon as a service group runs it.
private struct DaemonService: Service, CustomStringConvertible {
    let description: String
    private let body: @Sendable () async -> Void
    private let stop: @Sendable () -> Void

    init(_ name: String, _ body: @escaping @Sendable () async -> Void, stop: @escaping @Sendable () -> Void) {
        self.description = name
        self.body = body
        self.stop = stop
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await self.body()
        } onGracefulShutdown: {
            self.stop()
        }
    }
}
