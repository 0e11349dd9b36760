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
    static var location: URL {
        let tests = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return tests.deletingLastPathComponent().appendingPathComponent("gearclock")
    }
}

/// The built program while it runs, and what it writes to standard error.
struct RunningGearclock {
    private let process = Process()
    private let lines: AsyncStream<String>
    private let ended: AsyncStream<Int32>

    init(_ arguments: [String], environment: [String: String]) throws {
        let (lines, line) = AsyncStream<String>.makeStream()
        let (ended, ending) = AsyncStream<Int32>.makeStream()
        (self.lines, self.ended) = (lines, ended)
        let errors = Pipe()
        // A line comes in one piece: the program writes each at once, and it is shorter than a pipe.
        errors.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                line.finish()
            }
            for text in String(decoding: data, as: UTF8.self).split(separator: "\n") { line.yield(String(text)) }
        }
        self.process.executableURL = GearclockExecutable.location
        self.process.arguments = arguments
        self.process.environment = environment
        self.process.standardOutput = FileHandle.nullDevice
        self.process.standardError = errors
        self.process.terminationHandler = { process in
            ending.yield(process.terminationStatus)
            ending.finish()
        }
        try self.process.run()
    }

    /// The next line that contains a text; `nil` if it ends before.
    func line(containing text: String) async throws -> String? {
        for await line in self.lines where line.contains(text) { return line }
        return nil
    }

    /// Sends SIGTERM.
    func terminate() {
        self.process.terminate()
    }

    /// Its exit code, once it has ended.
    var status: Int32? {
        get async {
            for await status in self.ended { return status }
            return nil
        }
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
