import Foundation

/// A conversation with gearmand as `Fixtures/sessions` keeps it; its README.txt describes the format.
struct SessionScript {
    enum Step: Equatable {
        case open(String)
        case close(String)
        case send(String, [UInt8])
        case expect(String, [UInt8])
        case quiet(String, seconds: Double)
        case sleep(seconds: Double)
        case closedByServer(String)
        case signal(String)
        case exited
    }

    let name: String
    var options: [Substring] = []
    private(set) var steps: [Step] = []

    init(_ file: URL) throws {
        self.name = file.deletingPathExtension().lastPathComponent
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            if line.hasPrefix("# server:") {
                self.options = words.filter { $0.hasPrefix("--") }
            } else if !line.hasPrefix("#") {
                self.steps.append(try Self.step(words))
            }
        }
    }

    private static func step(_ words: [Substring]) throws -> Step {
        let name = words.count > 2 ? String(words[2]) : ""
        switch (words[0], words[1]) {
        case (">", let connection): return .send(String(connection), try self.bytes(ofHex: words[2]))
        case ("<", let connection): return .expect(String(connection), try self.bytes(ofHex: words[2]))
        case ("@", "open"): return .open(name)
        case ("@", "close"): return .close(name)
        case ("@", "closed-by-server"): return .closedByServer(name)
        case ("@", "quiet"): return .quiet(name, seconds: try self.seconds(words[3]))
        case ("@", "sleep"): return .sleep(seconds: try self.seconds(words[2]))
        case ("@", "signal"): return .signal(name)
        case ("@", "exited"): return .exited
        default: throw Malformed(line: words.joined(separator: " "))
        }
    }

    static func bytes(ofHex text: some StringProtocol) throws -> [UInt8] {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { throw Malformed(line: String(text)) }
        return try stride(from: 0, to: digits.count, by: 2).map { index in
            guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else {
                throw Malformed(line: String(text))
            }
            return byte
        }
    }

    private static func seconds(_ text: Substring) throws -> Double {
        guard let seconds = Double(text) else { throw Malformed(line: String(text)) }
        return seconds
    }

    /// All of them, but those that need a store: the model keeps its jobs in memory.
    static func all() throws -> [SessionScript] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/sessions")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter {
                $0.pathExtension == "txt" && !["README.txt", "sqlite-restart.txt"].contains($0.lastPathComponent)
            }
            .sorted { $0.path < $1.path }.map(SessionScript.init)
    }

    struct Malformed: Error {
        let line: String
    }
}
