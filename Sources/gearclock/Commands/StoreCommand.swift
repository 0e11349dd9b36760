internal import ArgumentParser
internal import GearclockEnvironment
internal import GearclockMariaDB
internal import GearclockSQLite
internal import Logging

/// What an operator does with the stores themselves, without any daemon.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Migrate, look at and check the stores themselves; no daemon is needed.",
        subcommands: [
            StoreMigrateCommand.self, StoreStatusCommand.self, StoreVerifyCommand.self, StoreCheckSettingsCommand.self,
            StoreGrantsCommand.self,
        ])
}

/// The options of the subcommands of `store`.
struct AdministrationOptions: ParsableArguments {
    @OptionGroup var storage: StoreOptions

    @Option(help: ArgumentHelp("The configuration file, YAML.", valueName: "file"), completion: .file())
    var config: String?

    @Flag(help: "Print JSON, one line for each store; write errors as JSON.")
    var json = false

    /// Asks about each store, prints what is said, and ends as the worst of them does.
    func run(_ ask: (StoreAdministration) async throws -> StoreReport) async throws {
        do {
            let settings = try await Settings.load(
                flags: self.storage.flags, file: self.config, surroundings: .ofThisProcess)
            let clock = SystemClock()
            Log.bootstrap(level: settings.logLevel.value, format: settings.logFormat.value, clock: clock)
            var failures: [CommandFailure] = []
            for location in settings.stores.value {
                let report = try await ask(StoreAdministration(location, clock: clock))
                if self.json {
                    Terminal.write(report.json(store: location.name))
                } else if !report.lines.isEmpty {
                    Terminal.write(report.text(store: location.name))
                }
                if let failure = report.failure(store: location.name) { failures.append(failure) }
            }
            try self.finish(failures)
        } catch var failure as CommandFailure {
            failure.isForPrograms = self.json
            throw failure
        }
    }

    private func finish(_ failures: [CommandFailure]) throws {
        guard var all = failures.first else { return }
        // That something is wrong says more than that something is away.
        all.status = failures.map(\.status).min { $0.rawValue < $1.rawValue } ?? all.status
        all.message = failures.map(\.message).joined(separator: "\nError: ")
        throw all
    }
}

/// Brings the schema of the stores up to date.
struct StoreMigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Make the schema, or bring it up to date.",
        discussion: "It may be repeated, and run anywhere at the same time. Daemons go on meanwhile.")

    @OptionGroup var options: AdministrationOptions

    mutating func run() async throws {
        try await self.options.run { try await $0.migrate() }
    }
}

/// Shows how the stores are.
struct StoreStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the stores and their nodes are.",
        discussion: "Exit code 1: a node is not well. 4: none can be reached.")

    @OptionGroup var options: AdministrationOptions

    mutating func run() async throws {
        try await self.options.run { try await $0.status() }
    }
}

/// Checks tables and rows.
struct StoreVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that tables and rows are as they must be.",
        discussion: "It reads everything and changes nothing. Exit code 1: something is wrong.")

    @OptionGroup var options: AdministrationOptions

    mutating func run() async throws {
        try await self.options.run { try await $0.verify() }
    }
}

/// Compares the settings of the servers with what they should be.
struct StoreCheckSettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-settings",
        abstract: "Compare the settings of the servers with what the promises need.",
        discussion: "What is advised is printed; what is wrong is exit code 1.")

    @OptionGroup var options: AdministrationOptions

    mutating func run() async throws {
        try await self.options.run { try await $0.checkSettings() }
    }
}

/// Prints the rights that an account needs.
struct StoreGrantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grants",
        abstract: "Print the rights that the account of a MariaDB store needs, as SQL.",
        discussion: "Nobody is asked. The account itself, and its password, you make.")

    @Option(help: ArgumentHelp("From where the account comes: an address, a name, a pattern.", valueName: "host"))
    var host = "%"

    @OptionGroup var options: AdministrationOptions

    mutating func run() async throws {
        let host = self.host
        try await self.options.run { $0.grants(host: host) }
    }
}
