internal import Configuration
internal import Foundation

/// The configuration file: YAML, one mapping, its keys those of ``SettingKey``. Anything else in it is refused.
package struct SettingsFile: Sendable {
    /// A larger file is none of ours: a device, or a log.
    private static let sizeLimitBytes = 1 << 20

    package let path: String
    let snapshot: any ConfigSnapshot

    /// Reads and checks a file.
    ///
    /// - Throws: ``CommandFailure`` if it cannot be read, is no YAML mapping, or has a key that nobody knows.
    /// - Returns: `nil` if nothing stands in it but comments.
    package static func load(path: String) async throws -> SettingsFile? {
        let bytes = try Self.read(path)
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        let hasContent = lines.contains { line in
            let text = line.drop(while: \.isWhitespace)
            return !text.isEmpty && !text.hasPrefix("#") && !text.hasPrefix("---")
        }
        guard hasContent else { return nil }

        // A snapshot does not list its keys, but it asks of each one whether it is secret.
        let (keys, continuation) = AsyncStream<String>.makeStream()
        let options = YAMLSnapshot.ParsingOptions(
            secretsSpecifier: .dynamic { key, _ in
                continuation.yield(key)
                return false
            })
        let snapshot: YAMLSnapshot
        do {
            snapshot = try YAMLSnapshot(data: bytes.span.bytes, providerName: path, parsingOptions: options)
        } catch {
            throw CommandFailure(.usage, "The configuration file \(path) is not understood: \(error)")
        }
        continuation.finish()
        var unknown: [String] = []
        for await key in keys where SettingKey(rawValue: key) == nil {
            unknown.append(key)
        }
        guard unknown.isEmpty else {
            let known = SettingKey.allCases.map(\.rawValue).joined(separator: ", ")
            let names = unknown.sorted().joined(separator: ", ")
            throw CommandFailure(.usage, "Unknown in \(path): \(names). The keys are \(known).")
        }
        return SettingsFile(path: path, snapshot: snapshot)
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Foundation.read(descriptor, &part, part.count)
            guard count >= 0 else { throw Self.unreadable(path, String(cString: strerror(errno))) }
            guard count > 0 else { return bytes }
            bytes += part[..<count]
            guard bytes.count <= Self.sizeLimitBytes else {
                throw Self.unreadable(path, "it is larger than \(Self.sizeLimitBytes) bytes")
            }
        }
    }

    private static func unreadable(_ path: String, _ reason: String) -> CommandFailure {
        CommandFailure(.usage, "The configuration file \(path) cannot be read: \(reason).")
    }
}
