import ArgumentParser
import Foundation
import GearclockSimulation

/// Runs simulated installations and ends with 1 if one of them broke a promise.
@main
struct SimulateCommand: AsyncParsableCommand {
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

            --tier b runs the real services on simulated executors, clocks and streams: fewer seeds a second, and the \
            glue between the state machines is in it. It has planted bugs of its own.

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

    @Option(help: "What is simulated: the state machines (a), or the services around them (b).")
    var tier = Tier.a

    @Option(
        help: ArgumentHelp(
            "Plant a bug: \(Canary.allCases.map(\.rawValue).joined(separator: ", ")); in tier b: "
                + "\(ServiceCanary.allCases.map(\.rawValue).joined(separator: ", "))."))
    var canary: String?

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
        _ = try self.simulator()
    }

    func run() async throws {
        if self.cluster { return try self.runClusters() }
        let simulator = try self.simulator()
        if let seed = self.seed {
            try await self.runOne(seed, simulator)
        } else if let seedFile = self.seedFile {
            try await SeedRange(first: self.first, count: self.seeds, simulator: simulator, keepGoing: self.keepGoing)
                .run(noting: seedFile)
        } else {
            let campaign = Campaign(
                first: self.first, seeds: self.seeds, jobs: self.jobs, simulator: simulator, keepGoing: self.keepGoing,
                shrinks: self.shrink)
            if try campaign.run() > 0 { throw ExitCode.failure }
        }
    }

    private func simulator() throws -> Simulator {
        switch self.tier {
        case .a: .machines(try self.planted(Canary.self))
        case .b: .services(try self.planted(ServiceCanary.self))
        }
    }

    private func planted<Bug: RawRepresentable<String>>(_: Bug.Type) throws -> Bug? {
        guard let name = self.canary else { return nil }
        guard let bug = Bug(rawValue: name) else { throw ValidationError("There is no planted bug \(name) here.") }
        return bug
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

    private func runOne(_ seed: UInt64, _ simulator: Simulator) async throws {
        let course = try self.course()
        let probe = Probe(seed: seed, simulator: simulator)
        if let path = self.probe { return try await probe.write(to: path, course) }
        if self.story { return try await self.tell(seed, simulator, course) }
        let trial = try probe.run(course)
        guard let kind = trial.kind else {
            let report = await simulator.run(seed: seed, course: course)
            return print("passed: \(report.events) events, digest \(report.digest)")
        }
        let shrinker = self.shrink ? try await self.shrinker(seed, simulator, course, kind, probe) : nil
        let rest = shrinker?.course ?? course
        print(
            kind == Probe.trap
                ? "FAILED: \(kind)\n\(simulator.command(seed: seed, course: rest))"
                : await simulator.explain(seed: seed, course: rest))
        if let shrinker { print(shrinker.summary) }
        throw ExitCode.failure
    }

    /// In this process where that is possible: it is faster.
    private func shrinker(
        _ seed: UInt64, _ simulator: Simulator, _ course: Course, _ kind: String, _ probe: Probe
    ) async throws -> Shrinker? {
        kind == Probe.trap
            ? try await Shrinker(course, run: probe.run) : await Shrinker(seed: seed, of: simulator, course: course)
    }

    private func tell(_ seed: UInt64, _ simulator: Simulator, _ course: Course) async throws {
        let tasks = self.task.map { Set($0.split(separator: ",").map(String.init)) }
        let report = await simulator.run(seed: seed, course: course) { line in
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

/// What is simulated.
enum Tier: String, ExpressibleByArgument, CaseIterable {
    case a, b
}
