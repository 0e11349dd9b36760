// The commands, each in the words of the protocol. All of them throw `GearmanError`: `notConnected`, `connectionLost`,
// `timedOut`, `serverError` with the server's own text, `unsupportedReply`, and `invalidRequest` for a name that cannot
// stand in a text command; or `CancellationError`: then nobody knows whether the server acts on it.
extension GearmanAdmin {
    /// The functions of the server, in no particular order.
    public func status() async throws -> [GearmanFunctionStatus] {
        try await self.ask("status", answer: .list).compactMap { GearmanFunctionStatus(line: $0) }
    }

    /// The waiting jobs of each function by priority.
    public func priorityStatus() async throws -> [GearmanFunctionPriorityStatus] {
        try await self.ask("prioritystatus", answer: .list).compactMap { GearmanFunctionPriorityStatus(line: $0) }
    }

    /// The connections of the server: workers, clients, and this one.
    public func workers() async throws -> [GearmanWorkerStatus] {
        try await self.ask("workers", answer: .list).compactMap { GearmanWorkerStatus(line: $0) }
    }

    /// The jobs of the server.
    public func showJobs() async throws -> [GearmanJobEntry] {
        try await self.ask("show jobs", answer: .list).compactMap { GearmanJobEntry(line: $0) }
    }

    /// The unique IDs of the jobs of the server, empty ones included.
    public func showUniqueJobs() async throws -> [String] {
        try await self.ask("show unique jobs", answer: .list)
    }

    /// The server's version, for example `1.1.20+ds`.
    public func version() async throws -> String {
        try await self.text("version")
    }

    /// How much the server logs, for example `INFO`.
    public func verbose() async throws -> String {
        try await self.text("verbose")
    }

    /// The server's process number.
    public func getpid() async throws -> Int {
        let text = try await self.text("getpid")
        guard let number = Int(text) else {
            throw GearmanError(.unsupportedReply, "The server's process number is no number")
        }
        return number
    }

    /// Removes a waiting job.
    ///
    /// - Returns: false if the server does not know it.
    public func cancelJob(_ handle: String) async throws -> Bool {
        do {
            _ = try await self.text("cancel job \(try Self.word(handle))")
            return true
        } catch let error as GearmanError where error.code == .serverError && error.message.contains("UNKNOWN_JOB") {
            return false
        }
    }

    /// Limits the jobs, waiting and running, of a function that the server knows. Nil: no limit.
    public func maxQueue(_ function: String, _ limit: Int?) async throws {
        _ = try await self.text("maxqueue \(try Self.word(function)) \(Self.limit(limit))")
    }

    /// Limits the jobs of a function by priority. Nil: no limit.
    public func maxQueue(_ function: String, high: Int?, normal: Int?, low: Int?) async throws {
        let limits = [high, normal, low].map(Self.limit).joined(separator: " ")
        _ = try await self.text("maxqueue \(try Self.word(function)) \(limits)")
    }

    /// Makes a function known to the server.
    public func createFunction(_ function: String) async throws {
        _ = try await self.text("create function \(try Self.word(function))")
    }

    /// Makes the server forget a function that nobody offers and that has no jobs.
    public func dropFunction(_ function: String) async throws {
        _ = try await self.text("drop function \(try Self.word(function))")
    }

    /// Stops the server.
    ///
    /// - Parameter graceful: what runs is finished first.
    /// - Throws: `serverError` also for a server that has no such command, as gearmand 1.1.20.
    public func shutdown(graceful: Bool = false) async throws {
        do {
            _ = try await self.text(graceful ? "shutdown graceful" : "shutdown")
        } catch let error as GearmanError where error.code == .connectionLost {
            return  // it stopped before it could answer
        }
    }

    /// The text after the `OK` of an answer of one line.
    private func text(_ command: String) async throws -> String {
        let line = try await self.ask(command, answer: .line).first ?? ""
        if line == "OK" { return "" }
        if line.hasPrefix("OK ") { return String(line.dropFirst(3)) }
        // Before 1.0, `version` answered without an OK.
        guard command == "version", !line.isEmpty else {
            throw GearmanError(.unsupportedReply, "The job server's answer to an administrative command makes no sense")
        }
        return line
    }

    private static func limit(_ limit: Int?) -> String {
        limit.map { String(max(0, $0)) } ?? "-1"
    }

    private static func word(_ word: String) throws(GearmanError) -> String {
        guard !word.isEmpty, word.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw GearmanError(
                .invalidRequest, "A name in an administrative command must not be empty or contain white space")
        }
        return word
    }
}
