internal import Configuration

/// The three places where a setting may stand, in the order in which they are asked: the first that has it wins.
package struct SettingsSources: Sendable {
    private enum Place {
        case flags
        case environment
        case file(path: String)
    }

    private struct Source {
        let place: Place
        let snapshot: any ConfigSnapshot
    }

    private let sources: [Source]
    private let environment: [String: String]

    /// - Parameters:
    ///   - flags: what the command line says; a flag that was not given is missing.
    ///   - environment: all variables of the process. An empty one counts as not set.
    ///   - file: the configuration file, if there is one.
    package init(flags: [SettingKey: [String]], environment: [String: String], file: SettingsFile?) {
        let flagValues = flags.map { key, values in
            let content: ConfigContent = key.isList ? .stringArray(values) : .string(values.last ?? "")
            return (AbsoluteConfigKey([key.rawValue]), ConfigValue(content, isSecret: false))
        }
        let flagProvider = InMemoryProvider(name: "flags", values: Dictionary(uniqueKeysWithValues: flagValues))
        self.environment = environment
        let environmentProvider = EnvironmentVariablesProvider(
            environmentVariables: environment.filter { !$0.value.isEmpty })
        var sources = [
            Source(place: .flags, snapshot: flagProvider.snapshot()),
            Source(place: .environment, snapshot: environmentProvider.snapshot()),
        ]
        if let file {
            sources.append(Source(place: .file(path: file.path), snapshot: file.snapshot))
        }
        self.sources = sources
    }

    /// The texts of a setting, one unless it ``SettingKey/isList``; `nil` if it stands nowhere.
    package func texts(of key: SettingKey) throws -> Sourced<[String]>? {
        for source in self.sources {
            let (name, origin) = Self.name(of: key, in: source.place)
            guard var texts = try Self.texts(of: name, isList: key.isList, in: source.snapshot, origin: origin) else {
                continue
            }
            if case .environment = source.place, key == .store, let value = self.environment[key.environmentVariable] {
                // Commas are also in lists of hosts.
                texts = StoreLocations.split(value)
            }
            guard !texts.isEmpty, !texts.contains("") else {
                throw CommandFailure(.usage, "\(origin): the value is empty.")
            }
            return Sourced(texts, origin)
        }
        return nil
    }

    private static func name(of key: SettingKey, in place: Place) -> (AbsoluteConfigKey, SettingOrigin) {
        switch place {
        case .flags:
            (AbsoluteConfigKey([key.rawValue]), .flag(key.flag))
        case .environment:
            (AbsoluteConfigKey(["gearclock", key.rawValue]), .environment(key.environmentVariable))
        case .file(let path):
            (AbsoluteConfigKey([key.rawValue]), .file(key: key.rawValue, path: path))
        }
    }

    private static func texts(
        of name: AbsoluteConfigKey, isList: Bool, in snapshot: any ConfigSnapshot, origin: SettingOrigin
    ) throws -> [String]? {
        if isList, let value = try? snapshot.value(forKey: name, type: .stringArray).value {
            guard case .stringArray(let texts) = value.content else { return nil }
            return texts
        }
        // Also the YAML form of a list with one entry: a plain value.
        do {
            guard let value = try snapshot.value(forKey: name, type: .string).value else { return nil }
            guard case .string(let text) = value.content else { return nil }
            return [text]
        } catch {
            throw CommandFailure(.usage, "\(origin): a single value is expected here, not a list.")
        }
    }
}
