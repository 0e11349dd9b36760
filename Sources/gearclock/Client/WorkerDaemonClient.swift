internal import GearclockCore
internal import GearclockEnvironment
internal import GearclockWorker
internal import Gearman
internal import Logging

/// Asks the worker daemon, as any Gearman client can.
struct WorkerDaemonClient: Sendable {
    private let gearman: GearmanClient
    private let servers: [JobServerLocation]
    private let answerTimeout: DecimalSeconds
    private let clock: SystemClock

    /// - Throws: ``CommandFailure`` if a file of TLS cannot be used.
    init(settings: Settings, clock: SystemClock, logger: Logger) throws {
        self.servers = settings.gearman.value
        self.answerTimeout = settings.answerTimeout.value
        self.clock = clock
        self.gearman = GearmanClient(
            servers: settings.servers, eventLoop: try settings.makeEventLoop(), logger: logger)
    }

    /// Calls a function of the worker daemon and returns its answer, JSON.
    ///
    /// - Parameter doubt: what the user must know if no answer comes, because it may have been done.
    /// - Throws: ``CommandFailure``: the error that the daemon reported, `unreachable`, or `failed` if nobody knows.
    func call(_ function: IntakeFunction, _ argument: [UInt8], doubt: String? = nil) async throws -> [UInt8] {
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
                guard let answer = try await group.next() ?? nil else { throw self.noAnswer(doubt) }
                return answer
            }
        } catch let error as GearmanError {
            throw await self.failure(error, doubt)
        }
    }

    /// The same with an answer that is taken apart.
    func ask(_ function: IntakeFunction, _ argument: [UInt8], doubt: String? = nil) async throws -> JSONValue {
        try Self.parse(try await self.call(function, argument, doubt: doubt))
    }

    static func parse(_ answer: [UInt8]) throws -> JSONValue {
        do {
            return try JSONParser.parse(answer, loneSurrogates: .replace)
        } catch {
            throw CommandFailure(.failed, "The worker daemon's answer is not JSON: \(error.message)")
        }
    }

    func close() async {
        await self.gearman.close()
    }

    private func noAnswer(_ doubt: String?) -> CommandFailure {
        let text = "No worker daemon answered within \(self.answerTimeout) s. Does one run at \(self.serverNames)?"
        return CommandFailure(.unreachable, Self.sentences(text, doubt))
    }

    private func failure(_ error: GearmanError, _ doubt: String?) async -> CommandFailure {
        switch error.code {
        case .notConnected:
            await CommandFailure(.unreachable, Self.sentences("No job server can be reached.", self.gearman.troubles))
        case .jobFailed, .jobException:
            WorkerDaemonError(error.warnings.last ?? error.payload).failure
        case .connectionLost, .timedOut, .protocolViolation:
            CommandFailure(.failed, Self.sentences(error.message + ".", doubt))
        default:
            CommandFailure(.failed, error.message + ".")
        }
    }

    private static func sentences(_ first: String, _ second: String?) -> String {
        second.map { first + " " + $0 } ?? first
    }

    private var serverNames: String {
        self.servers.map(\.description).joined(separator: ", ")
    }
}
