import Foundation
import GearclockSimulation

/// Runs a seed in a process of its own, because it may trap. The process writes down the faults as they strike.
struct Probe {
    let seed: UInt64
    let canary: Canary?

    /// What a run that traps counts for: nobody knows how many events it had.
    private static let events = 200_000

    /// The kind of its failure is that it trapped; other failures are none here.
    func run(_ course: Course) throws -> Shrinker.Trial {
        let file = FileManager.default.temporaryDirectory.appending(path: "gearclock-simulate-\(getpid()).probe")
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            Simulation.arguments(seed: self.seed, canary: self.canary, course: course) + ["--probe", file.path]
        process.standardError = FileHandle.nullDevice
        // Nobody reads what it says, and a quarter of a second is long.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        try process.run()
        process.waitUntilExit()
        let faults = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { FaultName($0) }
        return Shrinker.Trial(
            kind: process.terminationReason == .uncaughtSignal ? "trapped" : nil, struck: faults,
            requests: course.requests.map { $0.sorted() } ?? Array(0..<Simulation.mostRequests), events: Self.events)
    }

    /// What the process does.
    func write(to path: String, _ course: Course) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw CocoaError(.fileWriteUnknown) }
        _ = Simulation.run(seed: self.seed, canary: self.canary, course: course) { line in
            if let fault = line.fault { file.write(Data("\(fault)\n".utf8)) }
        }
    }
}
