import Foundation
import GearclockSimulation

/// Runs a seed in a process of its own, because it may trap. The process writes down the faults as they strike, and how
/// the run ended if it came to its end.
struct Probe {
    let seed: UInt64
    let simulator: Simulator

    /// What a run that traps counts for: nobody knows how many events it had.
    private static let events = 200_000
    /// The kind of failure of such a run.
    static let trap = "trapped"

    func run(_ course: Course) throws -> Shrinker.Trial {
        let file = FileManager.default.temporaryDirectory.appending(path: "gearclock-simulate-\(getpid()).probe")
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            ["--seed", "\(self.seed)"] + self.simulator.arguments + course.arguments + ["--probe", file.path]
        process.standardError = FileHandle.nullDevice
        // Nobody reads what it says, and a quarter of a second is long.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        try process.run()
        process.waitUntilExit()
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        if let end = lines.last.flatMap({ Ending(line: $0) }) {
            return Shrinker.Trial(
                kind: end.kind, struck: lines.dropLast().compactMap { FaultName($0) }, requests: end.requests,
                events: end.events)
        }
        return Shrinker.Trial(
            kind: Self.trap, struck: lines.compactMap { FaultName($0) },
            requests: course.requests.map { $0.sorted() } ?? Array(0..<Simulation.mostRequests), events: Self.events)
    }

    /// What the process does.
    func write(to path: String, _ course: Course) async throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw CocoaError(.fileWriteUnknown) }
        let report = await self.simulator.run(seed: self.seed, course: course) { line in
            if let fault = line.fault { file.write(Data("\(fault)\n".utf8)) }
        }
        file.write(Data("\(Ending(report).line)\n".utf8))
    }
}

/// The last line of a probe: how its run ended.
private struct Ending {
    private static let word = "END"

    let events: Int
    let requests: [Int]
    let kind: String?

    init(_ report: Simulation.Report) {
        self.events = report.events
        self.requests = report.requests
        self.kind = report.failure?.kind
    }

    init?(line: some StringProtocol) {
        let words = line.split(separator: " ", maxSplits: 3)
        guard words.count >= 3, words[0] == Self.word, let events = Int(words[1]) else { return nil }
        self.events = events
        self.requests = words[2].split(separator: ",").compactMap { Int($0) }
        self.kind = words.count > 3 ? String(words[3]) : nil
    }

    var line: String {
        let requests = self.requests.map(String.init).joined(separator: ",")
        return "\(Self.word) \(self.events) \(requests.isEmpty ? "," : requests)" + (self.kind.map { " \($0)" } ?? "")
    }
}
