/// What Gearclock promises, as far as a program can check it. "How it is tested" in GearclockCore's documentation says
/// which checker looks after which of them, and which planted bug proves it.
package enum Promise: String, CaseIterable, Sendable {
    case stored = "acknowledged means stored"
    case atLeastOnce = "at least once"
    case neverEarly = "never before its time"
    case notTwice = "not twice at once"
    case punctual = "punctual"
    case fair = "a stalled function delays nobody else"
    case paused = "a paused function is left alone"
    case limited = "limits are kept"
    case alone = "dispatchers do not compete"
    case final = "a final state never changes"
    case fenced = "a stale claim changes nothing"
    /// A trap ends the simulation itself; the command that runs it reports the seed.
    case survives = "nothing stops a daemon"
    case heals = "everything ends once it is healed"
    case bounded = "bounded memory"
    case stops = "a stop ends"
    /// What is written down is what happened: histories, failures, counters.
    case books = "the books are right"
}

/// A promise that was broken, and how.
package struct Failure: Equatable, Sendable, CustomStringConvertible {
    package var promise: Promise
    package var text: String

    package var description: String { "\(self.promise.rawValue): \(self.text)" }

    /// Two failures of one kind differ in tasks, processes and times only.
    package var kind: String {
        self.description.filter { !$0.isNumber && $0 != "," && $0 != " " }
    }
}
