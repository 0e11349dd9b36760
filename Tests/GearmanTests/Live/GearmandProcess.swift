import Foundation
import Gearman
import Synchronization
import Testing

/// A gearmand of its own for a test, on a free port of loopback.
final class GearmandProcess: Sendable {
    /// Where the package of the distribution puts it.
    static let path = "/usr/sbin/gearmand"

    /// False where the program is missing and that is allowed: a build machine must have it.
    static let shouldRun =
        FileManager.default.isExecutableFile(atPath: path) || ProcessInfo.processInfo.environment["CI"] == "true"

    let address: GearmanServerAddress
    private let number: pid_t
    private let ended: Signals<Void>

    /// - Parameter port: a port that is free; nil to find one.
    init(port: Int? = nil) async throws {
        try #require(
            FileManager.default.isExecutableFile(atPath: Self.path),
            "gearmand is missing: install the package gearman-job-server")
        var attempts = port == nil ? 5 : 1
        var started = try await Self.start(port: port ?? Self.likelyPort)
        while !started.isListening, attempts > 1 {
            // Somebody has the port.
            attempts -= 1
            started = try await Self.start(port: Self.likelyPort)
        }
        try #require(started.isListening, "gearmand ended before it listened")
        self.address = GearmanServerAddress(host: "127.0.0.1", port: started.port)
        self.number = started.number
        self.ended = started.ended
    }

    private static let attempts = Atomic(Int(getpid()))

    /// Below the ports that the system gives away by itself, so that it is free again for a restart.
    private static var likelyPort: Int {
        20_000 + self.attempts.wrappingAdd(1, ordering: .relaxed).oldValue % 12_000
    }

    private static func start(
        port: Int
    ) async throws -> (port: Int, number: pid_t, ended: Signals<Void>, isListening: Bool) {
        let log = Pipe()
        let ended = Signals<Void>()
        let listening = Signals<Bool>()
        let process = Process()
        process.executableURL = URL(filePath: Self.path)
        process.arguments = [
            "--listen=127.0.0.1", "--port=\(port)", "--log-file=stderr", "--verbose=INFO", "--threads=1",
        ]
        process.standardError = log
        process.standardOutput = FileHandle.nullDevice
        process.terminationHandler = { _ in
            listening.send(false)
            ended.send(())
        }
        // It says so when it listens; the rest of its log is read and dropped, so that the pipe never fills.
        let start = StartOfLog()
        log.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            if start.add(data, contains: "Adding event for listening socket") { listening.send(true) }
        }
        try process.run()
        return (port, process.processIdentifier, ended, await listening.next() == true)
    }

    deinit {
        kill(self.number, SIGKILL)
    }

    /// Ends it without a chance to say goodbye, and returns when it is gone.
    func killAndWait() async {
        kill(self.number, SIGKILL)
        await self.ended.next()
    }

    /// Stops it where it is: its connections stay, and nothing answers.
    func freeze() {
        kill(self.number, SIGSTOP)
        // The signal is only on its way: a thread that runs on the other core may still answer.
        while self.threadStates.contains(where: { $0 != "T" }) { sched_yield() }
    }
    func thaw() { kill(self.number, SIGCONT) }

    /// One letter for each thread (proc(5)); none if the process is gone.
    private var threadStates: [Substring] {
        let tasks = "/proc/\(self.number)/task"
        return ((try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []).compactMap { thread in
            let stat = try? String(contentsOfFile: "\(tasks)/\(thread)/stat", encoding: .utf8)
            // The name in parentheses before it may have anything inside.
            return stat.flatMap { $0.split(separator: ")").last?.split(separator: " ").first }
        }
    }
}

/// The log up to the line that a test waits for.
private final class StartOfLog: Sendable {
    private let text = Mutex("")

    func add(_ data: Data, contains line: String) -> Bool {
        self.text.withLock { text in
            guard text.utf8.count < 10_000 else { return false }
            text += String(decoding: data, as: UTF8.self)
            return text.contains(line)
        }
    }
}
