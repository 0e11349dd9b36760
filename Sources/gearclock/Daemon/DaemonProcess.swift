internal import Foundation
internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import GearmanServer
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// One process that is one daemon, or several: it starts them, says when they are ready, and stops them.
struct DaemonProcess {
    let name: String
    let settings: Settings
    let clock: SystemClock
    let logger: Logger
    let readyFile: ReadyFile?
    /// Where job servers are reached.
    let eventLoop: GearmanEventLoop

    /// Runs daemons until a signal ends them.
    ///
    /// - Parameters:
    ///   - migrates: whether the schema of a MariaDB store is made, or brought up to date.
    ///   - hasJobServer: whether there is to be a job server at the usual address, this process's if need be.
    /// - Throws: ``CommandFailure`` if they cannot be started, or end by themselves.
    static func run(
        _ roles: Set<DaemonRole>, name: String, settings: Settings, migrates: Bool, hasJobServer: Bool = false
    ) async throws {
        // A reader of our log or of a socket that goes away is no reason to die.
        signal(SIGPIPE, SIG_IGN)
        for location in settings.stores.value { try location.prepareDirectory() }
        let clock = SystemClock()
        Log.bootstrap(level: settings.logLevel.value, format: settings.logFormat.value, clock: clock)
        let process = DaemonProcess(
            name: name, settings: settings, clock: clock, logger: Logger(label: "gearclock.\(name)"),
            readyFile: try settings.readyFile.value.map { try ReadyFile(path: $0) },
            eventLoop: try settings.makeEventLoop())
        let jobServer = await hasJobServer ? process.startJobServer() : nil
        do {
            try await process.run(roles, migrates: migrates)
        } catch {
            await jobServer?.stop()
            throw error
        }
        await jobServer?.stop()
    }

    private func run(_ roles: Set<DaemonRole>, migrates: Bool) async throws {
        // From here on a signal is a request, not the end.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        var chance = SystemRandomNumberGenerator()
        let seed: UInt64 = chance.next()
        self.logger.info(
            "Starting",
            metadata: [
                "version": "\(gearclockVersion)", "pid": "\(getpid())", "seed": "\(seed)",
                "servers": "\(self.settings.gearman.value.map(\.description).joined(separator: ","))",
                "store": "\(self.settings.stores.value.map(\.description).joined(separator: ","))",
            ])
        if self.settings.hasVisiblePassword {
            self.logger.warning(
                "A password on the command line can be read by all users of this machine",
                metadata: ["instead": "GEARCLOCK_STORE_PASSWORD, or a file named by password_file"])
        }
        var seeds = SeededGenerator(seed: seed)
        let environment = {
            ServiceEnvironment(clock: self.clock, logger: Logger(label: "gearclock.store"), seed: seeds.next())
        }
        let stores = try self.settings.stores.value.map { location in
            try OpenStore.open(location, migrates: migrates, environment: environment())
        }
        let missing = try await self.look(stores)
        var wiring = DaemonWiring(
            settings: self.settings, clusters: stores.map(\.cluster), clock: self.clock, seed: seeds.next(),
            eventLoop: self.eventLoop)
        var configuration = ServiceGroupConfiguration(
            services: [StoreWatch(stores)] + wiring.services(roles), gracefulShutdownSignals: [],
            logger: Logger(label: "gearclock.lifecycle"))
        // The controller keeps the drain time itself; this is for whatever hangs after it.
        configuration.maximumGracefulShutdownDuration = self.settings.drainTimeout.value.duration + .seconds(15)
        defer { self.readyFile?.remove() }
        do {
            try await self.supervise(
                ServiceGroup(configuration: configuration), signals: signals, missing: missing,
                isServing: missing.count < stores.count)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.failed, "A daemon ended by itself: \(error)")
        }
        for store in stores { await store.close(logger: self.logger) }
        self.logger.info("Stopped")
    }

    /// - Parameters:
    ///   - missing: stores that are away; they are waited for.
    ///   - isServing: whether there is another one, so that the daemon can be ready without them.
    private func supervise(
        _ services: ServiceGroup, signals: UnixSignalsSequence, missing: [OpenStore], isServing: Bool
    ) async throws {
        enum Child {
            case services, others
        }
        let (found, finding) = AsyncStream<Void>.makeStream()
        if isServing { finding.yield() }
        try await withThrowingTaskGroup(of: Child.self) { group in
            group.addTask {
                try await services.run()
                return .services
            }
            group.addTask {
                await self.obey(signals, services)
                return .others
            }
            for store in missing {
                group.addTask {
                    try await self.waitFor(store)
                    finding.yield()
                    return .others
                }
            }
            group.addTask {
                guard await found.first(where: { true }) != nil else { return .others }
                try await self.announceReadiness()
                return .others
            }
            for try await child in group where child == .services {
                group.cancelAll()
            }
        }
    }

    private func obey(_ signals: UnixSignalsSequence, _ services: ServiceGroup) async {
        var isStopping = false
        for await signal in signals {
            if isStopping {
                self.logger.warning("Stopping at once", metadata: ["signal": "\(signal)"])
                self.readyFile?.remove()
                Program.end(.failed)
            }
            isStopping = true
            self.logger.info("Stopping: finishing what is under way", metadata: ["signal": "\(signal)"])
            await services.triggerGracefulShutdown()
        }
    }
}

/// The file that tells others, by being there, that a daemon is ready. It holds the process id.
struct ReadyFile: Sendable {
    private let path: String

    /// Removes what an earlier process left behind.
    init(path: String) throws {
        self.path = path
        if unlink(path) != 0, errno != ENOENT {
            throw CommandFailure(.usage, "The ready file \(path) is in the way: \(String(cString: strerror(errno))).")
        }
    }

    func create() throws {
        do {
            try Data("\(getpid())\n".utf8).write(to: URL(fileURLWithPath: self.path), options: .atomic)
        } catch {
            throw CommandFailure(.failed, "The ready file \(self.path) cannot be made: \(error.localizedDescription)")
        }
    }

    func remove() {
        unlink(self.path)
    }
}
