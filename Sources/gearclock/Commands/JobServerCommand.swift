internal import ArgumentParser
internal import Foundation
internal import GearclockCore
internal import GearclockEnvironment
internal import Gearman
internal import GearmanServer
internal import Logging
internal import UnixSignals

/// A Gearman job server alone, with those options of gearmand that make sense here.
struct JobServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobserver",
        abstract: "Run a Gearman job server, for any clients and workers.",
        discussion: """
            It answers as gearmand 1.1.20 does, and keeps its jobs in memory. With --store or --keep-jobs it keeps \
            background jobs, also those for later, in a store: a client is answered when its job is stored, and a \
            server that starts with the same name runs it, after kill -9 too. SIGTERM or SIGINT ends it at once, and \
            all other jobs are lost. SIGUSR1 is a graceful stop: it accepts no more connections, gives out what is \
            queued, and ends when nothing is left that would be lost. SIGHUP opens --log-file again and reads the \
            files of --ssl again.
            """)

    @Option(help: ArgumentHelp("The address to listen on, or a name: all its addresses.", valueName: "host"))
    var listen = "127.0.0.1"

    @Option(help: "The port to listen on; 0: any free one.")
    var port = GearmanServerAddress.defaultPort

    @Option(help: ArgumentHelp("How many connections may wait to be accepted.", valueName: "n"))
    var backlog = 1_024

    @Option(help: ArgumentHelp("The attempts of a job, before its failure; 0: any number.", valueName: "n"))
    var jobRetries: UInt8 = 0

    @Option(help: ArgumentHelp("How many sleeping workers to wake for each job; 0: all.", valueName: "n"))
    var workerWakeup = 0

    @Flag(help: "Give a worker jobs of its functions in turn, not of the newest one first.")
    var roundRobin = false

    @Flag(help: "Send exceptions to all clients, also to those that did not ask for them.")
    var exceptions = false

    @Option(
        help: ArgumentHelp(
            "What job handles start with. (default: H: and the name of the machine)", valueName: "prefix"))
    var jobHandlePrefix: String?

    @Option(help: ArgumentHelp("Look for a silent peer after so long. (default: the system's)", valueName: "seconds"))
    var keepaliveIdle: Int?

    @Option(help: ArgumentHelp("Look for it again after so long. (default: the system's)", valueName: "seconds"))
    var keepaliveInterval: Int?

    @Option(help: ArgumentHelp("Close it after so many looks. (default: the system's)", valueName: "n"))
    var keepaliveCount: Int?

    @Option(help: ArgumentHelp("The connections at one time; others wait.", valueName: "n"))
    var maxConnections = GearmanJobServerLimits().connections

    @Option(help: ArgumentHelp("All queued jobs together; others are refused.", valueName: "bytes"))
    var maxQueuedBytes = GearmanJobServerLimits().queuedBytes

    @Option(
        help: ArgumentHelp(
            "Keep background jobs in this store: sqlite:PATH or mariadb://USER@HOST,HOST/DATABASE.",
            valueName: "store"))
    var store: String?

    @Flag(
        help: ArgumentHelp(
            "The same with the store that the environment or the configuration file names; of several, the first one."))
    var keepJobs = false

    @Option(
        help: ArgumentHelp(
            "Whose kept jobs these are; one server has a name at a time. (default: name of the machine, colon, port)",
            valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "How long a background job waits for a store that is away before it is refused.", valueName: "seconds"))
    var storePatience = 10

    @OptionGroup var migration: MigrationOptions

    @Option(
        help: ArgumentHelp(
            "What waits for all connections, or is incomplete; beyond it the largest is closed.", valueName: "bytes"))
    var maxBufferedBytes = GearmanJobServerLimits().bufferedBytes

    @Flag(help: "Obey the text commands 'shutdown' and 'shutdown graceful', of anybody who can connect.")
    var allowShutdown = false

    @Option(
        help: ArgumentHelp("Append the log to this file, not to standard error.", valueName: "path"),
        completion: .file())
    var logFile: String?

    @Option(
        help: ArgumentHelp("Write the process id there when ready; remove it at the end.", valueName: "path"),
        completion: .file())
    var pidFile: String?

    @Option(
        help: ArgumentHelp("Create this file when ready; remove it at the end.", valueName: "path"),
        completion: .file())
    var readyFile: String?

    @OptionGroup var tls: JobServerTLSOptions
    @OptionGroup var logging: LoggingOptions

    func validate() throws {
        guard (0...65_535).contains(self.port) else { throw ValidationError("--port is 0 to 65535.") }
        guard self.workerWakeup >= 0, self.backlog > 0, self.maxConnections > 0, self.maxQueuedBytes > 0,
            self.maxBufferedBytes > 0
        else {
            throw ValidationError("--worker-wakeup is not negative; --backlog and the limits are positive.")
        }
        let prefixLimit = GearmanJobServerConfiguration.handlePrefixLimitBytes
        guard self.jobHandlePrefix?.utf8.count ?? 0 <= prefixLimit else {
            throw ValidationError("--job-handle-prefix has at most \(prefixLimit) bytes.")
        }
        guard (1...3_600).contains(self.storePatience) else { throw ValidationError("--store-patience is 1 to 3600.") }
        guard [self.keepaliveIdle, self.keepaliveInterval, self.keepaliveCount].allSatisfy({ $0 ?? 1 > 0 }) else {
            throw ValidationError("The --keepalive options are positive.")
        }
    }

    private func configuration(_ level: Logger.Level) -> GearmanJobServerConfiguration {
        var configuration = GearmanJobServerConfiguration()
        configuration.handlePrefix = self.jobHandlePrefix
        configuration.jobRetries = self.jobRetries
        configuration.workerWakeup = self.workerWakeup
        configuration.isRoundRobin = self.roundRobin
        configuration.sendsExceptions = self.exceptions
        configuration.allowsShutdown = self.allowShutdown
        configuration.verbosity = level.rawValue.uppercased()
        configuration.journalPatience = .seconds(self.storePatience)
        configuration.limits.connections = self.maxConnections
        configuration.limits.queuedBytes = self.maxQueuedBytes
        configuration.limits.bufferedBytes = self.maxBufferedBytes
        return configuration
    }

    mutating func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        var flags = self.logging.flags
        flags[.store] = self.store.map { [$0] }
        let settings = try await Settings.load(flags: flags, file: self.logging.config, surroundings: .ofThisProcess)
        if let logFile { try Terminal.appendErrors(to: logFile) }
        Log.bootstrap(level: settings.logLevel.value, format: settings.logFormat.value, clock: SystemClock())
        let logger = Logger(label: "gearclock.jobserver")
        self.allowManyFiles()
        let files = try [self.pidFile, self.readyFile].compactMap { try $0.map { try ReadyFile(path: $0) } }
        defer { for file in files { file.remove() } }
        let signals = await UnixSignalsSequence(
            trapping: [.sigterm, .sigint, .sigusr1] + (self.logFile == nil && !self.tls.ssl ? [] : [.sighup]))
        let keeping = try self.keeping(settings, logger)
        let eventLoop = try self.tls.makeEventLoop()
        let server = GearmanJobServer(
            configuration: self.configuration(settings.logLevel.value), journal: keeping?.journal,
            keepAlive: GearmanKeepAlive(
                idle: self.keepaliveIdle.map { .seconds($0) }, interval: self.keepaliveInterval.map { .seconds($0) },
                count: self.keepaliveCount),
            eventLoop: eventLoop, logger: logger)
        let process = JobServerProcess(
            server: server, securedLoop: self.tls.ssl ? eventLoop : nil, keeping: keeping, files: files,
            logFile: self.logFile, logger: logger)
        try await process.run(host: self.listen, port: self.port, backlog: self.backlog, signals: signals)
        logger.info("Stopped")
    }

    /// - Returns: nil if jobs are kept in memory only.
    private func keeping(_ settings: Settings, _ logger: Logger) throws -> JobKeeping? {
        guard self.keepJobs || self.store != nil else { return nil }
        guard self.port != 0 || self.name != nil else {
            throw CommandFailure(.usage, "A job server that keeps jobs and has --port 0 needs a --name.")
        }
        let text = self.name ?? "\(ProcessInfo.processInfo.hostName):\(self.port)"
        guard let name = JobServerName(text) else {
            throw CommandFailure(.usage, "--name: write 1 to 255 bytes.")
        }
        return try JobKeeping(
            in: settings.stores.value[0], name: name, migrates: self.migration.migrate, logger: logger)
    }

    /// As many connections as the system allows this process at all.
    private func allowManyFiles() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
