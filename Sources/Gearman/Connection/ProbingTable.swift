/// What a ``ProbingTable`` finds its values by.
package protocol ProbingKey: Equatable, Sendable {
    /// Differs for different keys, as a rule.
    var scatter: UInt64 { get }
}

extension UInt64: ProbingKey {
    package var scatter: UInt64 { self }
}

/// Values by keys that no attacker chooses, such as jobs by numbers of our own making, or by the handles of the server
/// that is trusted with them.
///
/// Each job is put in, looked up and taken out several times on its way. A `Dictionary` hashes in a way that an
/// attacker cannot foresee, for every one of these and for the neighbours of what is taken out. This is open addressing
/// with linear probing: a multiplication, and one or two comparisons.
package struct ProbingTable<Key: ProbingKey, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let key: Key
        var value: Value
    }

    /// What stands for the key of each slot, 0 where it is free: half of them at least. A power of two; none while the
    /// table is empty from the start.
    private var marks: [UInt64] = []
    /// What was last in each slot, or anything at all where that is free: an optional would be asked what it is at run
    /// time, each time.
    private var entries: [Entry] = []
    /// What leaves a mark as many bits as a place in the slots has.
    private var shift = 64
    package private(set) var count = 0

    package init() {}

    var isEmpty: Bool { self.count == 0 }

    package subscript(key: Key) -> Value? {
        guard let index = self.index(of: key) else { return nil }
        return self.entries[index].value
    }

    /// Puts in a value, in place of an earlier one.
    ///
    /// - Returns: the earlier one.
    @discardableResult
    package mutating func insert(_ value: Value, for key: Key) -> Value? {
        let mark = Self.mark(of: key)
        let entry = Entry(key: key, value: value)
        if (self.count + 1) * 2 > self.marks.count { self.grow(for: entry) }
        let index = self.slot(of: key, mark: mark)
        guard self.marks[index] == 0 else {
            let earlier = self.entries[index].value
            self.entries[index].value = value
            return earlier
        }
        self.marks[index] = mark
        self.entries[index] = entry
        self.count += 1
        return nil
    }

    /// Changes a value where it stands, without a copy.
    ///
    /// - Returns: what `change` returns; nil if there is no such key.
    package mutating func update<Result>(_ key: Key, _ change: (inout Value) -> Result) -> Result? {
        guard let index = self.index(of: key) else { return nil }
        return change(&self.entries[index].value)
    }

    @discardableResult
    package mutating func removeValue(of key: Key) -> Value? {
        guard let index = self.index(of: key) else { return nil }
        let value = self.entries[index].value
        self.remove(at: index)
        return value
    }

    /// Forgets a key, without a copy of its value. It need not be there.
    package mutating func remove(_ key: Key) {
        guard let index = self.index(of: key) else { return }
        self.remove(at: index)
    }

    private mutating func remove(at index: Int) {
        self.marks[index] = 0
        self.count -= 1
        self.close(gap: index)
    }

    // MARK: Slots

    /// A product in whose high bits consecutive numbers lie far apart, and that is not 0.
    private static func mark(of key: Key) -> UInt64 {
        (key.scatter &* 0x9e37_79b9_7f4a_7c15) | 1
    }

    private func index(of key: Key) -> Int? {
        guard self.count > 0 else { return nil }
        let index = self.slot(of: key, mark: Self.mark(of: key))
        return self.marks[index] == 0 ? nil : index
    }

    /// Where the key is, or else the free slot for it.
    private func slot(of key: Key, mark: UInt64) -> Int {
        var index = self.home(of: mark)
        while self.marks[index] != 0, self.marks[index] != mark || !self.isKey(key, at: index) {
            index = self.after(index)
        }
        return index
    }

    /// Compares where the entry lies: taken out of the array, its key would be copied.
    private func isKey(_ key: Key, at index: Int) -> Bool {
        self.entries.withUnsafeBufferPointer { $0[index].key == key }
    }

    /// Where the search for a key begins.
    private func home(of mark: UInt64) -> Int { Int(truncatingIfNeeded: mark >> self.shift) }

    private func after(_ index: Int) -> Int { (index + 1) & (self.marks.count - 1) }

    /// Moves those that follow without a gap, and were pushed on by others, nearer to where their search begins.
    private mutating func close(gap: Int) {
        var gap = gap
        var index = self.after(gap)
        while self.marks[index] != 0 {
            let distance = (index - self.home(of: self.marks[index])) & (self.marks.count - 1)
            if distance >= (index - gap) & (self.marks.count - 1) {
                self.marks.swapAt(gap, index)
                self.entries[gap] = self.entries[index]
                gap = index
            }
            index = self.after(index)
        }
    }

    private mutating func grow(for entry: Entry) {
        let (marks, entries) = (self.marks, self.entries)
        let capacity = max(8, marks.count * 2)
        self.marks = Array(repeating: 0, count: capacity)
        self.entries = Array(repeating: entry, count: capacity)
        self.shift = 64 - capacity.trailingZeroBitCount
        for index in marks.indices where marks[index] != 0 {
            let slot = self.slot(of: entries[index].key, mark: marks[index])
            self.marks[slot] = marks[index]
            self.entries[slot] = entries[index]
        }
    }

    /// What is in it, in the order of the slots.
    private var content: some Sequence<Entry> {
        zip(self.marks, self.entries).lazy.filter { $0.0 != 0 }.map(\.1)
    }
}

extension ProbingTable where Key: Comparable {
    /// Everything in it, in ascending order of the keys.
    package var sorted: [(key: Key, value: Value)] {
        self.content.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }
}

extension ProbingTable: Equatable where Value: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.count == right.count && left.content.allSatisfy { right[$0.key] == $0.value }
    }
}
