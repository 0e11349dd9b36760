internal import ArgumentParser
internal import GearclockCore
internal import GearclockWorker

/// Lists tasks, a page at a time.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List tasks in the order of their ids, which for ids made here is that of their submission.")

    @Option(help: ArgumentHelp("Only tasks of this function.", valueName: "function"))
    var function: FunctionName?

    @Option(help: ArgumentHelp("Only tasks in this state.", valueName: "state"))
    var state: TaskState?

    @Option(help: ArgumentHelp("At most so many, 1 to 1000. (default: 100)", valueName: "count"))
    var limit: Int?

    @Option(help: ArgumentHelp("Only tasks behind this one: the last of the page before.", valueName: "id"))
    var after: TaskID?

    @Flag(help: "Print the answer as JSON: {\"tasks\": […], \"next\": ID}; write errors as JSON.")
    var json = false

    @OptionGroup var options: ClientOptions

    func validate() throws {
        if let limit, !(1...Limits.listPage).contains(limit) {
            throw ValidationError("--limit must be 1 to \(Limits.listPage).")
        }
    }

    mutating func run() async throws {
        try await ClientSession.run(self.options, isForPrograms: self.json) { client in
            let bytes = try await client.call(.list, self.request)
            let answer = try WorkerDaemonClient.parse(bytes)
            if self.json { Terminal.write(bytes) } else { try self.show(answer) }
            try MissingStores.check(answer.object?["errors"])
        }
    }

    private var request: [UInt8] {
        var writer = JSONWriter()
        writer.object { request in
            if let function { request.member("function", function.description) }
            if let state { request.member("state", "\(state)") }
            if let limit { request.member("limit", limit) }
            if let after { request.member("after", after.description) }
        }
        return writer.bytes
    }

    private func show(_ answer: JSONValue) throws {
        guard case .array(let tasks) = answer.object?["tasks"] else {
            throw CommandFailure(.failed, "The worker daemon's answer is not understood: it has no tasks.")
        }
        var table = TextTable(header: ["ID", "STATE", "DUE", "FAILURES", "FUNCTION"])
        for task in tasks.compactMap(\.object) {
            let function = task["func_name"] ?? task["func_name_base64"]
            table.add([task["id"], task["state"], task["due_at"], task["failures"], function].map { $0?.shown ?? "-" })
        }
        Terminal.write(table.text)
        if let next = answer.object?["next"] {
            Terminal.writeError("There are more: --after \(next.shown)")
        }
    }
}
