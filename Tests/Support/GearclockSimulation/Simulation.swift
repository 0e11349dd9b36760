internal import GearclockCore

/// Runs simulated installations: one for each seed, the same one again for the same seed.
package enum Simulation {
    /// What one run came to.
    package struct Report: Equatable, Sendable {
        package var seed: UInt64
        /// Which promise was broken; `nil` if none.
        package var failure: Failure?
        /// The faults that struck, in their order.
        package var struck: [FaultName]
        /// The numbers of the requests that clients made.
        package var requests: [Int]
        /// Two runs with one digest went the same way.
        package var digest: UInt64
        package var events: Int
        /// Virtual time, in microseconds.
        package var time: Int64
        /// How long all tasks took to end once everything was healed, in microseconds.
        package var healing: Int64
        package var counts: Counts
    }

    /// No world has more requests.
    package static let mostRequests = 22

    /// How much happened in one run or in many.
    package struct Counts: Equatable, Sendable {
        package var acknowledged = 0
        package var jobs = 0
        package var claims = 0
        package var expressClaims = 0
        package var rescues = 0
        package var staleClaims = 0
        package var adoptions = 0
        package var overlaps = 0
        package var sharedClaims = 0
        package var resurrections = 0

        package init() {}
    }

    /// - Parameters:
    ///   - course: what of the seed's world it has.
    ///   - trace: called with a line for everything that happens.
    package static func run(
        seed: UInt64, canary: Canary? = nil, course: Course = Course(), trace: ((StoryLine) -> Void)? = nil
    ) -> Report {
        var world = World(seed: seed, canary: canary, course: course, trace: trace)
        let failure = world.run()
        return Report(
            seed: seed, failure: failure, struck: world.struck,
            requests: world.requests.indices.filter { world.requests[$0].tries > 0 }, digest: world.digest,
            events: world.events, time: world.time,
            healing: max(0, world.stoppingSince - world.swarm.horizon),
            counts: Counts(world.ledger.statistics))
    }

    /// What a person needs who is to find the reason of a failure: what happened to the tasks that it names, and the
    /// promise that was broken, and the command that repeats the run.
    package static func explain(
        seed: UInt64, canary: Canary? = nil, course: Course = Course(), lines count: Int = 50
    ) -> String {
        var lines: [StoryLine] = []
        let report = self.run(seed: seed, canary: canary, course: course) { lines.append($0) }
        let failure = report.failure?.description ?? "nothing"
        let tasks = StoryLine.tasks(in: failure)
        let story = tasks.isEmpty ? lines : lines.filter { $0.concerns(tasks) }
        let command = Simulator.machines(canary).command(seed: seed, course: course)
        return (story.suffix(count).map(\.description) + ["FAILED: \(failure)", command]).joined(separator: "\n")
    }
}

extension Simulation.Counts {
    init(_ statistics: Ledger.Statistics) {
        self.acknowledged = statistics.acknowledged
        self.jobs = statistics.jobs
        self.claims = statistics.claims
        self.expressClaims = statistics.expressClaims
        self.rescues = statistics.rescues
        self.staleClaims = statistics.staleClaims
        self.adoptions = statistics.adoptions
        self.overlaps = statistics.overlaps
        self.sharedClaims = statistics.sharedClaims
        self.resurrections = statistics.resurrections
    }

    package static func += (left: inout Self, right: Self) {
        left.acknowledged += right.acknowledged
        left.jobs += right.jobs
        left.claims += right.claims
        left.expressClaims += right.expressClaims
        left.rescues += right.rescues
        left.staleClaims += right.staleClaims
        left.adoptions += right.adoptions
        left.overlaps += right.overlaps
        left.sharedClaims += right.sharedClaims
        left.resurrections += right.resurrections
    }
}
