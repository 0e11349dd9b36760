import Testing

/// What scripts see: exit codes, and where errors are written.
struct ExitStatusTests {
    /// A port that nobody listens on: it is reserved, and needs a privilege.
    private let nobody = ["--gearman", "127.0.0.1:1"]
    private let id = "01990000-0000-8000-8000-000000000001"

    @Test(arguments: [
        ["submit"], ["get"], ["cancel"], ["submit", "f", "--after", "soon"], ["submit", "f", "--after", "1e3"],
        ["submit", "f", "--at", "tomorrow"], ["submit", "f", "--at", "2026-02-30"], ["submit", "f", "--id", "7"],
        ["submit", "f", "--priority", "urgent"], ["submit", "f", "--max-attempts", "0"], ["submit", ""],
        ["submit", "f", "--after", "1", "--at", "2026-01-01"], ["get", "nothing"], ["list", "--state", "lost"],
        ["submit", "f", "--expires-after", "1", "--expires-at", "2026-01-01"], ["list", "--limit", "0"],
        ["list", "--limit", "1001"], ["--no-such-flag"], ["submit", "f", "one", "two"],
        ["up", "--store", "mariadb://user:secret@host/gear/clock"],
        ["up", "--store", "sqlite:a", "--store", "sqlite:b"],
        ["worker", "--log-level", "loud"], ["worker", "--gearman", "host:port"], ["worker", "--drain-timeout", "-1"],
        ["dispatcher", "--config", "/nowhere/gearclock.yaml"], ["controller", "--store", "sqlite:/nowhere/else/tasks"],
        ["config", "--log-format", "xml"], ["pause"], ["resume", ""], ["limits", "--in-flight", "5"],
        ["limits", "f", "--in-flight", "many"], ["limits", "f", "--per-second", "0x10"], ["limits", "f", "g"],
    ])
    func `wrong usage is exit code 2, said on standard error`(arguments: [String]) async throws {
        let outcome = try await GearclockExecutable.run(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.hasPrefix("Error: "))
        #expect(outcome.output == "")
        #expect(!outcome.errors.contains("secret"))
    }

    @Test(
        arguments: [
            (["submit", "f", "--after", "-1"], "The value '-1' is invalid for '--after <seconds>'"),
            (["submit", "f", "--max-attempts", "-1"], "The value '-1' is invalid for '--max-attempts <count>'"),
            (["submit", "f", "--copies", "-1"], "--copies must be 1 or more."),
            (["list", "--limit", "-1"], "--limit must be 1 to 1000."),
            (["jobserver", "--port", "-1"], "--port is 0 to 65535."),
            (
                ["jobserver", "--job-handle-prefix", String(repeating: "H", count: 43)],
                "--job-handle-prefix has at most 42 bytes."
            ),
            (["worker", "--drain-timeout", "-0.5"], "--drain-timeout: '-0.5' is not"),
            (["limits", "--in-flight", "-1"], "A limit needs the name of a function."),
            (["list", "--json", "-1"], "--json"),
            (["get", "--", "--limit", "-1"], "The value '--limit' is invalid for '<ids>'"),
        ] as [([String], String)])
    func `a negative number is a value, and the error says what is wrong with it`(
        arguments: [String], error: String
    ) async throws {
        let outcome = try await GearclockExecutable.run(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains(error), "\(outcome.errors)")
    }

    private static let unreachable =
        "No job server can be reached. 127.0.0.1:1 is unreachable: connect: Connection refused."

    @Test func `a job server that cannot be reached is exit code 4`() async throws {
        let commands = [
            ["submit", "f"], ["get", self.id], ["cancel", self.id], ["list"], ["stats"], ["pause", "f"], ["limits"],
        ]
        for command in commands {
            let outcome = try await GearclockExecutable.run(command + self.nobody)
            #expect(outcome.status == 4)
            #expect(outcome.errors == "Error: \(Self.unreachable)\n")
            #expect(outcome.output == "")
        }
    }

    @Test func `with --json an error is a JSON object`() async throws {
        let outcome = try await GearclockExecutable.run(["stats", "--json"] + self.nobody)
        #expect(outcome.status == 4)
        #expect(outcome.errors == #"{"code":"unreachable","message":"\#(Self.unreachable)"}"# + "\n")
    }

    @Test func `an error names the variable that is wrong`() async throws {
        let outcome = try await GearclockExecutable.run(["stats"], environment: ["GEARCLOCK_LOG_LEVEL": "loud"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.hasPrefix("Error: GEARCLOCK_LOG_LEVEL: 'loud' is not a log level"))
    }

    @Test func `a store that is no database is exit code 1`() async throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let path = try files.file("tasks", String(repeating: "this is a letter, not a database\n", count: 200))
        let outcome = try await GearclockExecutable.run(["dispatcher", "--store", "sqlite:\(path)"] + self.nobody)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("Error: The store main=sqlite:\(path) cannot be opened"))
    }
}
