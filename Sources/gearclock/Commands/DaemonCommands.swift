internal import ArgumentParser

/// All three daemons in one process, which hand over by function calls.
struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run worker, dispatcher and controller in one process.",
        discussion: """
            Without --gearman it runs a job server of its own at 127.0.0.1:4730, or uses the one that is there. It \
            makes the schema of a MariaDB store, or brings it up to date. SIGTERM or SIGINT: takes \
            nothing more in, finishes what is under way and ends; a second one ends it at once, which loses nothing \
            either.
            """)

    @OptionGroup var options: DaemonOptions

    mutating func run() async throws {
        let settings = try await self.options.settings()
        try await DaemonProcess.run(
            [.worker, .dispatcher, .controller], name: "up", settings: settings, migrates: true,
            hasJobServer: settings.gearman.origin == .standard)
    }
}

/// The worker daemon alone.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Run the daemon that takes tasks in and answers questions about them.")

    @OptionGroup var options: DaemonOptions
    @OptionGroup var migration: MigrationOptions

    mutating func run() async throws {
        try await DaemonProcess.run(
            [.worker], name: "worker", settings: self.options.settings(), migrates: self.migration.migrate)
    }
}

/// The dispatcher alone; it reaches controllers through the job servers.
struct DispatcherCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dispatcher",
        abstract: "Run the daemon that claims due tasks and hands them to a controller.")

    @OptionGroup var options: DaemonOptions
    @OptionGroup var migration: MigrationOptions

    mutating func run() async throws {
        try await DaemonProcess.run(
            [.dispatcher], name: "dispatcher", settings: self.options.settings(), migrates: self.migration.migrate)
    }
}

/// The controller alone; dispatchers reach it through the job servers.
struct ControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "controller",
        abstract: "Run the daemon that has tasks run through Gearman and settles them.")

    @OptionGroup var options: DaemonOptions
    @OptionGroup var migration: MigrationOptions

    mutating func run() async throws {
        try await DaemonProcess.run(
            [.controller], name: "controller", settings: self.options.settings(), migrates: self.migration.migrate)
    }
}
