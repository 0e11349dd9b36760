/// Makes a failing run smaller: it leaves out faults, requests and complications as long as the run still fails in the
/// same way. The same run becomes the same small one again.
///
/// It is delta debugging: half of the faults are left out, then quarters, down to single ones, until none of what is
/// left can be missed.
package struct Shrinker {
    /// What one run came to.
    package struct Trial: Equatable, Sendable {
        /// Failures of one kind are the same failure; `nil`: there is none.
        package var kind: String?
        package var struck: [FaultName]
        package var requests: [Int]
        package var events: Int

        package init(kind: String?, struck: [FaultName], requests: [Int], events: Int) {
            self.kind = kind
            self.struck = struck
            self.requests = requests
            self.events = events
        }

        package init(_ report: Simulation.Report) {
            self.init(
                kind: report.failure?.kind, struck: report.struck, requests: report.requests, events: report.events)
        }
    }

    /// What is left.
    package private(set) var course: Course
    /// What happens with what is left.
    package private(set) var trial: Trial
    /// How often a run was tried.
    package private(set) var runs = 1

    private let run: (Course) async throws -> Trial
    /// How many events it may still simulate: a bound that does not depend on the machine.
    private var budget: Int

    /// - Parameter run: runs what is left of a world.
    /// - Returns: `nil` if the whole of it does not fail.
    package init?(
        _ course: Course = Course(), budget: Int = 100_000_000, run: @escaping (Course) async throws -> Trial
    ) async throws {
        self.course = course
        self.run = run
        self.budget = budget
        self.trial = try await run(course)
        guard self.trial.kind != nil else { return nil }
        self.course.only = Set(self.trial.struck)
        self.course.requests = Set(self.trial.requests)
        try await self.shrink()
    }

    package init?(
        seed: UInt64, of simulator: Simulator, course: Course = Course(), budget: Int = 100_000_000
    ) async {
        try? await self.init(course, budget: budget) { Trial(await simulator.run(seed: seed, course: $0)) }
    }

    private mutating func shrink() async throws {
        var before: Course
        repeat {
            before = self.course
            try await self.leaveOut(\.only)
            for part in Plainness.allCases where !self.course.plain.contains(part) {
                try await self.attempt { $0.plain.insert(part) }
            }
            try await self.leaveOut(\.requests)
        } while self.course != before && self.budget > 0
    }

    private mutating func leaveOut<Part: Comparable>(_ path: WritableKeyPath<Course, Set<Part>?>) async throws {
        var size = self.course[keyPath: path]!.count
        while size >= 1 {
            var isSmaller = false
            var start = 0
            // What a smaller run has lost of its own accord is gone from the list as well.
            while case let parts = self.course[keyPath: path]!.sorted(), start < parts.count {
                let end = min(start + size, parts.count)
                if try await self.attempt({ $0[keyPath: path] = Set(parts[..<start] + parts[end...]) }) {
                    isSmaller = true
                } else {
                    start = end
                }
            }
            if size == 1, isSmaller { continue }
            size /= 2
        }
    }

    /// - Returns: whether the run still fails in the same way; then the change is kept.
    @discardableResult
    private mutating func attempt(_ change: (inout Course) -> Void) async throws -> Bool {
        guard self.budget > 0 else { return false }
        var course = self.course
        change(&course)
        let trial = try await self.run(course)
        self.runs += 1
        self.budget -= trial.events
        guard trial.kind == self.trial.kind else { return false }
        course.only?.formIntersection(trial.struck)
        course.requests?.formIntersection(trial.requests)
        self.course = course
        self.trial = trial
        return true
    }

    package var summary: String {
        "shrunk in \(self.runs) runs to \(self.course.only!.count) faults and \(self.course.requests!.count) requests"
    }
}
