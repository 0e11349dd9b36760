internal import GearclockEnvironment
internal import Logging

/// What the client subcommands have in common: settings, a log, a connection, and how errors are told.
enum ClientSession {
    /// - Parameter isForPrograms: whether errors are written as JSON.
    static func run(
        _ options: ClientOptions, isForPrograms: Bool,
        _ body: (WorkerDaemonClient) async throws -> Void
    ) async throws {
        do {
            let settings = try await options.settings()
            let clock = SystemClock()
            Log.bootstrap(level: settings.logLevel.value, format: settings.logFormat.value, clock: clock)
            let client = try WorkerDaemonClient(
                settings: settings, clock: clock, logger: Logger(label: "gearclock.client"))
            try await body(client)
            await client.close()
        } catch var failure as CommandFailure {
            failure.isForPrograms = isForPrograms
            throw failure
        }
    }
}
