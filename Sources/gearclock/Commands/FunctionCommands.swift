internal import ArgumentParser
internal import GearclockCore
internal import GearclockWorker

/// Pauses functions.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Start no more tasks of functions until they are resumed.",
        discussion: """
            It takes effect within two seconds. Jobs that run are not touched, what a job server already has in its \
            queue still runs (at most 2,048 jobs of a function for each controller; a limit by --in-flight or \
            --queue-watermark keeps that small), and tasks are taken in and kept as before.
            """)

    @Argument(help: "The names of the functions.")
    var functions: [FunctionName]

    @OptionGroup var settings: FunctionOptions

    mutating func run() async throws {
        try await self.settings.change(.pause, self.functions)
    }
}

/// Resumes functions.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Start tasks of paused functions again, those that are overdue first.")

    @Argument(help: "The names of the functions.")
    var functions: [FunctionName]

    @OptionGroup var settings: FunctionOptions

    mutating func run() async throws {
        try await self.settings.change(.resume, self.functions)
    }
}

/// Shows and sets limits of functions.
struct LimitsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limits",
        abstract: "Show what is limited or paused, or set the limits of a function.",
        discussion: "Limits are for all controllers together, and shared among those that live.")

    @Argument(help: "The name of the function; without one all that have settings are shown.")
    var function: FunctionName?

    @Option(
        help: ArgumentHelp(
            "At most so many of its jobs are with job servers at once; 'none' removes the limit.", valueName: "count"))
    var inFlight: LimitArgument?

    @Option(
        help: ArgumentHelp(
            "At most so many of its jobs start in a second, 0.001 and more; 'none' removes the limit.",
            valueName: "rate"))
    var perSecond: LimitArgument?

    @Option(
        help: ArgumentHelp(
            "No job of it starts while a job server has so many of them queued; 'none' removes the limit.",
            valueName: "count"))
    var queueWatermark: LimitArgument?

    @OptionGroup var settings: FunctionOptions

    func validate() throws {
        guard self.function == nil, self.limits.contains(where: { $0.1 != nil }) else { return }
        throw ValidationError("A limit needs the name of a function.")
    }

    private var limits: [(StaticString, LimitArgument?)] {
        [("in_flight", self.inFlight), ("per_second", self.perSecond), ("queue_watermark", self.queueWatermark)]
    }

    mutating func run() async throws {
        let (function, limits) = (self.function, self.limits)
        try await self.settings.ask(.limits) { request in
            if let function { request.member("function", function.description) }
            for (name, limit) in limits {
                guard let limit else { continue }
                request.name(name)
                request.value(limit.json)
            }
        }
    }
}

/// What the commands about settings of functions have in common.
struct FunctionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The name of the only store that is meant. (default: all of them)", valueName: "name"))
    var store: String?

    @Flag(help: "Print the answer as JSON; write errors as JSON.")
    var json = false

    @OptionGroup var options: ClientOptions

    func change(_ question: IntakeFunction, _ functions: [FunctionName]) async throws {
        try await self.ask(question) { request in
            request.name("functions")
            request.array { array in
                for function in functions { array.string(function.description) }
            }
        }
    }

    /// Shows the settings as they are then.
    func ask(_ question: IntakeFunction, _ members: (inout JSONWriter) -> Void) async throws {
        var writer = JSONWriter()
        writer.object { request in
            members(&request)
            if let store { request.member("store", store) }
        }
        let request = writer.bytes
        try await ClientSession.run(self.options, isForPrograms: self.json) { client in
            let doubt = "It may be done or not; doing it again is safe."
            let bytes = try await client.call(question, request, doubt: doubt)
            let answer = try WorkerDaemonClient.parse(bytes)
            if self.json { Terminal.write(bytes) } else { try Self.show(answer) }
            try MissingStores.check(answer.object?["stores"])
        }
    }

    private static func show(_ answer: JSONValue) throws {
        guard case .array(let stores) = answer.object?["stores"] else {
            throw CommandFailure(.failed, "The worker daemon's answer is not understood: it has no stores.")
        }
        var table = TextTable(header: ["STORE", "FUNCTION", "PAUSED", "IN FLIGHT", "PER SECOND", "QUEUE WATERMARK"])
        for store in stores.compactMap(\.object) {
            guard case .array(let functions) = store["functions"] else { continue }
            for function in functions.compactMap(\.object) {
                let paused = function["paused"] == .bool(true) ? "yes" : "no"
                let limits = [function["in_flight"], function["per_second"], function["queue_watermark"]]
                table.add(
                    [
                        store["store"]?.shown ?? "?",
                        (function["function"] ?? function["function_base64"])?.shown ?? "?", paused,
                    ]
                        + limits.map { $0?.shown ?? "none" })
            }
        }
        Terminal.write(table.text)
    }
}
