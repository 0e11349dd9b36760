import ArgumentParser
import Foundation
import GearclockSimulation

/// What one process of a campaign does: seed after seed, each noted in a file before it is run, because a trap in a
/// release build says nothing.
struct SeedRange {
    let first: UInt64
    let count: UInt64
    let simulator: Simulator
    let keepGoing: Bool

    func run(noting path: String) async throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let note = FileHandle(forWritingAtPath: path)
        else { throw ValidationError("Cannot write to \(path).") }
        var totals = Totals()
        for seed in self.first..<self.first + self.count {
            try note.seek(toOffset: 0)
            try note.write(contentsOf: Data("\(seed)\n".utf8))
            let report = await self.simulator.run(seed: seed)
            totals.add(report)
            guard let failure = report.failure else { continue }
            print("FAILED \(seed) \(failure)")
            if !self.keepGoing { break }
        }
        print(totals.line)
    }
}

/// The sums of many runs, and their form on a line from a child to its parent.
struct Totals {
    static let prefix = "TOTALS"

    private(set) var schedules = 0
    private(set) var events = 0
    private(set) var microseconds: Int64 = 0
    private(set) var counts = Simulation.Counts()

    private static var fields: [WritableKeyPath<Totals, Int>] {
        [
            \.schedules, \.events, \.counts.acknowledged, \.counts.claims, \.counts.jobs, \.counts.rescues,
            \.counts.adoptions, \.counts.staleClaims, \.counts.overlaps, \.counts.sharedClaims,
            \.counts.resurrections,
        ]
    }

    mutating func add(_ report: Simulation.Report) {
        self.schedules += 1
        self.events += report.events
        self.microseconds += report.time
        self.counts += report.counts
    }

    mutating func add(_ other: Totals) {
        for field in Self.fields { self[keyPath: field] += other[keyPath: field] }
        self.microseconds += other.microseconds
    }

    var line: String {
        ([Self.prefix, "\(self.microseconds)"] + Self.fields.map { "\(self[keyPath: $0])" }).joined(separator: " ")
    }

    init() {}

    init?(line: some StringProtocol) {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().compactMap { Int64($0) }
        guard line.hasPrefix(Self.prefix), numbers.count == Self.fields.count + 1 else { return nil }
        self.microseconds = numbers[0]
        for (field, number) in zip(Self.fields, numbers.dropFirst()) { self[keyPath: field] = Int(number) }
    }

    /// For people.
    func summary(seconds: Double) -> String {
        let perSecond = Int(Double(self.schedules) / max(seconds, 0.001))
        return """
            \(self.schedules) schedules in \(String(format: "%.1f", seconds)) s (\(perSecond)/s), \
            \(self.events) events, \(self.microseconds / 1_000_000) s of virtual time
            \(self.counts.acknowledged) tasks acknowledged, \(self.counts.claims) claims, \(self.counts.jobs) jobs, \
            \(self.counts.rescues) rescues, \(self.counts.adoptions) jobs adopted, \
            \(self.counts.staleClaims) stale claims fenced
            \(self.counts.overlaps) tasks run twice at once where that is not promised against, \
            \(self.counts.sharedClaims) claims accepted twice, \
            \(self.counts.resurrections) tasks stored again after their end
            """
    }
}
