internal import Foundation

/// A file that holds the password of a store, and nothing else.
package struct PasswordFile: Equatable, Sendable {
    /// A longer one is no password: a device, or a log.
    private static let sizeLimitBytes = 4096

    /// What stands in it, without the newline at its end.
    package let password: String
    /// Users who are neither its owner nor in its group may read it. That is said, and not refused: containers are
    /// given their secrets this way.
    package let isReadableByAll: Bool

    /// - Throws: ``CommandFailure``, with the path and without a word of what stands there.
    package init(path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Self.failure(path, "it is not a file")
        }
        self.isReadableByAll = status.st_mode & S_IROTH != 0
        var bytes = [UInt8](repeating: 0, count: Self.sizeLimitBytes + 1)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw Self.failure(path, String(cString: strerror(errno))) }
        guard count <= Self.sizeLimitBytes else { throw Self.failure(path, "it is too long for a password") }
        var text = bytes[..<count]
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        if text.last == UInt8(ascii: "\r") { text.removeLast() }
        guard !text.isEmpty, !text.contains(0), let password = String(validating: text, as: UTF8.self) else {
            throw Self.failure(path, "it is empty, or not one line of UTF-8")
        }
        guard !password.contains(where: \.isNewline) else { throw Self.failure(path, "it has several lines") }
        self.password = password
    }

    private static func failure(_ path: String, _ reason: String) -> CommandFailure {
        CommandFailure(.usage, "The password file \(path) cannot be used: \(reason).")
    }
}
