internal import ArgumentParser
internal import GearclockCore

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Print tasks as JSON, one line each.",
        discussion: "A task that ran is removed soon, so that it is not found any more.")

    @Argument(help: "The ids of the tasks.")
    var ids: [TaskID]

    @Flag(help: "Write errors as JSON.")
    var json = false

    @OptionGroup var options: ClientOptions

    mutating func run() async throws {
        try await ClientSession.run(self.options, isForPrograms: self.json) { client in
            let answer = try await client.ask(.get, idsRequest(self.ids))
            try BulkAnswer(answer).finish { Terminal.write(JSONWriter.stringify(.object($0), .asWritten)) }
        }
    }
}

/// `{"ids": […]}`
func idsRequest(_ ids: [TaskID]) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { request in
        request.name("ids")
        request.array { array in
            for id in ids { array.string(id.description) }
        }
    }
    return writer.bytes
}

/// The answer to a request for several tasks: an object for each, or `{"id", "error"}`.
struct BulkAnswer {
    private let objects: [JSONObject]

    init(_ answer: JSONValue) throws {
        guard case .array(let values) = answer else {
            throw CommandFailure(.failed, "The worker daemon's answer is not understood: it is \(answer.kind).")
        }
        self.objects = values.compactMap(\.object)
    }

    /// Shows what was found, and throws if something was not, or if showing it throws.
    func finish(_ show: (JSONObject) throws -> Void) throws {
        var failures: [CommandFailure] = []
        for object in self.objects {
            if let error = object["error"] {
                var failure = WorkerDaemonError(JSONWriter.stringify(error, .asWritten)).failure
                failure.message = "\(object["id"]?.shown ?? "?"): \(failure.message)"
                failure.report = JSONWriter.stringify(.object(object), .asWritten)
                failures.append(failure)
                continue
            }
            do {
                try show(object)
            } catch let failure as CommandFailure {
                failures.append(failure)
            }
        }
        guard var all = failures.first else { return }
        // The worst of them is what the program ends with: something failed, rather than was not there.
        all.status = failures.map(\.status).min { $0.rawValue < $1.rawValue } ?? all.status
        all.message = failures.map(\.message).joined(separator: "\nError: ")
        all.report = failures.compactMap(\.report).joined(separator: [UInt8(ascii: "\n")]).map { $0 }
        throw all
    }
}
