internal import ArgumentParser
internal import GearclockCore
internal import Gearman
internal import Logging

/// Shows the settings and their origins.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print the settings that are in effect, and where each comes from.",
        discussion: "The output is a configuration file: YAML, with the origins as comments.")

    @Flag(help: "Print JSON; write errors as JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    @Option(
        help: ArgumentHelp("How long to wait for the worker daemon's answer. (default: 30)", valueName: "seconds"))
    var answerTimeout: String?

    mutating func run() async throws {
        do {
            let settings = try await self.options.settings(adding: self.answerTimeout.map { [.answerTimeout: [$0]] })
            Terminal.write(self.json ? settings.json : settings.yaml)
        } catch var failure as CommandFailure {
            failure.isForPrograms = self.json
            throw failure
        }
    }
}

extension Settings {
    private enum Shown {
        case list([String])
        case text(String)
        case seconds(DecimalSeconds)
        case nothing

        init(_ text: String?) {
            self = text.map { .text($0) } ?? .nothing
        }
    }

    private var shown: [(key: SettingKey, value: Shown, origin: SettingOrigin)] {
        SettingKey.allCases.map { key in
            switch key {
            case .gearman: (key, .list(self.gearman.value.map(\.description)), self.gearman.origin)
            case .sslCaFile: (key, Shown(self.sslCaFile.value), self.sslCaFile.origin)
            case .sslCertificate: (key, Shown(self.sslCertificate.value), self.sslCertificate.origin)
            case .sslKey: (key, Shown(self.sslKey.value), self.sslKey.origin)
            case .sslServerName: (key, Shown(self.sslServerName.value), self.sslServerName.origin)
            case .store: (key, .list(self.stores.value.map(\.description)), self.stores.origin)
            case .logLevel: (key, .text(self.logLevel.value.rawValue), self.logLevel.origin)
            case .logFormat: (key, .text(self.logFormat.value.rawValue), self.logFormat.origin)
            case .readyFile: (key, Shown(self.readyFile.value), self.readyFile.origin)
            case .drainTimeout: (key, .seconds(self.drainTimeout.value), self.drainTimeout.origin)
            case .answerTimeout: (key, .seconds(self.answerTimeout.value), self.answerTimeout.origin)
            }
        }
    }

    /// A configuration file that has the same effect.
    package var yaml: String {
        let lines = self.shown.map { key, value, origin in
            let text =
                switch value {
                case .list(let texts): "[" + texts.map(jsonQuoted).joined(separator: ", ") + "]"
                case .text(let text): jsonQuoted(text)
                case .seconds(let seconds): seconds.text
                case .nothing: ""
                }
            // What is not set must not be in a file: an empty value is refused there.
            return (text.isEmpty ? "# \(key.rawValue):" : "\(key.rawValue): \(text)") + "  # \(origin)"
        }
        return lines.joined(separator: "\n")
    }

    /// `{"logLevel":{"value":"info","origin":"default"},…}`
    package var json: String {
        let members = self.shown.map { key, value, origin in
            let text =
                switch value {
                case .list(let texts): "[" + texts.map(jsonQuoted).joined(separator: ",") + "]"
                case .text(let text): jsonQuoted(text)
                case .seconds(let seconds): seconds.text
                case .nothing: "null"
                }
            return "\(jsonQuoted(key.rawValue)):{\"value\":\(text),\"origin\":\(jsonQuoted(origin.description))}"
        }
        return "{" + members.joined(separator: ",") + "}"
    }
}
