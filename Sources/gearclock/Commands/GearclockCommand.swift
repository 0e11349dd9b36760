internal import ArgumentParser

/// The program: its subcommands, and what holds for all of them.
struct GearclockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gearclock",
        abstract: "Delayed, persistent, redundant tasks on any Gearman installation.",
        usage: "gearclock <subcommand> [<options>]",
        discussion: """
            A setting is looked for on the command line, then in the environment, then in the file that --config or \
            GEARCLOCK_CONFIG names, then it has its default. --log-level is GEARCLOCK_LOG_LEVEL in the environment \
            and logLevel in the file, which is YAML. Several values: repeat the flag, put commas into the variable, \
            write a list into the file. Passwords of stores stand in GEARCLOCK_STORE_PASSWORD, or with _NAME behind \
            it for one of them. 'gearclock config' shows what came out of it.

            Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not found, 4 nothing reachable.

            Shell completions: gearclock --generate-completion-script bash (or zsh, fish) > FILE.
            """,
        version: "gearclock \(gearclockVersion)",
        groupedSubcommands: [
            CommandGroup(
                name: "Daemons",
                subcommands: [
                    UpCommand.self, WorkerCommand.self, DispatcherCommand.self, ControllerCommand.self,
                    JobServerCommand.self,
                ]),
            CommandGroup(
                name: "Tasks",
                subcommands: [
                    SubmitCommand.self, GetCommand.self, ListCommand.self, CancelCommand.self, StatsCommand.self,
                ]),
            CommandGroup(name: "Functions", subcommands: [PauseCommand.self, ResumeCommand.self, LimitsCommand.self]),
            CommandGroup(name: "Operation", subcommands: [StoreCommand.self, ConfigCommand.self]),
        ])
}
