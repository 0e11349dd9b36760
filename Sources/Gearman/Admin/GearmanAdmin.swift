internal import DispatchExecutor
public import Logging

/// Asks one job server about itself, and gives it orders, by its text protocol.
///
/// It connects at the first command and keeps the connection until ``close()``; one that was lost or closed is opened
/// again at the next command.
public actor GearmanAdmin {
    private struct Command {
        let number: Int
        /// Nil when its caller was cancelled: its answer comes nevertheless, and is for nobody.
        var continuation: CheckedContinuation<[String], any Error>?
        let deadline: GearmanInstant
    }

    nonisolated let executor: any EventLoopExecutor
    /// The event loop's queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let server: GearmanServerAddress
    private let timeout: Duration
    private let eventLoop: GearmanEventLoop
    private let logger: Logger

    private var channel: (any StreamChannel)?
    /// Tells the events of the present channel from those of an earlier one.
    private var generation = 0
    private var isOpen = false
    private var reader = AdminReplyReader()
    /// Written when the connection opens.
    private var unsent: [UInt8] = []
    private var commands: [Command] = []
    private var nextNumber = 0
    private var timers: EventLoopTimers<Bool>

    /// Makes an administrator. It connects at the first command.
    ///
    /// - Parameters:
    ///   - server: the job server.
    ///   - eventLoop: where input and output happen.
    ///   - logger: gets debug messages.
    ///   - timeout: how long an answer may take, connecting included; 10 s by default.
    public init(
        server: GearmanServerAddress, eventLoop: GearmanEventLoop = .shared, logger: Logger,
        timeout: Duration = .seconds(10)
    ) {
        self.server = server
        self.timeout = timeout
        self.executor = eventLoop.executor
        self.eventLoop = eventLoop
        self.logger = logger
        self.timers = EventLoopTimers(executor: eventLoop.executor)
    }

    /// Closes the connection. Commands under way fail.
    public func close() {
        self.fail(GearmanError(.closed, "The administrator was closed"))
    }

    // MARK: Commands

    /// Sends a command and returns the lines of its answer.
    ///
    /// - Throws: ``GearmanError``: `notConnected`, `connectionLost`, `timedOut`, `serverError`, `unsupportedReply`;
    ///   or `CancellationError`.
    func ask(_ command: String, answer form: AdminReplyReader.Form) async throws -> [String] {
        let number = self.nextNumber
        self.nextNumber += 1
        let lines = try await withTaskCancellationHandler {
            try Task.checkCancellation()
            return try await withCheckedThrowingContinuation { continuation in
                let deadline = self.executor.now.advanced(by: self.timeout)
                self.commands.append(Command(number: number, continuation: continuation, deadline: deadline))
                self.reader.commandSent(answeredBy: form)
                self.send(Array("\(command)\r\n".utf8))
                if self.commands.count == 1 { self.scheduleTimeout() }
                if Task.isCancelled { self.cancel(number) }
            }
        } onCancel: {
            self.executor.execute { self.enter { $0.cancel(number) } }
        }
        guard let error = Self.error(in: lines) else { return lines }
        // Where a list was expected, what looks like an error could be a job's name: the next command begins afresh.
        if form == .list, self.commands.isEmpty { self.close() }
        throw error
    }

    private func cancel(_ number: Int) {
        guard let index = self.commands.firstIndex(where: { $0.number == number }) else { return }
        self.commands[index].continuation?.resume(throwing: CancellationError())
        self.commands[index].continuation = nil
    }

    private static func error(in lines: [String]) -> GearmanError? {
        guard lines.count == 1, lines[0].hasPrefix("ERR ") else { return nil }
        let text = lines[0].dropFirst(4).replacing("+", with: " ")
        return GearmanError(.serverError, "The job server answered: \(text)")
    }

    private func send(_ bytes: [UInt8]) {
        if self.isOpen {
            self.channel?.write(bytes)
            return
        }
        self.unsent += bytes
        guard self.channel == nil else { return }
        self.generation += 1
        let generation = self.generation
        let channel = self.eventLoop.transport.makeChannel(
            to: self.server, timeout: self.timeout, eventLoop: self.eventLoop
        ) {
            event in
            self.assumeIsolated { $0.happened(event, generation: generation) }
        }
        self.channel = channel
        channel.open()
    }

    private func happened(_ event: StreamEvent, generation: Int) {
        guard generation == self.generation else { return }
        switch event {
        case .connected:
            self.isOpen = true
            self.channel?.write(self.unsent)
            self.unsent = []
        case .received(let bytes):
            self.received(bytes)
        case .blocked, .progressed, .drained:
            break
        case .closed(let error, _):
            let code: GearmanError.Code = self.isOpen ? .connectionLost : .notConnected
            let reason = error?.description ?? "the server closed the connection"
            self.logger.debug(
                "administrative connection is closed", metadata: ["server": "\(self.server)", "reason": "\(reason)"])
            self.fail(GearmanError(code, "\(self.server): \(reason)", underlying: error))
        }
    }

    private func received(_ bytes: [UInt8]) {
        do throws(GearmanError) {
            for answer in try self.reader.bytesReceived(bytes) {
                self.commands.removeFirst().continuation?.resume(returning: answer)
            }
            self.scheduleTimeout()
        } catch {
            self.fail(error)
        }
    }

    // MARK: Timeouts

    private func scheduleTimeout() {
        guard let command = self.commands.first else { return self.timers.cancel(true) }
        self.timers.schedule(true, at: command.deadline) { self.assumeIsolated { $0.timerFired() } }
    }

    private func timerFired() {
        guard let command = self.commands.first else { return }
        guard self.executor.now >= command.deadline else { return self.scheduleTimeout() }
        self.fail(GearmanError(.timedOut, "\(self.server) did not answer an administrative command in time"))
    }

    private func fail(_ error: GearmanError) {
        let commands = self.commands
        self.commands = []
        self.generation += 1
        self.channel?.close()
        self.channel = nil
        self.isOpen = false
        self.reader = AdminReplyReader()
        self.unsent = []
        self.timers.cancelAll()
        for command in commands { command.continuation?.resume(throwing: error) }
    }
}
