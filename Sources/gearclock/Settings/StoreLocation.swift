internal import Foundation
package import GearclockMariaDB
internal import Logging

/// Where a store is: `[NAME=]sqlite:PATH[?number=N]` or `[NAME=]mariadb://…`.
package struct StoreLocation: Equatable, Sendable, CustomStringConvertible {
    package enum Place: Equatable, Sendable {
        /// The absolute path of a database file.
        case sqlite(path: String)
        case mariadb(MariaDBURL)
    }

    /// What receipts and logs call it; `main` unless the location names it.
    package var name: String
    package var place: Place
    /// Which of several stores it is, as the location says; a single store is number 0 without saying so.
    package var givenNumber: UInt16?
    /// Whether nobody asked for this place, so that its directory is made when it is missing.
    package var isStandard = false
    /// Whether its password stands in the location itself.
    package private(set) var hasWrittenPassword = false

    package var number: UInt16 { self.givenNumber ?? 0 }

    private static let forms = "write sqlite:PATH or mariadb://USER@HOST,HOST/DATABASE"

    /// Reads a location.
    ///
    /// - Parameter directory: what a relative path starts from.
    /// - Throws: ``CommandFailure`` that says what is wrong, without the secrets that the text may hold.
    package init(_ text: String, directory: String, origin: SettingOrigin) throws {
        let (name, url) = Self.splitName(text)
        self.name = name ?? "main"
        let scheme = url.prefix { $0 != ":" }
        guard scheme.count < url.count else {
            throw CommandFailure(.usage, "\(origin): this is not a store; \(Self.forms).")
        }
        switch scheme {
        case "sqlite":
            let rest = url.dropFirst("sqlite:".count)
            let path = rest.prefix { $0 != "?" }
            self.place = .sqlite(path: try Self.path(in: path, directory: directory, origin: origin))
            self.givenNumber = try Self.number(in: rest[path.endIndex...], origin: origin)
        case "mariadb", "mysql":
            do {
                let url = try MariaDBURL(url)
                self.place = .mariadb(url)
                self.givenNumber = url.number
                self.hasWrittenPassword = url.configuration.password != nil
            } catch {
                throw CommandFailure(.usage, "\(origin): the store \(self.name) is not understood: \(error).")
            }
        default:
            throw CommandFailure(.usage, "\(origin): '\(scheme)' is not a kind of store; \(Self.forms).")
        }
    }

    private init(standardPath: String) {
        self.name = "main"
        self.place = .sqlite(path: standardPath)
        self.isStandard = true
    }

    /// A location with the same effect, but for the password, which it never has.
    package var description: String {
        switch self.place {
        case .sqlite(let path):
            "\(self.name)=sqlite:\(path)" + (self.givenNumber.map { "?number=\($0)" } ?? "")
        case .mariadb(let url):
            "\(self.name)=\(url)"
        }
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
        guard case .sqlite(let path) = self.place else { return }
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
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

    private static func splitName(_ text: String) -> (name: String?, url: Substring) {
        guard let equals = text.firstIndex(of: "="), isStoreName(text[..<equals]) else { return (nil, text[...]) }
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

    private static func number(in rest: Substring, origin: SettingOrigin) throws -> UInt16? {
        if rest.isEmpty { return nil }
        let digits = rest.hasPrefix("?number=") ? rest.dropFirst("?number=".count) : ""
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = UInt16(digits), number <= 4095
        else {
            throw CommandFailure(
                .usage, "\(origin): behind the path of a SQLite store stands ?number=N, 0 to 4095, or nothing.")
        }
        return number
    }
}

extension MariaDBURL {
    /// The configuration with the password, also if that is in a file; and what is to be said about the file.
    ///
    /// - Throws: ``CommandFailure`` if the file cannot be used.
    func configurationWithPassword() throws -> (configuration: MariaDBConfiguration, warning: Logger.Message?) {
        guard let passwordFile else { return (self.configuration, nil) }
        let file = try PasswordFile(path: passwordFile)
        var configuration = self.configuration
        configuration.password = MariaDBConfiguration.Secret(file.password)
        return (configuration, file.isReadableByAll ? "All users of this machine can read the password file" : nil)
    }
}

/// What may stand before the `=` of a location.
func isStoreName(_ text: Substring) -> Bool {
    !text.isEmpty
        && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
}
