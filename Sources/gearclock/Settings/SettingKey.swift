/// A setting that flags, the environment and the configuration file share; the raw value is its key in the file.
package enum SettingKey: String, CaseIterable, Sendable {
    case gearman
    case sslCaFile
    case sslCertificate
    case sslKey
    case sslServerName
    case store
    case logLevel
    case logFormat
    case readyFile
    case drainTimeout
    case answerTimeout

    /// The words of the key, in lower case: `log`, `level`.
    private var words: [String] {
        var words = [""]
        for character in self.rawValue {
            if character.isUppercase { words.append("") }
            words[words.count - 1] += character.lowercased()
        }
        return words
    }

    /// `--log-level`
    package var flag: String {
        "--" + self.words.joined(separator: "-")
    }

    /// `GEARCLOCK_LOG_LEVEL`
    package var environmentVariable: String {
        "GEARCLOCK_" + self.words.joined(separator: "_").uppercased()
    }

    /// Whether it may be given several times.
    package var isList: Bool {
        switch self {
        case .gearman, .store: true
        case .sslCaFile, .sslCertificate, .sslKey, .sslServerName, .logLevel, .logFormat, .readyFile, .drainTimeout,
            .answerTimeout:
            false
        }
    }
}

/// Where the value of a setting came from. It is what an error message names, so that one knows what to correct.
package enum SettingOrigin: Equatable, Sendable, CustomStringConvertible {
    case flag(String)
    case environment(String)
    case file(key: String, path: String)
    case standard

    package var description: String {
        switch self {
        case .flag(let flag): flag
        case .environment(let variable): variable
        case .file(let key, let path): "\(key) in \(path)"
        case .standard: "default"
        }
    }
}

/// A value, and where it came from.
package struct Sourced<Value> {
    package var value: Value
    package var origin: SettingOrigin

    package init(_ value: Value, _ origin: SettingOrigin) {
        self.value = value
        self.origin = origin
    }
}

extension Sourced: Sendable where Value: Sendable {}
extension Sourced: Equatable where Value: Equatable {}
