internal import GearclockCore

/// A bug planted in a simulated cluster, or in what performs the core's machines: each checker must find one.
package enum ClusterCanary: String, CaseIterable, Sendable {
    /// An unknown outcome is reported as done.
    case unknownIsDone = "unknown-is-done"
    /// An unknown outcome is reported as not done.
    case unknownIsNotDone = "unknown-is-not-done"
    /// Whoever looks finds nothing.
    case blindLook = "blind-look"
    /// Nodes commit without certification.
    case noCertification = "no-certification"
    /// A proof of copies that fails counts as one.
    case proofWithoutSight = "proof-without-sight"
    /// Deadlines of statements are ignored.
    case noDeadlines = "no-deadlines"
    /// After its first failure a probe is never performed again.
    case noSecondProbe = "no-second-probe"
}

/// Runs simulated Galera clusters: one for each seed, the same one again for the same seed.
package enum ClusterSimulation {
    package struct Report: Equatable, Sendable {
        package var seed: UInt64
        /// Which promise was broken; `nil` if none.
        package var failure: String?
        package var events: Int
        package var counts: Counts
    }

    /// How much happened.
    package struct Counts: Equatable, Sendable {
        package var calls = 0
        package var done = 0
        package var unavailable = 0
        package var unknown = 0
        /// Calls that had an unknown outcome and found out.
        package var resolved = 0
        /// Write-sets that were ordered after their call had ended.
        package var late = 0
        package var conflicts = 0
        package var cuts = 0
        package var proofs = 0
        /// Tasks that were stored claimed.
        package var expressClaims = 0
        package var resurrections = 0

        package init() {}

        package static func += (left: inout Self, right: Self) {
            left.calls += right.calls
            left.done += right.done
            left.unavailable += right.unavailable
            left.unknown += right.unknown
            left.resolved += right.resolved
            left.late += right.late
            left.conflicts += right.conflicts
            left.cuts += right.cuts
            left.proofs += right.proofs
            left.expressClaims += right.expressClaims
            left.resurrections += right.resurrections
        }
    }

    /// - Parameter trace: called with a line for everything that happens.
    package static func run(
        seed: UInt64, canary: ClusterCanary? = nil, trace: ((String) -> Void)? = nil
    ) -> Report {
        var world = ClusterWorld(seed: seed, canary: canary, trace: trace)
        let failure = world.run()
        return Report(seed: seed, failure: failure, events: world.events, counts: world.auditor.counts)
    }

    /// The promise that was broken, the seed, and what happened before.
    package static func explain(seed: UInt64, canary: ClusterCanary? = nil, events: Int = 60) -> String {
        var lines: [String] = []
        let report = self.run(seed: seed, canary: canary) { line in
            lines.append(line)
            if lines.count > 2 * events { lines.removeFirst(lines.count - events) }
        }
        let end = "FAILED: \(report.failure ?? "nothing"), Scripts/simulate --cluster --seed \(seed)"
        return (lines.suffix(events) + [end]).joined(separator: "\n")
    }
}
