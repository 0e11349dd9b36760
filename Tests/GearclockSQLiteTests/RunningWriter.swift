import Foundation
import GearclockCore

/// A process that changes a store, see `gearclock-store-writer`.
final class RunningWriter {
    /// What it said, as far as it was read.
    private(set) var acknowledged = Acknowledged()
    private let process = Process()
    private let output = Pipe()
    private var unread: [UInt8] = []

    /// - Parameters:
    ///   - seed: what it does, repeated exactly if it is alone.
    ///   - fileLimitKibibytes: the system fails to write what is beyond that in any file.
    init(path: String, seed: UInt64, fileLimitKibibytes: Int? = nil) throws {
        // Beside the tests themselves, where the package manager puts all that it builds.
        let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let writer = products.appending(path: "gearclock-store-writer")
        if let fileLimitKibibytes {
            self.process.executableURL = URL(fileURLWithPath: "/bin/sh")
            // The unit is 512 bytes; the signal would kill the writer before it sees the error.
            let script = "ulimit -f \(fileLimitKibibytes * 2); trap '' XFSZ; exec \"$0\" \"$@\""
            self.process.arguments = ["-c", script, writer.path, path, "\(seed)"]
        } else {
            self.process.executableURL = writer
            self.process.arguments = [path, "\(seed)"]
        }
        self.process.standardOutput = self.output
        try self.process.run()
    }

    /// Waits until it has said so many lines more.
    /// - Returns: whether it has; not, if it ended before.
    func read(lines count: Int) -> Bool {
        var left = count
        while left > 0 {
            let data = self.output.fileHandleForReading.availableData
            if data.isEmpty { return false }
            left -= self.take(data)
        }
        return true
    }

    /// Kills it where it stands (`kill -9`) and reads what it had said until then.
    func kill() {
        if self.process.isRunning { Foundation.kill(self.process.processIdentifier, SIGKILL) }
        _ = self.take(self.output.fileHandleForReading.readDataToEndOfFile())
        self.process.waitUntilExit()
    }

    /// Reads what it says until it ends by itself.
    func readToEnd() {
        _ = self.take(self.output.fileHandleForReading.readDataToEndOfFile())
        self.process.waitUntilExit()
    }

    private func take(_ data: Data) -> Int {
        self.unread += data
        let lines = self.unread.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for line in lines.dropLast() { self.acknowledged.add(String(decoding: line, as: UTF8.self)) }
        self.unread = Array(lines.last ?? [])
        return lines.count - 1
    }
}

/// What writers have said about tasks.
struct Acknowledged {
    var stored: Set<TaskID> = []
    var completing: Set<TaskID> = []
    var completed: [TaskID] = []
    /// How calls failed.
    var failures: [String] = []
    /// Lines that were not understood.
    var strange: [String] = []

    mutating func add(_ line: String) {
        if line.hasPrefix("failed ") { return self.failures.append(line) }
        let words = line.split(separator: " ")
        guard words.count == 2, let id = TaskID(words[1]) else { return self.strange.append(line) }
        switch words[0] {
        case "stored": self.stored.insert(id)
        case "completing": self.completing.insert(id)
        case "completed": self.completed.append(id)
        default: self.strange.append(line)
        }
    }

    mutating func formUnion(_ other: Acknowledged) {
        self.stored.formUnion(other.stored)
        self.completing.formUnion(other.completing)
        self.completed += other.completed
        self.failures += other.failures
        self.strange += other.strange
    }
}
