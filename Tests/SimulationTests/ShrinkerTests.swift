import GearclockSimulation
import Testing

/// A failing run is made smaller, and told.
@Suite struct ShrinkerTests {
    static let canary = Canary.lostIsSuccess

    /// The first seed whose failure is the planted bug's, and in which more strikes than is needed for it.
    static func failingSeed() throws -> UInt64 {
        try #require(
            (1...200 as ClosedRange<UInt64>).first {
                let report = Simulation.run(seed: $0, canary: Self.canary)
                return report.failure?.promise == Self.canary.promise && report.struck.count > 10
            })
    }

    @Test func `what is left fails in the same way, and nothing of it can be missed`() async throws {
        let seed = try Self.failingSeed()
        let whole = Simulation.run(seed: seed, canary: Self.canary)
        let shrinker = try #require(await Shrinker(seed: seed, of: .machines(Self.canary)))
        let course = shrinker.course
        #expect(shrinker.trial.kind == whole.failure?.kind)
        #expect(Shrinker.Trial(Simulation.run(seed: seed, canary: Self.canary, course: course)) == shrinker.trial)
        let (faults, requests) = (try #require(course.only), try #require(course.requests))
        #expect(!faults.isEmpty && faults.count < whole.struck.count)
        #expect(!requests.isEmpty && requests.count < whole.requests.count)
        var smaller: [Course] = faults.map { fault in
            var fewer = course
            fewer.only?.remove(fault)
            return fewer
        }
        smaller += requests.map { request in
            var fewer = course
            fewer.requests?.remove(request)
            return fewer
        }
        for fewer in smaller {
            let report = Simulation.run(seed: seed, canary: Self.canary, course: fewer)
            #expect(report.failure?.kind != whole.failure?.kind, "\(fewer.arguments) is enough")
        }
        let again = try #require(await Shrinker(seed: seed, of: .machines(Self.canary)))
        #expect(again.course == course, "it is deterministic")
    }

    @Test func `a run of services is made smaller, and fails in the same way`() async throws {
        let canary = ServiceCanary.swallowsError
        var failing: Simulation.Report?
        for seed in 1...100 as ClosedRange<UInt64> {
            failing = await ServiceSimulation.run(seed: seed, canary: canary)
            if failing?.failure?.promise == canary.promise, failing!.struck.count > 10 { break }
        }
        let whole = try #require(failing)
        let shrinker = try #require(
            await Shrinker(seed: whole.seed, of: .services(canary), budget: 150_000))
        #expect(shrinker.trial.kind == whole.failure?.kind)
        let (faults, requests) = (try #require(shrinker.course.only), try #require(shrinker.course.requests))
        #expect(!faults.isEmpty && faults.count < whole.struck.count)
        #expect(!requests.isEmpty && requests.count <= whole.requests.count)
        let report = await ServiceSimulation.run(seed: whole.seed, canary: canary, course: shrinker.course)
        #expect(Shrinker.Trial(report) == shrinker.trial)
    }

    @Test func `a run in which nothing fails cannot be made smaller`() async {
        for simulator in [Simulator.machines(nil), .services(nil)] {
            let shrinker = await Shrinker(seed: 1, of: simulator)
            #expect(shrinker == nil)
        }
    }

    @Test func `without its faults a run has none, and the others keep their names`() throws {
        var course = Course()
        course.only = []
        #expect(Simulation.run(seed: 3, course: course).struck.isEmpty)
        let struck = Simulation.run(seed: 3).struck
        #expect(struck.count > 2 && Set(struck).count == struck.count)
        course.only = [struck[0]]
        #expect(Simulation.run(seed: 3, course: course).struck == [struck[0]])
    }

    @Test func `the name of a fault can be read back`() {
        for seed in 1...20 as ClosedRange<UInt64> {
            for fault in Simulation.run(seed: seed).struck { #expect(FaultName("\(fault)") == fault) }
        }
        for text in ["", "strike", "strike1.", "strike.1", "1", "hail3", "job1..2"] {
            #expect(FaultName(text) == nil, "\(text)")
        }
    }

    @Test func `a failure is explained by the story of its tasks and the command that repeats it`() throws {
        let seed = try Self.failingSeed()
        let lines = Simulation.explain(seed: seed, canary: Self.canary).split(separator: "\n").map(String.init)
        #expect(lines.count > 2 && lines.count <= 52)
        #expect(lines[lines.count - 2].hasPrefix("FAILED: at least once: T"))
        #expect(lines.last == "Scripts/simulate --seed \(seed) --canary lost-is-success")
        let tasks = StoryLine.tasks(in: lines[lines.count - 2])
        #expect(tasks.count == 1)
        for line in lines.dropLast(2) where !line.contains("(strike") {
            #expect(!StoryLine.tasks(in: line).isDisjoint(with: tasks), "\(line)")
        }
    }

    @Test func `a course says by which arguments it is repeated`() throws {
        var course = Course()
        #expect(course.arguments.isEmpty)
        course.only = []
        #expect(course.arguments == ["--only", "none"])
        course.only = [try #require(FaultName("strike12")), try #require(FaultName("strike3"))]
        course.requests = [4, 2]
        course.plain = [.servers, .clocks]
        #expect(
            course.arguments == ["--only", "strike3,strike12", "--requests", "2,4", "--plain", "clocks,servers"])
    }
}
