internal import ArgumentParser
internal import GearclockCore
internal import GearclockWorker

/// Counts tasks.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Count the tasks in each state.",
        discussion: "Overdue are scheduled tasks whose time has come.")

    @Flag(help: "Print the answer as JSON; write errors as JSON.")
    var json = false

    @OptionGroup var options: ClientOptions

    mutating func run() async throws {
        try await ClientSession.run(self.options, isForPrograms: self.json) { client in
            let bytes = try await client.call(.stats, Array("{}".utf8))
            let answer = try WorkerDaemonClient.parse(bytes)
            if self.json { Terminal.write(bytes) } else { try self.show(answer) }
            try MissingStores.check(answer.object?["stores"])
        }
    }

    private func show(_ answer: JSONValue) throws {
        guard case .array(let stores) = answer.object?["stores"] else {
            throw CommandFailure(.failed, "The worker daemon's answer is not understood: it has no stores.")
        }
        let lines = stores.compactMap(\.object).filter { $0["error"] == nil }.map { store in
            let names = store.members.map { String(decoding: $0.name, as: UTF8.self) }
            let width = names.map(\.count).max() ?? 0
            return zip(names, store.members).map { name, member in
                let label = printable(name).replacing("_", with: " ")
                return label + String(repeating: " ", count: width - name.count + 2) + member.value.shown
            }.joined(separator: "\n")
        }
        Terminal.write(lines.joined(separator: "\n\n"))
    }
}
