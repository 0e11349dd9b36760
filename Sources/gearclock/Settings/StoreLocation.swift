internal import Foundation

/// Where a store is: `[NAME=]sqlite:PATH`.
package struct StoreLocation: Equatable, Sendable, CustomStringConvertible {
    /// What receipts and logs call it; `main` unless the location names it.
    package var name: String
    /// The absolute path of the database file.
    package var path: String
    /// Whether nobody asked for this place, so that its directory is made when it is missing.
    package var isStandard = false

    /// Reads a location.
    ///
    /// - Parameter directory: what a relative path starts from.
    /// - Throws: ``CommandFailure`` that says what is wrong, without the secrets that the text may hold.
    package init(_ text: String, directory: String, origin: SettingOrigin) throws {
        let (name, url) = Self.splitName(text)
        self.name = name ?? "main"
        let scheme = url.prefix { $0 != ":" }
        guard scheme.count < url.count else {
            throw CommandFailure(.usage, "\(origin): '\(Self.redacted(text))' is not a store; write sqlite:PATH.")
        }
        switch scheme {
        case "sqlite":
            self.path = try Self.path(in: url.dropFirst("sqlite:".count), directory: directory, origin: origin)
        case "mariadb", "mysql":
            throw CommandFailure(
                .usage, "\(origin): MariaDB stores are not supported by this version; write sqlite:PATH.")
        default:
            throw CommandFailure(.usage, "\(origin): '\(scheme)' is not a kind of store; write sqlite:PATH.")
        }
    }

    private init(standardPath: String) {
        self.name = "main"
        self.path = standardPath
        self.isStandard = true
    }

    package var description: String {
        "\(self.name)=sqlite:\(self.path)"
    }

    /// Where tasks are kept if nobody says otherwise: `gearclock.sqlite` in `$XDG_STATE_HOME/gearclock`; without that
    /// variable in `/var/lib/gearclock` for root and in `~/.local/state/gearclock` for everybody else.
    package static func standard(environment: [String: String], isRoot: Bool) throws -> StoreLocation {
        let directory: String
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
            // The standard says that a relative path in it is to be ignored.
            directory = state + "/gearclock"
        } else if isRoot {
            directory = "/var/lib/gearclock"
        } else if let home = environment["HOME"], home.hasPrefix("/") {
            directory = home + "/.local/state/gearclock"
        } else {
            throw CommandFailure(.usage, "There is no home directory for the tasks; say where by --store sqlite:PATH.")
        }
        return StoreLocation(standardPath: directory + "/gearclock.sqlite")
    }

    /// Makes the directory of the standard place; that of any other must be there.
    package func prepareDirectory() throws {
        let directory = URL(fileURLWithPath: self.path).deletingLastPathComponent().path
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory), isDirectory.boolValue {
            return
        }
        guard self.isStandard else {
            throw CommandFailure(.usage, "The store \(self) cannot be opened: there is no directory \(directory).")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(.failed, "The directory \(directory) cannot be made: \(error.localizedDescription)")
        }
    }

    /// A location without the password that it may hold, for messages.
    package static func redacted(_ text: String) -> String {
        guard let at = text.lastIndex(of: "@"), let scheme = text.range(of: "://"), scheme.upperBound < at,
            let colon = text[scheme.upperBound..<at].firstIndex(of: ":")
        else { return text }
        return text[...colon] + "***" + text[at...]
    }

    private static func splitName(_ text: String) -> (name: String?, url: Substring) {
        guard let equals = text.firstIndex(of: "="), !text[..<equals].isEmpty else { return (nil, text[...]) }
        let isNamePart = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber || "-_.".contains(character))
        }
        guard text[..<equals].allSatisfy(isNamePart) else { return (nil, text[...]) }
        return (String(text[..<equals]), text[text.index(after: equals)...])
    }

    private static func path(in rest: Substring, directory: String, origin: SettingOrigin) throws -> String {
        var path = String(rest)
        if path.hasPrefix("//") {
            path.removeFirst(2)
            guard path.hasPrefix("/") else {
                throw CommandFailure(.usage, "\(origin): a SQLite store has no host; write sqlite:PATH.")
            }
        }
        guard !path.isEmpty, !path.hasSuffix("/"), !path.contains("\0") else {
            throw CommandFailure(.usage, "\(origin): the path of a file is missing; write sqlite:PATH.")
        }
        guard path != ":memory:" else {
            throw CommandFailure(.usage, "\(origin): tasks in memory would be lost; write sqlite:PATH.")
        }
        return path.hasPrefix("/") ? path : directory + "/" + path
    }
}
