internal import ArgumentParser
internal import GearclockCore
internal import GearclockWorker

/// Cancels tasks by their ids.
struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel tasks.",
        discussion: "A task that runs already is not run again, but its current attempt may still end.")

    @Argument(help: "The ids of the tasks.")
    var ids: [TaskID]

    @Flag(help: "Print JSON, one line for each task; write errors as JSON.")
    var json = false

    @OptionGroup var options: ClientOptions

    mutating func run() async throws {
        let json = self.json
        try await ClientSession.run(self.options, isForPrograms: json) { client in
            let answer = try await client.ask(
                .cancel, idsRequest(self.ids), doubt: "It may be done or not; doing it again is safe.")
            try BulkAnswer(answer).finish { object in
                let bytes = JSONWriter.stringify(.object(object), .asWritten)
                let (id, result) = (object["id"]?.shown ?? "?", object["result"]?.shown ?? "?")
                let state = object["state"]?.shown ?? "?"
                guard result != "already_final" || state == "cancelled" else {
                    throw CommandFailure(.failed, "\(id) cannot be cancelled: it is \(state).", report: bytes)
                }
                if json {
                    Terminal.write(bytes)
                } else if result == "cancelled_while_running" {
                    Terminal.write("\(id) cancelled; its current attempt may still end")
                } else {
                    Terminal.write("\(id) cancelled")
                }
            }
        }
    }
}
