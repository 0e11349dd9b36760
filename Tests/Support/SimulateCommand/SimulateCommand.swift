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

    @Option(help: .hidden)
    var seedFile: String?

    func validate() throws {
        guard self.jobs >= 1, self.seeds >= 1, self.first.addingReportingOverflow(self.seeds).overflow == false else {
            throw ValidationError("There must be at least one seed and one process.")
        }
    }

    func run() throws {
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
