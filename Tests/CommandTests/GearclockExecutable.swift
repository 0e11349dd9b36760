import Foundation

/// The built program, run as a user runs it.
struct GearclockExecutable {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs it to its end. Its environment is empty but for what is given.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String = ""
    ) async throws -> Outcome {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        // Files and not pipes: nobody has to read them while it runs.
        let (input, output, errors) = (
            try files.file("input", input), try files.file("output", ""), try files.file("errors", "")
        )
        let process = Process()
        process.executableURL = Self.location
        process.arguments = arguments
        process.environment = ["HOME": files.path].merging(environment) { _, given in given }
        process.currentDirectoryURL = URL(fileURLWithPath: files.path)
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
        let (ended, continuation) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { process in
            continuation.yield(process.terminationStatus)
            continuation.finish()
        }
        try process.run()
        var status: Int32 = -1
        for await ending in ended { status = ending }
        return Outcome(
            status: status, output: try String(contentsOfFile: output, encoding: .utf8),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }

    /// It is built into the directory of the tests.
    private static var location: URL {
        let tests = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return tests.deletingLastPathComponent().appendingPathComponent("gearclock")
    }
}

/// A directory for one test.
struct TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/gearclock-command-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes a file and returns its path.
    func file(_ name: String, _ text: String) throws -> String {
        let path = self.path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    func permissions(of name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: self.path + "/" + name)[.posixPermissions] as? Int
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: self.path)
    }
}
