/// A binary heap of moments with a value each; the earliest comes first.
///
/// Nothing is removed from its middle: whoever takes an entry out checks whether it still means anything, and whoever
/// leaves entries behind that are due much later cleans up with ``keep(where:)``. Values stay where they are while
/// their moments move through the heap: some are large, and hold references.
package struct TimerHeap<Moment: Comparable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        var moment: Moment
        /// Where its value is.
        var slot: UInt32
    }

    private var entries: [Entry] = []
    private var slots: [Value?] = []
    private var freeSlots: [UInt32] = []

    package init() {}

    package var count: Int { self.entries.count }
    package var isEmpty: Bool { self.entries.isEmpty }
    package var firstMoment: Moment? { self.entries.first?.moment }
    package var first: (moment: Moment, value: Value)? {
        self.entries.first.map { ($0.moment, self.value($0)) }
    }
    package var values: some Sequence<Value> { self.entries.lazy.map { self.value($0) } }

    private func value(_ entry: Entry) -> Value { self.slots[Int(entry.slot)]! }

    package mutating func insert(_ moment: Moment, _ value: Value) {
        let entry = Entry(moment: moment, slot: self.freeSlots.popLast() ?? UInt32(self.slots.count))
        if Int(entry.slot) == self.slots.count { self.slots.append(value) } else { self.slots[Int(entry.slot)] = value }
        self.entries.append(entry)
        var child = self.entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard moment < self.entries[parent].moment else { break }
            self.entries[child] = self.entries[parent]
            child = parent
        }
        self.entries[child] = entry
    }

    package mutating func removeFirst() -> (moment: Moment, value: Value)? {
        guard let first = self.entries.first else { return nil }
        let last = self.entries.removeLast()
        if !self.entries.isEmpty {
            self.entries[0] = last
            self.sink(0)
        }
        return (first.moment, self.take(first))
    }

    /// Drops all other entries.
    package mutating func keep(where isKept: (Moment, Value) -> Bool) {
        let entries = self.entries
        self.entries.removeAll(keepingCapacity: true)
        for entry in entries {
            if isKept(entry.moment, self.value(entry)) { self.entries.append(entry) } else { _ = self.take(entry) }
        }
        for parent in (0..<self.entries.count / 2).reversed() { self.sink(parent) }
    }

    /// Removes the latest entries until so many are left.
    mutating func keepFirst(_ count: Int) -> [Value] {
        if self.count <= count { return [] }
        var kept = TimerHeap()
        for _ in 0..<count {
            if let (moment, value) = self.removeFirst() { kept.insert(moment, value) }
        }
        defer { self = kept }
        return Array(self.values)
    }

    mutating func remove(where isRemoved: (Value) -> Bool) -> [Value] {
        let removed = self.values.filter(isRemoved)
        if !removed.isEmpty { self.keep { !isRemoved($1) } }
        return removed
    }

    package mutating func removeAll() -> [Value] {
        defer { self = TimerHeap() }
        return Array(self.values)
    }

    private mutating func take(_ entry: Entry) -> Value {
        guard let value = self.slots[Int(entry.slot)].take() else { preconditionFailure("Invalid state: no value") }
        self.freeSlots.append(entry.slot)
        return value
    }

    private mutating func sink(_ start: Int) {
        let entry = self.entries[start]
        var parent = start
        while true {
            var child = 2 * parent + 1
            guard child < self.entries.count else { break }
            let other = child + 1
            if other < self.entries.count, self.entries[other].moment < self.entries[child].moment { child = other }
            guard self.entries[child].moment < entry.moment else { break }
            self.entries[parent] = self.entries[child]
            parent = child
        }
        self.entries[parent] = entry
    }
}
