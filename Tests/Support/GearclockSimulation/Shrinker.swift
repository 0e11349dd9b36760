/// Makes a failing run smaller: it leaves out faults, requests and complications as long as the run still fails in the
/// same way. The same run becomes the same small one again.
///
/// It is delta debugging: half of the faults are left out, then quarters, down to single ones, until none of what is left
/// can be missed.
package struct Shrinker {
    /// What is left.
    package private(set) var course: Course
    /// What happens with what is left.
    package private(set) var report: Simulation.Report
    /// How often a run was tried.
    package private(set) var runs = 1

    private let canary: Canary?
    private let kind: String
    /// How many events it may still simulate: a bound that does not depend on the machine.
    private var budget: Int

    /// - Returns: `nil` if the run does not fail.
    package init?(seed: UInt64, canary: Canary? = nil, course: Course = Course(), budget: Int = 100_000_000) {
        self.course = course
        self.canary = canary
        self.report = Simulation.run(seed: seed, canary: canary, course: course)
        guard let failure = self.report.failure else { return nil }
        self.kind = failure.kind
        self.budget = budget
        self.course.only = Set(self.report.struck)
        self.course.requests = Set(self.report.requests)
        self.shrink()
    }

    private mutating func shrink() {
        var before: Course
        repeat {
            before = self.course
            self.leaveOut(\.only)
            for part in Plainness.allCases where !self.course.plain.contains(part) {
                self.attempt { $0.plain.insert(part) }
            }
            self.leaveOut(\.requests)
        } while self.course != before && self.budget > 0
    }

    private mutating func leaveOut<Part: Comparable>(_ path: WritableKeyPath<Course, Set<Part>?>) {
        var size = self.course[keyPath: path]!.count
        while size >= 1 {
            var isSmaller = false
            var start = 0
            // What a smaller run has lost of its own accord is gone from the list as well.
            while case let parts = self.course[keyPath: path]!.sorted(), start < parts.count {
                let end = min(start + size, parts.count)
                if self.attempt({ $0[keyPath: path] = Set(parts[..<start] + parts[end...]) }) {
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
    private mutating func attempt(_ change: (inout Course) -> Void) -> Bool {
        guard self.budget > 0 else { return false }
        var course = self.course
        change(&course)
        let report = Simulation.run(seed: self.report.seed, canary: self.canary, course: course)
        self.runs += 1
        self.budget -= report.events
        guard report.failure?.kind == self.kind else { return false }
        course.only?.formIntersection(report.struck)
        course.requests?.formIntersection(report.requests)
        self.course = course
        self.report = report
        return true
    }

    /// What it came to, with the story of the small run.
    package var explanation: String {
        let seed = self.report.seed
        let command = Simulation.command(seed: seed, canary: self.canary, course: self.course)
        let tasks = StoryLine.tasks(in: self.report.failure?.text ?? "").sorted().joined(separator: ",")
        return """
            \(Simulation.explain(seed: seed, canary: self.canary, course: self.course))
            \(command) --story\(tasks.isEmpty ? "" : " --task \(tasks)")
            shrunk in \(self.runs) runs to \(self.course.only!.count) faults and \(self.course.requests!.count) requests
            """
    }
}
