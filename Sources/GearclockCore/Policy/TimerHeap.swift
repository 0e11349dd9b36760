/// A binary heap of moments with a value each; the earliest comes first.
///
/// Nothing is removed from its middle: whoever takes an entry out checks whether it still means anything, and whoever
/// leaves entries behind that are due much later cleans up with ``keep(where:)``.
package struct TimerHeap<Moment: Comparable & Sendable, Value: Sendable>: Sendable {
    private var entries: [(moment: Moment, value: Value)] = []

    package init() {}

    package var count: Int { self.entries.count }
    package var isEmpty: Bool { self.entries.isEmpty }
    package var first: (moment: Moment, value: Value)? { self.entries.first }
    package var values: some Sequence<Value> { self.entries.lazy.map(\.value) }

    package mutating func insert(_ moment: Moment, _ value: Value) {
        self.entries.append((moment, value))
        var child = self.entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.entries[child].moment < self.entries[parent].moment else { return }
            self.entries.swapAt(child, parent)
            child = parent
        }
    }

    package mutating func removeFirst() -> (moment: Moment, value: Value)? {
        guard let first = self.entries.first else { return nil }
        let last = self.entries.removeLast()
        guard !self.entries.isEmpty else { return first }
        self.entries[0] = last
        self.sink(0)
        return first
    }

    /// Drops all other entries.
    package mutating func keep(where isKept: (Moment, Value) -> Bool) {
        self.entries.removeAll { !isKept($0.moment, $0.value) }
        for parent in (0..<self.entries.count / 2).reversed() { self.sink(parent) }
    }

    package mutating func removeAll() -> [Value] {
        defer { self.entries = [] }
        return self.entries.map(\.value)
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < self.entries.count {
                if self.entries[child].moment < self.entries[least].moment { least = child }
            }
            guard least != parent else { return }
            self.entries.swapAt(parent, least)
            parent = least
        }
    }
}
