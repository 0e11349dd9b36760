internal import Foundation
internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// One process that is one daemon, or several: it starts them, says when they are ready, and stops them.
struct DaemonProcess {
    private let name: String
    private let settings: Settings
    private let clock: SystemClock
    private let logger: Logger
    private let readyFile: ReadyFile?

    /// Runs daemons until a signal ends them.
    ///
    /// - Throws: ``CommandFailure`` if they cannot be started, or end by themselves.
    static func run(_ roles: Set<DaemonRole>, name: String, settings: Settings) async throws {
        // A reader of our log or of a socket that goes away is no reason to die.
        signal(SIGPIPE, SIG_IGN)
        for location in settings.stores.value { try location.prepareDirectory() }
        let clock = SystemClock()
        Log.bootstrap(level: settings.logLevel.value, format: settings.logFormat.value, clock: clock)
        let process = DaemonProcess(
            name: name, settings: settings, clock: clock, logger: Logger(label: "gearclock.\(name)"),
            readyFile: try settings.readyFile.value.map { try ReadyFile(path: $0) })
        try await process.run(roles)
    }

    private func run(_ roles: Set<DaemonRole>) async throws {
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
        let stores = try self.settings.stores.value.map { try OpenStore.open($0) }
        var wiring = DaemonWiring(
            settings: self.settings, clusters: stores.map(\.cluster), clock: self.clock, seed: seed)
        var configuration = ServiceGroupConfiguration(
            services: wiring.services(roles), gracefulShutdownSignals: [], logger: Logger(label: "gearclock.lifecycle"))
        // The controller keeps the drain time itself; this is for whatever hangs after it.
        configuration.maximumGracefulShutdownDuration = self.settings.drainTimeout.value.duration + .seconds(15)
        defer { self.readyFile?.remove() }
        do {
            try await self.supervise(ServiceGroup(configuration: configuration), signals: signals)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.failed, "A daemon ended by itself: \(error)")
        }
        for store in stores { await store.close(logger: self.logger) }
        self.logger.info("Stopped")
    }

    private func supervise(_ services: ServiceGroup, signals: UnixSignalsSequence) async throws {
        enum Child {
            case services, others
        }
        try await withThrowingTaskGroup(of: Child.self) { group in
            group.addTask {
                try await services.run()
                return .services
            }
            group.addTask {
                await self.obey(signals, services)
                return .others
            }
            group.addTask {
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

    /// Ready is who has a store and has reached a job server.
    private func announceReadiness() async throws {
        // Short times, because a stop that is asked for meanwhile waits for the answer to the last question.
        var configuration = GearmanClientConfiguration()
        configuration.connectTimeout = .seconds(2)
        configuration.requestTimeout = .seconds(2)
        let client = GearmanClient(
            servers: self.settings.gearman.value, configuration: configuration, logger: self.logger)
        var isReported = false
        while true {
            do {
                _ = try await client.echo(Array("gearclock".utf8))
                break
            } catch {
                guard !Task.isCancelled else { break }
                if !isReported {
                    self.logger.warning("No job server answers; trying again", metadata: ["error": "\(error)"])
                    isReported = true
                }
            }
            let next = self.clock.now.monotonic.advanced(by: .milliseconds(200))
            do { try await self.clock.sleep(until: next) } catch { break }
        }
        await client.close()
        guard !Task.isCancelled else { return }
        self.logger.info("Ready")
        try self.readyFile?.create()
        let servers = self.settings.gearman.value.map(\.description).joined(separator: ", ")
        let stores = self.settings.stores.value.map(\.description).joined(separator: ", ")
        Terminal.write(
            "gearclock \(self.name) is ready (job servers: \(servers); "
                + (self.settings.stores.value.count == 1 ? "store: " : "stores: ") + stores + ")")
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
