import ArgumentParser
import Foundation
import GearclockSimulation

/// Runs simulated installations and ends with 1 if one of them broke a promise.
@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gearclock-simulate",
        abstract: "Run simulated installations, one for each seed, and look for broken promises.",
        discussion: """
            Without --seed it runs the seeds of Fixtures/seeds.txt first, then a range of seeds in several processes: \
            a trap ends one of them, and the seed it had in hand is reported like any other failure.
            """)

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 2000

    @Option(help: "The first of them.")
    var first: UInt64 = 1

    @Option(help: "How many processes share them.")
    var jobs: Int = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: "Run only this seed, and show its last events if it fails.")
    var seed: UInt64?

    @Flag(help: "With --seed: print everything that happens.")
    var trace = false

    @Flag(help: "Do not stop at the first failure.")
    var keepGoing = false

    @Option(help: "Plant a bug: \(Canary.allCases.map(\.rawValue).joined(separator: ", ")).")
    var canary: Canary?

    @Flag(help: "Simulate a Galera cluster and the calls on it, instead of a whole installation.")
    var cluster = false

    @Option(help: .hidden)
    var seedFile: String?

    func validate() throws {
        guard self.jobs >= 1, self.seeds >= 1, self.first.addingReportingOverflow(self.seeds).overflow == false else {
            throw ValidationError("There must be at least one seed and one process.")
        }
    }

    func run() throws {
        if self.cluster { return try self.runClusters() }
        if let seed = self.seed {
            try self.runOne(seed)
        } else if let seedFile = self.seedFile {
            try SeedRange(first: self.first, count: self.seeds, canary: self.canary, keepGoing: self.keepGoing)
                .run(noting: seedFile)
        } else {
            let campaign = Campaign(
                first: self.first, seeds: self.seeds, jobs: self.jobs, canary: self.canary, keepGoing: self.keepGoing)
            if try campaign.run() > 0 { throw ExitCode.failure }
        }
    }

    private func runClusters() throws {
        if self.trace, let seed = self.seed { _ = ClusterSimulation.run(seed: seed) { print($0) } }
        var counts = ClusterSimulation.Counts()
        var failures = 0
        let seeds = self.seed.map { $0..<$0 + 1 } ?? self.first..<self.first + self.seeds
        for seed in seeds {
            let report = ClusterSimulation.run(seed: seed)
            counts += report.counts
            guard report.failure != nil else { continue }
            failures += 1
            print(ClusterSimulation.explain(seed: seed))
            if !self.keepGoing { break }
        }
        print("\(counts)")
        if failures > 0 { throw ExitCode.failure }
    }

    private func runOne(_ seed: UInt64) throws {
        if self.trace {
            let report = Simulation.run(seed: seed, canary: self.canary) { line in print(line) }
            print(report.failure.map { "FAILED: \($0)" } ?? "passed: \(report.events) events, digest \(report.digest)")
            if report.failure != nil { throw ExitCode.failure }
            return
        }
        let report = Simulation.run(seed: seed, canary: self.canary)
        guard report.failure != nil else {
            return print("passed: \(report.events) events, digest \(report.digest)")
        }
        print(Simulation.explain(seed: seed, canary: self.canary))
        throw ExitCode.failure
    }
}

extension Canary: ExpressibleByArgument {}
