/// What is simulated, and the bug that is planted in it.
package enum Simulator: Equatable, Sendable {
    /// The state machines alone: ``Simulation``.
    case machines(Canary?)
    /// The real services: ``ServiceSimulation``.
    case services(ServiceCanary?)

    package var hasPlantedBug: Bool {
        switch self {
        case .machines(let canary): canary != nil
        case .services(let canary): canary != nil
        }
    }

    package func run(
        seed: UInt64, course: Course = Course(), trace: (@Sendable (StoryLine) -> Void)? = nil
    ) async -> Simulation.Report {
        switch self {
        case .machines(let canary): Simulation.run(seed: seed, canary: canary, course: course, trace: trace)
        case .services(let canary):
            await ServiceSimulation.run(seed: seed, canary: canary, course: course, trace: trace)
        }
    }

    package func explain(seed: UInt64, course: Course = Course()) async -> String {
        switch self {
        case .machines(let canary): Simulation.explain(seed: seed, canary: canary, course: course)
        case .services(let canary): await ServiceSimulation.explain(seed: seed, canary: canary, course: course)
        }
    }

    /// The arguments of `Scripts/simulate` that name it.
    package var arguments: [String] {
        switch self {
        case .machines(let canary): canary.map { ["--canary", $0.rawValue] } ?? []
        case .services(let canary): ["--tier", "b"] + (canary.map { ["--canary", $0.rawValue] } ?? [])
        }
    }

    /// The command that repeats a run.
    package func command(seed: UInt64, course: Course) -> String {
        (["Scripts/simulate", "--seed", "\(seed)"] + self.arguments + course.arguments).joined(separator: " ")
    }
}
