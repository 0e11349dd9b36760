import Foundation

/// Certificates of two authorities that only tests know, in a directory of their own: see the script `make`.
package final class TestCertificates: Sendable {
    package struct Failure: Error {
        /// What openssl said.
        let log: String
    }

    private let directory: URL

    package init() async throws {
        var path = Array(FileManager.default.temporaryDirectory.appending(path: "certificates-XXXXXX").path.utf8CString)
        guard mkdtemp(&path) != nil else { throw Failure(log: "mkdtemp: \(String(cString: strerror(errno)))") }
        self.directory = URL(filePath: String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))
        try await Self.make(in: self.directory.path)
    }

    deinit {
        try? FileManager.default.removeItem(at: self.directory)
    }

    /// The path of one of them.
    package func file(_ name: String) -> String { self.directory.appending(path: name).path }

    /// Makes them in a directory that is there. No thread waits for it: other tests may need it.
    package static func make(in directory: String) async throws {
        let process = Process()
        process.executableURL = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "make")
        process.arguments = [directory]
        let status = try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Int32, any Error>) in
            process.terminationHandler = { ended.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { ended.resume(throwing: error) }
        }
        guard status == 0 else {
            throw Failure(log: (try? String(contentsOfFile: "\(directory)/openssl.log", encoding: .utf8)) ?? "")
        }
    }
}
