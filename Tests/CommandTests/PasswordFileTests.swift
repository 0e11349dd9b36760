import Foundation
import Testing
import gearclock

struct PasswordFileTests {
    @Test(arguments: [
        ("secret", "secret"), ("secret\n", "secret"), ("secret\r\n", "secret"), (" a b ", " a b "), ("ä\n", "ä"),
    ])
    func `the newline at the end is not part of the password`(text: String, password: String) throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        #expect(try PasswordFile(path: files.file("password", text)).password == password)
    }

    @Test(arguments: ["", "\n", "secret\n\n", "secret\nmore", "sec\0ret", String(repeating: "secret", count: 700)])
    func `what is no password is refused without being shown`(text: String) throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let path = try files.file("password", text)
        let failure = try #require(throws: CommandFailure.self) { try PasswordFile(path: path) }
        #expect(failure.status == .usage && failure.message.contains(path))
        #expect(!failure.message.replacing(path, with: "").contains("sec"))
    }

    @Test func `a directory or a missing file is refused`() throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        #expect(throws: CommandFailure.self) { try PasswordFile(path: files.path) }
        #expect(throws: CommandFailure.self) { try PasswordFile(path: files.path + "/missing") }
    }

    @Test(arguments: [(0o600, false), (0o640, false), (0o644, true), (0o404, true)])
    func `it is known who can read it`(permissions: Int, isReadableByAll: Bool) throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let path = try files.file("password", "secret")
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
        #expect(try PasswordFile(path: path).isReadableByAll == isReadableByAll)
    }
}
