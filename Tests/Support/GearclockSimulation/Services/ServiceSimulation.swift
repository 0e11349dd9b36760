internal import GearclockCore

/// Runs simulated installations of the real services: one for each seed, the same one again for the same seed.
///
/// ``Simulation`` runs their state machines alone, a hundred times as fast. This one is for what lies between: that
/// every action is performed and every answer reported, that tasks, timers and streams end, and that nothing depends on
/// the order in which the executors happen to do things.
package enum ServiceSimulation {
    /// - Parameters:
    ///   - course: what of the seed's world it has.
    ///   - trace: called with a line for everything that happens.
    package static func run(
        seed: UInt64, canary: ServiceCanary? = nil, course: Course = Course(),
        trace: (@Sendable (StoryLine) -> Void)? = nil
    ) async -> Simulation.Report {
        let scheduler = SimulatedScheduler(seed: seed)
        let world = ServiceWorld(seed: seed, canary: canary, course: course, scheduler: scheduler, trace: trace)
        // The process of the run itself, which has no clock to speak of.
        var dice = Dice(seed: seed)
        let clock = SimulatedClock(limit: 0, driftPerMillion: 0, &dice)
        let process = await scheduler.addProcess(clock: clock)
        return await withTaskExecutorPreference(process.pool) { await Self.run(world) }
    }

    /// On the thread of the simulation from here to the end.
    @concurrent
    private static func run(_ world: ServiceWorld) async -> Simulation.Report {
        world.enter { $0.build() }
        await withDiscardingTaskGroup { group in
            for await child in world.children {
                group.addTask(executorPreference: child.process.pool, operation: child.body)
            }
        }
        world.scheduler.enter { $0.finish() }
        return world.enter { $0.report }
    }

    /// A run, and everything that happens in it.
    package static func story(
        seed: UInt64, canary: ServiceCanary? = nil, course: Course = Course()
    ) async -> (report: Simulation.Report, lines: [StoryLine]) {
        let (lines, continuation) = AsyncStream<StoryLine>.makeStream()
        let report = await self.run(seed: seed, canary: canary, course: course) { continuation.yield($0) }
        continuation.finish()
        return (report, await lines.reduce(into: []) { $0.append($1) })
    }

    /// What a person needs who is to find the reason of a failure.
    package static func explain(
        seed: UInt64, canary: ServiceCanary? = nil, course: Course = Course(), lines count: Int = 50
    ) async -> String {
        let (report, lines) = await self.story(seed: seed, canary: canary, course: course)
        let failure = report.failure?.description ?? "nothing"
        let tasks = StoryLine.tasks(in: failure)
        let story = tasks.isEmpty ? lines : lines.filter { $0.concerns(tasks) }
        let command = Simulator.services(canary).command(seed: seed, course: course)
        return (story.suffix(count).map(\.description) + ["FAILED: \(failure)", command]).joined(separator: "\n")
    }
}

extension ServiceWorld {
    fileprivate var report: Simulation.Report {
        let (digest, steps) = self.scheduler.enter { ($0.digest, $0.steps) }
        return Simulation.Report(
            seed: self.seed, failure: self.ledger.failure, struck: self.struck,
            requests: self.requests.indices.filter { self.requests[$0].tries > 0 }, digest: digest, events: steps,
            time: self.time, healing: max(0, self.stoppingSince - self.swarm.horizon),
            counts: Simulation.Counts(self.ledger.statistics))
    }
}
