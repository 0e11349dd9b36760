import Foundation

/// Certificates of two authorities that only tests know, in a directory of their own: see the script `make`.
package final class TestCertificates: Sendable {
    package struct Failure: Error {
        /// What openssl said.
        let log: String
    }

    private let directory: URL

    package init() throws {
        var path = Array(FileManager.default.temporaryDirectory.appending(path: "certificates-XXXXXX").path.utf8CString)
        guard mkdtemp(&path) != nil else { throw Failure(log: "mkdtemp: \(String(cString: strerror(errno)))") }
        self.directory = URL(filePath: String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
        try Self.make(in: self.directory.path)
    }

    deinit {
        try? FileManager.default.removeItem(at: self.directory)
    }

    /// The path of one of them.
    package func file(_ name: String) -> String { self.directory.appending(path: name).path }

    /// Makes them in a directory that is there.
    package static func make(in directory: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "make")
        process.arguments = [directory]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(log: (try? String(contentsOfFile: "\(directory)/openssl.log", encoding: .utf8)) ?? "")
        }
    }
}
