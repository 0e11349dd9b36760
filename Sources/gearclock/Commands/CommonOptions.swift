internal import ArgumentParser
internal import Logging

/// The options of every subcommand. Their values stay texts here: ``Settings`` checks them together with those from
/// the environment and the file.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A job server, as HOST or HOST:PORT, with tls:// before it to reach it by TLS; may be repeated. (default: "
                + "127.0.0.1:4730)",
            valueName: "host:port"))
    var gearman: [String] = []

    @OptionGroup var tls: TLSOptions
    @OptionGroup var logging: LoggingOptions

    var config: String? { self.logging.config }

    var flags: [SettingKey: [String]] {
        var flags = self.logging.flags.merging(self.tls.flags) { _, given in given }
        if !self.gearman.isEmpty { flags[.gearman] = self.gearman }
        return flags
    }
}

/// How job servers are reached by TLS. The names are gearmand's.
struct TLSOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The authorities that sign for job servers, PEM. (default: those of the system)", valueName: "file"),
        completion: .file())
    var sslCaFile: String?

    @Option(
        help: ArgumentHelp("The certificate to show to job servers that ask for one, PEM.", valueName: "file"),
        completion: .file())
    var sslCertificate: String?

    @Option(
        help: ArgumentHelp("The key of the certificate, if it stands in another file, PEM.", valueName: "file"),
        completion: .file())
    var sslKey: String?

    @Option(
        help: ArgumentHelp("The name in the job servers' certificates. (default: the host)", valueName: "name"))
    var sslServerName: String?

    var flags: [SettingKey: [String]] {
        var flags: [SettingKey: [String]] = [:]
        flags[.sslCaFile] = self.sslCaFile.map { [$0] }
        flags[.sslCertificate] = self.sslCertificate.map { [$0] }
        flags[.sslKey] = self.sslKey.map { [$0] }
        flags[.sslServerName] = self.sslServerName.map { [$0] }
        return flags
    }
}

/// Where settings are kept, and what is written to the log.
struct LoggingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The configuration file, YAML.", valueName: "file"), completion: .file())
    var config: String?

    @Option(
        help: ArgumentHelp(
            "What is written to standard error: trace, debug, info, notice, warning, error, critical. (default: info)",
            valueName: "level"),
        completion: .list(Logger.Level.allCases.map(\.rawValue)))
    var logLevel: String?

    @Option(
        help: ArgumentHelp("How it is written: text or json. (default: text)", valueName: "format"),
        completion: .list(LogFormat.allCases.map(\.rawValue)))
    var logFormat: String?

    var flags: [SettingKey: [String]] {
        var flags: [SettingKey: [String]] = [:]
        flags[.logLevel] = self.logLevel.map { [$0] }
        flags[.logFormat] = self.logFormat.map { [$0] }
        return flags
    }
}

/// The options of the daemons.
struct DaemonOptions: ParsableArguments {
    @OptionGroup var common: CommonOptions

    @Option(
        help: ArgumentHelp(
            "How long a graceful stop waits for what is under way. (default: 30)", valueName: "seconds"))
    var drainTimeout: String?

    @Option(
        help: ArgumentHelp("Create this file when ready; remove it at the end.", valueName: "path"),
        completion: .file())
    var readyFile: String?

    @OptionGroup var storage: StoreOptions

    func settings(adding others: [SettingKey: [String]]? = nil) async throws -> Settings {
        var flags = self.common.flags
        flags.merge(others ?? [:]) { _, other in other }
        flags[.drainTimeout] = self.drainTimeout.map { [$0] }
        flags[.readyFile] = self.readyFile.map { [$0] }
        flags.merge(self.storage.flags) { _, store in store }
        return try await Settings.load(flags: flags, file: self.common.config, surroundings: .ofThisProcess)
    }
}

/// The daemons that do not bring a database up to date by themselves.
struct MigrationOptions: ParsableArguments {
    @Flag(help: "Make the schema of a MariaDB store, or bring it up to date, as 'gearclock store migrate' does.")
    var migrate = false
}

/// Where tasks are kept.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where tasks are kept: [NAME=]sqlite:PATH or [NAME=]mariadb://USER@HOST,HOST/DATABASE; may be repeated, "
                + "then each with a name and ?number=N. (default: gearclock.sqlite in $XDG_STATE_HOME/gearclock; "
                + "without that variable in /var/lib/gearclock for root, in ~/.local/state/gearclock for others)",
            valueName: "store"))
    var store: [String] = []

    var flags: [SettingKey: [String]] {
        self.store.isEmpty ? [:] : [.store: self.store]
    }
}

/// The options of the subcommands that ask the worker daemon.
struct ClientOptions: ParsableArguments {
    @OptionGroup var common: CommonOptions

    @Option(
        help: ArgumentHelp("How long to wait for the worker daemon's answer. (default: 30)", valueName: "seconds"))
    var answerTimeout: String?

    func settings() async throws -> Settings {
        var flags = self.common.flags
        flags[.answerTimeout] = self.answerTimeout.map { [$0] }
        return try await Settings.load(flags: flags, file: self.common.config, surroundings: .ofThisProcess)
    }
}
