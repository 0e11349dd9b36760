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

            A run that fails is made smaller: faults, requests and complications are left out as long as it still \
            fails in the same way. What is printed in the end repeats the small run: --only names the faults that may \
            strike, --requests the requests that are made, --plain what is as simple as it can be \
            (\(Plainness.allCases.map(\.rawValue).joined(separator: ", "))).

            --story prints what happens: the time in seconds, "!" where a fault strikes, who, and what. T1, T2 … are \
            the tasks.
            """)

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 2000

    @Option(help: "The first of them.")
    var first: UInt64 = 1

    @Option(help: "How many processes share them.")
    var jobs: Int = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: "Run only this seed; if it fails, make it smaller and explain it.")
    var seed: UInt64?

    @Flag(help: "With --seed: print everything that happens.")
    var story = false

    @Option(help: "With --story: only what concerns these tasks, separated by commas, and what strikes everybody.")
    var task: String?

    @Option(help: "With --seed: let only these faults strike, separated by commas; \"none\": no fault.")
    var only: String?

    @Option(help: "With --seed: make only these requests, separated by commas.")
    var requests: String?

    @Option(help: "With --seed: let these parts of the world be simple, separated by commas.")
    var plain: String?

    @Flag(inversion: .prefixedNo, help: "Make a failing run smaller.")
    var shrink = true

    @Flag(help: "Do not stop at the first failure.")
    var keepGoing = false

    @Option(help: "Plant a bug: \(Canary.allCases.map(\.rawValue).joined(separator: ", ")).")
    var canary: Canary?

    @Flag(help: "Simulate a Galera cluster and the calls on it, instead of a whole installation.")
    var cluster = false

    @Option(help: .hidden)
    var seedFile: String?

    @Option(help: .hidden)
    var probe: String?

    func validate() throws {
        guard self.jobs >= 1, self.seeds >= 1, self.first.addingReportingOverflow(self.seeds).overflow == false else {
            throw ValidationError("There must be at least one seed and one process.")
        }
        if self.seed == nil,
            self.story || [self.task, self.only, self.requests, self.plain].contains(where: { $0 != nil })
        {
            throw ValidationError(
                "--story, --task, --only, --requests and --plain are about one seed: name it by --seed.")
        }
        _ = try self.course()
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
                first: self.first, seeds: self.seeds, jobs: self.jobs, canary: self.canary, keepGoing: self.keepGoing,
                shrinks: self.shrink)
            if try campaign.run() > 0 { throw ExitCode.failure }
        }
    }

    /// What of the seed's world is wanted.
    private func course() throws -> Course {
        var course = Course()
        course.only = try self.only.map {
            $0 == "none" ? [] : try self.values(of: $0) { FaultName($0) }
        }
        course.requests = try self.requests.map { try self.values(of: $0) { Int($0) } }
        course.plain = try self.plain.map { try self.values(of: $0) { Plainness(rawValue: $0) } } ?? []
        return course
    }

    private func values<Value: Hashable>(of text: String, _ parse: (String) -> Value?) throws -> Set<Value> {
        Set(
            try text.split(separator: ",").map { word in
                guard let value = parse(String(word)) else {
                    throw ValidationError("\(word) is nothing that is known.")
                }
                return value
            })
    }

    private func runClusters() throws {
        if self.story, let seed = self.seed { _ = ClusterSimulation.run(seed: seed) { print($0) } }
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
        let course = try self.course()
        let probe = Probe(seed: seed, canary: self.canary)
        if let path = self.probe { return try probe.write(to: path, course) }
        if self.story { return try self.tell(seed, course) }
        let shrinker: Shrinker?
        let text: String
        if try probe.run(course).kind != nil {
            shrinker = self.shrink ? try Shrinker(course, run: probe.run) : nil
            let command = Simulation.command(seed: seed, canary: self.canary, course: shrinker?.course ?? course)
            text = "FAILED: trapped\n\(command)"
        } else {
            let report = Simulation.run(seed: seed, canary: self.canary, course: course)
            guard report.failure != nil else {
                return print("passed: \(report.events) events, digest \(report.digest)")
            }
            shrinker = self.shrink ? Shrinker(seed: seed, canary: self.canary, course: course) : nil
            text = Simulation.explain(seed: seed, canary: self.canary, course: shrinker?.course ?? course)
        }
        print(text)
        if let shrinker { print(shrinker.summary) }
        throw ExitCode.failure
    }

    private func tell(_ seed: UInt64, _ course: Course) throws {
        let tasks = self.task.map { Set($0.split(separator: ",").map(String.init)) }
        let report = Simulation.run(seed: seed, canary: self.canary, course: course) { line in
            guard tasks.map(line.concerns) ?? true else { return }
            print(line)
            // It may trap before its next line.
            fflush(nil)
        }
        guard let failure = report.failure else { return print("passed: \(report.events) events") }
        print("FAILED: \(failure)")
        throw ExitCode.failure
    }
}

extension Canary: ExpressibleByArgument {}
