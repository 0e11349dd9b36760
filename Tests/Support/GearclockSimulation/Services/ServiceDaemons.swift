internal import GearclockController
internal import GearclockCore
internal import GearclockDispatcher
internal import GearclockEnvironment
internal import GearclockWorker
internal import Gearman
internal import Logging

/// The daemons of one process, put together as the executable does it.
struct ServiceDaemons: Sendable {
    private struct Part: Sendable {
        let run: @Sendable @concurrent () async -> Void
        let stop: @Sendable () -> Void
        /// Ends when `run` has returned.
        let end: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation) = AsyncStream.makeStream()
    }

    private let world: ServiceWorld
    private let process: SimulatedProcess
    private let name: ProcessName
    private let eventLoop: GearmanEventLoop
    private let servers: [GearmanServerAddress]
    /// In the order in which they start. They stop in the opposite order, each when the one before has finished.
    private var parts: [Part] = []

    init(_ world: isolated ServiceWorld, _ process: SimulatedProcess, _ name: ProcessName, _ roles: Roles, seed: UInt64)
    {
        var seeds = SeededGenerator(seed: seed)
        self.world = world
        self.process = process
        self.name = name
        self.eventLoop = world.eventLoop(of: process, machine: name.node)
        self.servers = ServiceJobServer.addresses(count: world.swarm.servers)
        var controller: ControllerService?
        if roles.contains(.controller) { controller = self.addController(seed: seeds.next()) }
        var lanes: [ExpressLane] = []
        if roles.contains(.dispatcher) || roles.contains(.intake) {
            lanes = [self.addDispatcher(roles, controller, seed: seeds.next())]
        }
        if roles.contains(.intake) { self.addIntake(lanes, seed: seeds.next()) }
    }

    private static let handOverFunction = HandOverCodec.function(cluster: 0)

    private func environment(seed: UInt64) -> ServiceEnvironment {
        ServiceEnvironment(
            clock: MistakenClock(self.process.clock, self.world),
            logger: Logger(label: "simulation", factory: { _ in SwiftLogNoOpLogHandler() }), seed: seed)
    }

    private func store(_ role: Machine) -> ServiceStore {
        ServiceStore(world: self.world, process: self.name, role: role)
    }

    private mutating func addController(seed: UInt64) -> ControllerService {
        let controller = ControllerService(
            store: self.store(.controller), servers: self.servers, handOverFunction: Self.handOverFunction,
            policy: self.world.swarm.controller, environment: self.environment(seed: seed), eventLoop: self.eventLoop)
        self.parts.append(Part(run: { await controller.run() }, stop: { controller.beginShutdown() }))
        return controller
    }

    private mutating func addDispatcher(
        _ roles: Roles, _ controller: ControllerService?, seed: UInt64
    ) -> ExpressLane {
        let environment = self.environment(seed: seed)
        let swarm = self.world.swarm
        var policy = swarm.dispatcher
        policy.isExpressOnly = !roles.contains(.dispatcher)
        let others = GearmanHandOver(
            servers: self.servers, function: Self.handOverFunction, environment: environment, eventLoop: self.eventLoop)
        var way: any TaskHandOver = others
        if let controller, swarm.handsOverDirectly, roles.contains(.dispatcher) {
            way = NearbyHandOver(controller, elsewhere: others) { await controller.mayTake($0) }
        }
        let dispatcher = DispatcherService(
            store: self.store(.dispatcher), handOver: AuditedHandOver(way, self.world, self.name), policy: policy,
            environment: environment, eventLoop: self.eventLoop)
        let run: @Sendable @concurrent () async -> Void = {
            await dispatcher.run()
            await others.close()
        }
        self.parts.append(Part(run: run, stop: { dispatcher.beginShutdown() }))
        return dispatcher.expressLane
    }

    private mutating func addIntake(_ lanes: [ExpressLane], seed: UInt64) {
        var configuration = IntakeConfiguration()
        configuration.patience = self.world.swarm.patience
        let intake = IntakeService(
            clusters: [TaskCluster(self.store(.intake), .init(name: "main", number: 0))], servers: self.servers,
            configuration: configuration, environment: self.environment(seed: seed), eventLoop: self.eventLoop,
            lanes: lanes)
        self.parts.append(Part(run: { await intake.run() }, stop: { intake.beginShutdown() }))
    }

    /// Runs until all of them have ended after the stream of stops did, or until its task is cancelled.
    @concurrent
    func run(until stops: AsyncStream<Void>) async {
        await withDiscardingTaskGroup { group in
            for part in self.parts {
                group.addTask {
                    await part.run()
                    part.end.continuation.finish()
                }
            }
            group.addTask {
                for await _ in stops {}
                for part in self.parts.reversed() where !Task.isCancelled {
                    part.stop()
                    for await _ in part.end.stream {}
                }
            }
        }
    }
}
