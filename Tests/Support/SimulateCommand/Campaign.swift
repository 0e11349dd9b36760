import Foundation
import GearclockSimulation

/// Many seeds in several processes, the known ones first.
struct Campaign {
    let first: UInt64
    let seeds: UInt64
    let jobs: Int
    let simulator: Simulator
    let keepGoing: Bool
    let shrinks: Bool

    /// Seeds that found something once.
    static let knownSeeds = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Fixtures/seeds.txt").standardizedFileURL

    private struct Child {
        let process: Process
        let output: Pipe
        let seedFile: URL
    }

    /// - Returns: how many seeds failed.
    func run() throws -> Int {
        let directory = FileManager.default.temporaryDirectory.appending(path: "gearclock-simulate-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        var failures = try self.runKnownSeeds(in: directory)
        let start = ContinuousClock.now
        let jobs = min(UInt64(self.jobs), self.seeds)
        let children = try (0..<jobs).map { index in
            let (from, to) = (self.seeds * index / jobs, self.seeds * (index + 1) / jobs)
            return try self.start(first: self.first + from, count: to - from, directory.appending(path: "\(index)"))
        }
        var totals = Totals()
        for child in children { failures += try self.finish(child, &totals) }
        let duration = start.duration(to: .now)
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        print(totals.summary(seconds: seconds))
        print(failures == 0 ? "no promise was broken" : "\(failures) seeds FAILED")
        return failures
    }

    private func runKnownSeeds(in directory: URL) throws -> Int {
        guard !self.simulator.hasPlantedBug else { return 0 }
        let text = try String(contentsOf: Self.knownSeeds, encoding: .utf8)
        let seeds = text.split(separator: "\n").compactMap { UInt64($0.prefix { $0.isNumber }) }
        var (failures, totals) = (0, Totals())
        for seed in seeds {
            let child = try self.start(first: seed, count: 1, directory.appending(path: "known"))
            failures += try self.finish(child, &totals)
        }
        print("\(seeds.count) known seeds, \(failures) failed")
        return failures
    }

    private func start(first: UInt64, count: UInt64, _ seedFile: URL) throws -> Child {
        let process = try self.process(
            ["--first", "\(first)", "--seeds", "\(count)", "--seed-file", seedFile.path]
                + (self.keepGoing ? ["--keep-going"] : []))
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        return Child(process: process, output: output, seedFile: seedFile)
    }

    private func process(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments + self.simulator.arguments
        return process
    }

    /// Reads a child to its end, and tells what it found.
    private func finish(_ child: Child, _ totals: inout Totals) throws -> Int {
        let data = try child.output.fileHandleForReading.readToEnd() ?? Data()
        child.process.waitUntilExit()
        var failures = 0
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            if let sum = Totals(line: line) {
                totals.add(sum)
            } else {
                print(line)
                guard line.hasPrefix("FAILED "), let seed = UInt64(line.split(separator: " ")[1]) else { continue }
                failures += 1
                if !self.keepGoing { try self.explain(seed) }
            }
        }
        if child.process.terminationReason == .uncaughtSignal || child.process.terminationStatus != 0 {
            let seed = (try? String(contentsOf: child.seedFile, encoding: .utf8)) ?? "unknown"
            print("FAILED \(seed.trimmingCharacters(in: .newlines)) trapped (\(child.process.terminationStatus))")
            failures += 1
            if let seed = UInt64(seed.trimmingCharacters(in: .newlines)) { try self.explain(seed) }
        }
        return failures
    }

    /// In a process of its own: a smaller run may trap.
    private func explain(_ seed: UInt64) throws {
        let process = try self.process(["--seed", "\(seed)"] + (self.shrinks ? [] : ["--no-shrink"]))
        fflush(nil)
        try process.run()
        process.waitUntilExit()
    }
}
