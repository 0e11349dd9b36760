internal import Foundation
internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import GearmanServer
internal import GearmanTLS
internal import Logging
internal import UnixSignals

/// The store in which a job server keeps its jobs.
struct JobKeeping: Sendable {
    let store: OpenStore
    let journal: StoreJournal
    private let clock: SystemClock

    /// - Throws: ``CommandFailure`` if waiting would not help: a foreign file, for instance.
    init(in location: StoreLocation, name: JobServerName, migrates: Bool, logger: Logger) throws {
        try location.prepareDirectory()
        self.clock = SystemClock()
        var chance = SystemRandomNumberGenerator()
        let environment = ServiceEnvironment(
            clock: self.clock, logger: Logger(label: "gearclock.store"), seed: chance.next())
        self.store = try OpenStore.open(location, migrates: migrates, environment: environment)
        self.journal = StoreJournal(self.store.jobs, name: name, clock: self.clock, logger: logger)
    }

    /// Returns when the store is there.
    func awaitStore(_ logger: Logger) async throws {
        guard try await !self.store.look(logger: logger) else { return }
        try await self.store.awaitReadiness(clock: self.clock)
        logger.info("The store is there", metadata: ["store": "\(self.store.location.name)"])
    }
}

/// The process of a job server alone: it waits for its store, serves, and ends by a signal.
struct JobServerProcess {
    let server: GearmanJobServer
    /// Where its certificates are read again; nil if it speaks plain text.
    let securedLoop: GearmanEventLoop?
    let keeping: JobKeeping?
    let files: [ReadyFile]
    let logFile: String?
    let logger: Logger

    private enum Child {
        /// The server has ended, or a signal ended it.
        case ended
        case watched
    }

    func run(host: String, port: Int, backlog: Int, signals: UnixSignalsSequence) async throws {
        try await withThrowingTaskGroup(of: Child.self) { group in
            if let run = self.keeping?.store.run {
                group.addTask {
                    await run()
                    return .watched
                }
            }
            group.addTask {
                await self.obey(signals)
                return .ended
            }
            group.addTask {
                do {
                    try await self.serve(host: host, port: port, backlog: backlog)
                } catch is CancellationError {
                    // A signal came before the store was there.
                }
                return .ended
            }
            for try await child in group where child == .ended {
                group.cancelAll()
            }
        }
        await self.keeping?.store.close(logger: self.logger)
    }

    private func serve(host: String, port: Int, backlog: Int) async throws {
        try await self.keeping?.awaitStore(self.logger)
        let location: JobServerLocation
        do {
            let address = try await self.server.start(host: host, port: port, backlog: backlog)
            location = JobServerLocation(address, isSecured: self.securedLoop != nil)
        } catch {
            if Task.isCancelled { return }
            throw CommandFailure(.failed, "\(error)")
        }
        for file in self.files { try file.create() }
        self.logger.info("Ready", metadata: ["server": "\(location)", "pid": "\(getpid())"])
        Terminal.write("gearclock jobserver is ready (\(location))")
        do {
            try await self.server.keepJobs()
        } catch {
            throw CommandFailure(.failed, error.message)
        }
        await self.server.waitUntilStopped()
    }

    /// Whoever rotates logs has moved the file away.
    private func reopenLog() {
        guard let logFile else { return }
        do {
            try Terminal.appendErrors(to: logFile)
            self.logger.info("The log file is open again")
        } catch {
            self.logger.error("The log file cannot be opened again", metadata: ["error": "\(error)"])
        }
    }

    /// Whoever renews certificates has put new files in the place of the old ones.
    private func reloadCertificates() {
        guard let securedLoop else { return }
        do {
            try securedLoop.reloadCertificates()
            self.logger.info("The certificates are read again")
        } catch {
            let reason = (error as? GearmanError)?.message ?? "\(error)"
            self.logger.error(
                "The certificates cannot be read; those from before stay", metadata: ["error": "\(reason)"])
        }
    }

    /// Until the server has stopped by a signal, or the task is cancelled.
    private func obey(_ signals: UnixSignalsSequence) async {
        for await signal in signals {
            if signal == .sighup {
                self.reopenLog()
                self.reloadCertificates()
                continue
            }
            self.logger.info("Stopping", metadata: ["signal": "\(signal)"])
            if signal == .sigusr1 {
                await self.server.beginGracefulShutdown()
            } else {
                return await self.server.stop()
            }
        }
    }
}
