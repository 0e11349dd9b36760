internal import GearclockCore
internal import GearclockEnvironment
internal import GearclockWorker
internal import Gearman
internal import Logging

/// Asks the worker daemon, as any Gearman client can.
struct WorkerDaemonClient: Sendable {
    private let gearman: GearmanClient
    private let servers: [GearmanServerAddress]
    private let answerTimeout: DecimalSeconds
    private let clock: SystemClock

    init(settings: Settings, clock: SystemClock, logger: Logger) {
        self.servers = settings.gearman.value
        self.answerTimeout = settings.answerTimeout.value
        self.clock = clock
        self.gearman = GearmanClient(servers: self.servers, logger: logger)
    }

    /// Calls a function of the worker daemon and returns its answer, JSON.
    ///
    /// - Throws: ``CommandFailure``: the error that the daemon reported, `unreachable`, or `failed` if nobody knows.
    func call(_ function: IntakeFunction, _ argument: [UInt8]) async throws -> [UInt8] {
        let request = GearmanJobRequest(function: function.rawValue, workload: argument)
        let deadline = self.clock.now.monotonic.advanced(by: self.answerTimeout.duration)
        do {
            return try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
                group.addTask { try await self.gearman.perform(request) }
                group.addTask {
                    try await self.clock.sleep(until: deadline)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() ?? nil else { throw self.noAnswer(to: function) }
                return answer
            }
        } catch let error as GearmanError {
            throw self.failure(error, function)
        }
    }

    /// The same with an answer that is taken apart.
    func ask(_ function: IntakeFunction, _ argument: [UInt8]) async throws -> JSONValue {
        let answer = try await self.call(function, argument)
        do {
            return try JSONParser.parse(answer, loneSurrogates: .replace)
        } catch {
            throw CommandFailure(.failed, "The worker daemon's answer is not JSON: \(error.message)")
        }
    }

    func close() async {
        await self.gearman.close()
    }

    private func noAnswer(to function: IntakeFunction) -> CommandFailure {
        CommandFailure(
            .unreachable,
            "No worker daemon answered within \(self.answerTimeout) s. Does one run at \(self.serverNames)?"
                + Self.doubt(about: function))
    }

    private func failure(_ error: GearmanError, _ function: IntakeFunction) -> CommandFailure {
        switch error.code {
        case .notConnected:
            return CommandFailure(.unreachable, "No job server can be reached at \(self.serverNames).")
        case .jobFailed, .jobException:
            return WorkerDaemonError(error.warnings.last ?? error.payload).failure
        default:
            return CommandFailure(.failed, error.message + Self.doubt(about: function))
        }
    }

    private var serverNames: String {
        self.servers.map(\.description).joined(separator: ", ")
    }

    /// What whoever submitted or cancelled something without an answer must know.
    private static func doubt(about function: IntakeFunction) -> String {
        switch function {
        case .submit, .submitJobDelayed:
            " The task may be stored or not; submitting it again with the same --id is safe."
        case .cancel, .delayedJobDone:
            " It may be done or not; doing it again is safe."
        case .get, .list, .stats:
            ""
        }
    }
}
