internal import Foundation
internal import GearclockCore
internal import Gearman
package import Logging

/// All settings, checked, each with the place it came from.
package struct Settings: Sendable {
    package var gearman: Sourced<[JobServerLocation]>
    /// The authorities of job servers that are reached by TLS; nil: those of the system.
    package var sslCaFile: Sourced<String?>
    /// What is shown to job servers that ask for a certificate, and the key if it stands in another file.
    package var sslCertificate: Sourced<String?>
    package var sslKey: Sourced<String?>
    /// The name in the certificates of job servers; nil: the host of each.
    package var sslServerName: Sourced<String?>
    /// Not empty; each with a name and a number of its own.
    package var stores: Sourced<[StoreLocation]>
    package var logLevel: Sourced<Logger.Level>
    package var logFormat: Sourced<LogFormat>
    /// The file that says, by being there, that a daemon is ready.
    package var readyFile: Sourced<String?>
    /// How long a daemon that was asked to stop waits for what is under way.
    package var drainTimeout: Sourced<DecimalSeconds>
    /// How long a client subcommand waits for the worker daemon's answer.
    package var answerTimeout: Sourced<DecimalSeconds>

    /// What the process was started with, besides the command line.
    package struct Surroundings: Sendable {
        package var environment: [String: String]
        package var directory: String
        package var isRoot: Bool

        package init(environment: [String: String], directory: String, isRoot: Bool) {
            self.environment = environment
            self.directory = directory
            self.isRoot = isRoot
        }

        package static var ofThisProcess: Surroundings {
            Surroundings(
                environment: ProcessInfo.processInfo.environment,
                directory: FileManager.default.currentDirectoryPath, isRoot: geteuid() == 0)
        }
    }

    /// Reads the environment and the configuration file, and puts everything together.
    ///
    /// - Parameters:
    ///   - flags: what the command line says.
    ///   - file: the configuration file that the command line names; otherwise `GEARCLOCK_CONFIG` may.
    /// - Throws: ``CommandFailure`` that names the flag, the variable or the key that is wrong.
    package static func load(
        flags: [SettingKey: [String]], file: String?, surroundings: Surroundings
    ) async throws -> Settings {
        let variable = surroundings.environment["GEARCLOCK_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        var settingsFile: SettingsFile?
        if let path = file ?? variable {
            settingsFile = try await SettingsFile.load(path: path)
        }
        let sources = SettingsSources(
            flags: flags, environment: surroundings.environment, file: settingsFile)
        return try Settings(sources, surroundings: surroundings)
    }

    private init(_ sources: SettingsSources, surroundings: Surroundings) throws {
        let usual = JobServerLocation(GearmanServerAddress(host: "127.0.0.1"))
        self.gearman = try Self.value(of: .gearman, in: sources, standard: [usual], Self.servers)
        self.sslCaFile = try Self.text(of: .sslCaFile, in: sources)
        self.sslCertificate = try Self.text(of: .sslCertificate, in: sources)
        self.sslKey = try Self.text(of: .sslKey, in: sources)
        self.sslServerName = try Self.text(of: .sslServerName, in: sources)
        self.stores = try Self.stores(in: sources, surroundings: surroundings)
        self.logLevel = try Self.value(of: .logLevel, in: sources, standard: .info) { texts, origin in
            try Self.choice(texts, origin, among: Logger.Level.allCases, what: "a log level")
        }
        self.logFormat = try Self.value(of: .logFormat, in: sources, standard: .text) { texts, origin in
            try Self.choice(texts, origin, among: LogFormat.allCases, what: "a log format")
        }
        self.readyFile = try Self.text(of: .readyFile, in: sources)
        let halfAMinute = Self.seconds("30")
        self.drainTimeout = try Self.value(of: .drainTimeout, in: sources, standard: halfAMinute, Self.seconds)
        self.answerTimeout = try Self.value(of: .answerTimeout, in: sources, standard: halfAMinute, Self.seconds)
        try self.checkTLS()
    }

    private static func value<Value>(
        of key: SettingKey, in sources: SettingsSources, standard: @autoclosure () throws -> Value,
        _ parse: (_ texts: [String], _ origin: SettingOrigin) throws -> Value
    ) throws -> Sourced<Value> {
        guard let texts = try sources.texts(of: key) else { return try Sourced(standard(), .standard) }
        return try Sourced(parse(texts.value, texts.origin), texts.origin)
    }

    private static func text(of key: SettingKey, in sources: SettingsSources) throws -> Sourced<String?> {
        try Self.value(of: key, in: sources, standard: nil) { texts, _ in texts.first }
    }

    /// Whether a password stands where every user of this machine can read it.
    package var hasVisiblePassword: Bool {
        guard case .flag = self.stores.origin else { return false }
        return self.stores.value.contains(where: \.hasWrittenPassword)
    }

    private static func stores(
        in sources: SettingsSources, surroundings: Surroundings
    ) throws -> Sourced<[StoreLocation]> {
        let standard = {
            try StoreLocation.standard(environment: surroundings.environment, isRoot: surroundings.isRoot)
        }
        return try Self.value(of: .store, in: sources, standard: [standard()]) { texts, origin in
            let locations = try texts.map { try StoreLocation($0, directory: surroundings.directory, origin: origin) }
            try StoreLocations.check(locations, origin: origin)
            return locations.map { StoreLocations.addPasswords(to: $0, from: surroundings.environment) }
        }
    }

    private static func choice<Choice: RawRepresentable<String>>(
        _ texts: [String], _ origin: SettingOrigin, among choices: [Choice], what: String
    ) throws -> Choice {
        let text = texts.first ?? ""
        guard let choice = Choice(rawValue: text) else {
            let names = choices.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure(.usage, "\(origin): '\(text)' is not \(what) (\(names)).")
        }
        return choice
    }

    private static func seconds(_ texts: [String], _ origin: SettingOrigin) throws -> DecimalSeconds {
        let text = texts.first ?? ""
        guard let seconds = DecimalSeconds(text) else {
            throw CommandFailure(.usage, "\(origin): '\(text)' is not a number of seconds, as 30 or 0.5.")
        }
        return seconds
    }

    private static func seconds(_ text: StaticString) -> DecimalSeconds {
        guard let seconds = DecimalSeconds("\(text)") else { preconditionFailure("Invalid default: \(text)") }
        return seconds
    }
}
