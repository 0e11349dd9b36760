internal import ArgumentParser
internal import Foundation
internal import GearclockCore
internal import GearclockWorker

/// Submits one task.
struct SubmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Submit a task, and print the receipt as JSON.",
        discussion: """
            The receipt comes when the task is stored. Submitting again with the same --id is harmless. Times are \
            ISO 8601, as 2026-08-21T10:00:00+02:00; without a zone they are UTC. Spans are seconds, as 90 or 0.25.
            """)

    @Argument(help: "The Gearman function to run.")
    var function: FunctionName

    @Argument(help: "What the function receives; - reads it from standard input. (default: nothing)")
    var payload: String?

    @Option(help: ArgumentHelp("Run it so long from now.", valueName: "seconds"))
    var after: DecimalSeconds?

    @Option(help: ArgumentHelp("Run it at this time. (default: at once)", valueName: "time"))
    var at: TimeArgument?

    @Option(help: ArgumentHelp("The id of the task, a UUID. (default: a new one)", valueName: "uuid"))
    var id: TaskID?

    @Option(help: ArgumentHelp("The priority of its job. (default: normal)", valueName: "priority"))
    var priority: TaskPriority?

    @Option(help: ArgumentHelp("How long one attempt may run. (default: any time)", valueName: "seconds"))
    var timeout: DecimalSeconds?

    @Option(help: ArgumentHelp("Give it up after so many failed attempts. (default: 20)", valueName: "count"))
    var maxAttempts: UInt32?

    @Option(help: ArgumentHelp("Submit no job for it later than this.", valueName: "time"))
    var expiresAt: TimeArgument?

    @Option(help: ArgumentHelp("Submit no job for it later than so long from now.", valueName: "seconds"))
    var expiresAfter: DecimalSeconds?

    @Option(
        help: ArgumentHelp(
            "Store it on so many data nodes before the receipt. (default: as the store is configured)",
            valueName: "count"))
    var copies: Int?

    @Flag(help: "Write errors as JSON.")
    var json = false

    @OptionGroup var options: ClientOptions

    func validate() throws {
        if self.after != nil, self.at != nil { throw ValidationError("--after and --at exclude each other.") }
        if self.expiresAfter != nil, self.expiresAt != nil {
            throw ValidationError("--expires-after and --expires-at exclude each other.")
        }
        if let maxAttempts, !(1...1_000_000).contains(maxAttempts) {
            throw ValidationError("--max-attempts must be 1 to 1000000.")
        }
        if let copies, copies < 1 { throw ValidationError("--copies must be 1 or more.") }
    }

    mutating func run() async throws {
        let request = try self.request(payload: self.readPayload())
        try await ClientSession.run(self.options, isForPrograms: self.json) { client in
            Terminal.write(try await client.call(.submit, request.json, doubt: request.doubt))
        }
    }

    private func request(payload: [UInt8]?) -> SubmissionRequest {
        var request = SubmissionRequest(function: self.function)
        request.payload = payload
        request.due = self.after.map { .after($0) } ?? self.at.map { .at($0.timestamp) }
        request.id = self.id
        request.priority = self.priority
        request.timeout = self.timeout
        request.maxAttempts = self.maxAttempts
        request.copies = self.copies
        request.expiry = self.expiresAfter.map { .after($0) } ?? self.expiresAt.map { .at($0.timestamp) }
        return request
    }

    private func readPayload() throws -> [UInt8]? {
        guard self.payload == "-" else { return self.payload.map { Array($0.utf8) } }
        var bytes = Data()
        while bytes.count <= Limits.payloadBytes, let part = try FileHandle.standardInput.read(upToCount: 1 << 20),
            !part.isEmpty
        {
            bytes += part
        }
        guard bytes.count <= Limits.payloadBytes else {
            throw CommandFailure(.usage, "The payload is larger than \(Limits.payloadBytes) bytes.")
        }
        return Array(bytes)
    }
}
