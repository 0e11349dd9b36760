internal import ArgumentParser
internal import GearclockCore
internal import GearclockWorker

/// Shows tasks by their ids.
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
