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

/// Puts the daemons of one process together: their stores, their chance, and who hands over to whom.
///
/// There is one worker daemon for all clusters, and for each cluster a dispatcher and a controller: what happens to one
/// cluster does not concern those of the others, and a controller settles where its tasks stand.
struct DaemonWiring {
    private let settings: Settings
    private let clusters: [TaskCluster]
    private let clock: SystemClock
    private let eventLoop: GearmanEventLoop
    private var generator: SeededGenerator

    init(
        settings: Settings, clusters: [TaskCluster], clock: SystemClock, seed: UInt64, eventLoop: GearmanEventLoop
    ) {
        self.settings = settings
        self.clusters = clusters
        self.clock = clock
        self.eventLoop = eventLoop
        // Everybody draws numbers of their own, always the same ones from one seed.
        self.generator = SeededGenerator(seed: seed)
    }

    private var servers: [GearmanServerAddress] { self.settings.servers }

    /// The daemons in the order in which they start. They stop in the opposite order, each kind when the one before has
    /// finished: nothing more comes in, then nothing more is claimed, then what was claimed is run.
    mutating func services(_ roles: Set<DaemonRole>) -> [any Service] {
        let areTogether = roles.isSuperset(of: [.controller, .dispatcher])
        var controllers: [ControllerService] = []
        var services: [DaemonService] = []
        if roles.contains(.controller) {
            controllers = self.clusters.map { self.controller($0) }
            services.append(
                DaemonService(
                    "controller",
                    controllers.map { controller in
                        DaemonService.Part({ await controller.run() }, stop: { controller.beginShutdown() })
                    }))
        }
        var policy = DispatcherPolicy()
        // A worker daemon alone hands over what it stores for soon, and leaves all else to the dispatchers there are.
        policy.isExpressOnly = !roles.contains(.dispatcher)
        var lanes: [ExpressLane] = []
        if roles.contains(.dispatcher) || roles.contains(.worker) {
            var parts: [DaemonService.Part] = []
            for (index, cluster) in self.clusters.enumerated() {
                let environment = self.environment("dispatcher", cluster)
                let others = self.handOver(cluster, environment)
                let handOver: any TaskHandOver =
                    areTogether ? Self.nearby(controllers[index], elsewhere: others) : others
                let dispatcher = DispatcherService(
                    store: cluster.store, handOver: handOver, policy: policy, environment: environment,
                    eventLoop: self.eventLoop)
                lanes.append(dispatcher.expressLane)
                parts.append(
                    DaemonService.Part(
                        {
                            await dispatcher.run()
                            await others.close()
                        },
                        stop: { dispatcher.beginShutdown() }))
            }
            services.append(DaemonService(policy.isExpressOnly ? "express dispatcher" : "dispatcher", parts))
        }
        if roles.contains(.worker) {
            let worker = IntakeService(
                clusters: self.clusters, servers: self.servers, environment: self.environment("worker"),
                eventLoop: self.eventLoop, lanes: lanes)
            services.append(
                DaemonService(
                    "worker", [DaemonService.Part({ await worker.run() }, stop: { worker.beginShutdown() })]))
        }
        return services
    }

    /// - Parameter cluster: what the daemon works for; its log says so if there are several.
    private mutating func environment(_ name: String, _ cluster: TaskCluster? = nil) -> ServiceEnvironment {
        var logger = Logger(label: "gearclock.\(name)")
        if let cluster, self.clusters.count > 1 { logger[metadataKey: "store"] = "\(cluster.description.name)" }
        return ServiceEnvironment(clock: self.clock, logger: logger, seed: self.generator.next())
    }

    private func handOver(_ cluster: TaskCluster, _ environment: ServiceEnvironment) -> GearmanHandOver {
        GearmanHandOver(
            servers: self.servers, function: HandOverCodec.function(cluster: cluster.description.number),
            environment: environment, eventLoop: self.eventLoop)
    }

    private static func nearby(_ controller: ControllerService, elsewhere: GearmanHandOver) -> NearbyHandOver {
        NearbyHandOver(controller, elsewhere: elsewhere) { await controller.mayTake($0) }
    }

    /// Whoever has a dispatcher of its own is reached by others nevertheless: it may have room in its part of a limit.
    private mutating func controller(_ cluster: TaskCluster) -> ControllerService {
        ControllerService(
            store: cluster.store, servers: self.servers,
            handOverFunction: HandOverCodec.function(cluster: cluster.description.number),
            environment: self.environment("controller", cluster),
            drainTimeout: self.settings.drainTimeout.value.duration, eventLoop: self.eventLoop)
    }
}

/// A daemon as a service group runs it: its parts, one for each cluster, start and stop together.
private struct DaemonService: Service, CustomStringConvertible {
    struct Part: Sendable {
        let run: @Sendable () async -> Void
        let stop: @Sendable () -> Void

        init(_ run: @escaping @Sendable () async -> Void, stop: @escaping @Sendable () -> Void) {
            self.run = run
            self.stop = stop
        }
    }

    let description: String
    private let parts: [Part]

    init(_ name: String, _ parts: [Part]) {
        self.description = name
        self.parts = parts
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for part in self.parts { group.addTask { await part.run() } }
            }
        } onGracefulShutdown: {
            for part in self.parts { part.stop() }
        }
    }
}
