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
    /// What was last in a slot, or anything at all where that is free: an optional would be asked what it is at run
    /// time, each time.
    private struct Slot: Sendable {
        /// What stands for the key, 0 where the slot is free.
        var mark: UInt64
        var key: Key
        var value: Value
    }

    /// Half of them are free at least. A power of two; none while the table is empty from the start.
    private var slots: [Slot] = []
    /// What leaves a mark as many bits as a place in the slots has.
    private var shift: UInt64 = 64
    package private(set) var count = 0

    package init() {}

    var isEmpty: Bool { self.count == 0 }

    package subscript(key: Key) -> Value? {
        guard let index = self.index(of: key) else { return nil }
        return self.slots[index].value
    }

    /// Puts in a value, in place of an earlier one.
    ///
    /// - Returns: the earlier one.
    @discardableResult
    package mutating func insert(_ value: Value, for key: Key) -> Value? {
        let slot = Slot(mark: Self.mark(of: key), key: key, value: value)
        if (self.count + 1) * 2 > self.slots.count { self.grow(for: slot) }
        let index = self.place(of: key, mark: slot.mark)
        guard self.slots[index].mark == 0 else {
            let earlier = self.slots[index].value
            self.slots[index].value = value
            return earlier
        }
        self.slots[index] = slot
        self.count += 1
        return nil
    }

    /// Changes a value where it stands, without a copy.
    ///
    /// - Returns: what `change` returns; nil if there is no such key.
    package mutating func update<Result>(_ key: Key, _ change: (inout Value) -> Result) -> Result? {
        guard let index = self.index(of: key) else { return nil }
        return change(&self.slots[index].value)
    }

    @discardableResult
    package mutating func removeValue(of key: Key) -> Value? {
        guard let index = self.index(of: key) else { return nil }
        let value = self.slots[index].value
        self.remove(at: index)
        return value
    }

    /// Forgets a key, without a copy of its value. It need not be there.
    package mutating func remove(_ key: Key) {
        guard let index = self.index(of: key) else { return }
        self.remove(at: index)
    }

    // MARK: Slots

    /// A product in whose high bits consecutive numbers lie far apart, and that is not 0.
    private static func mark(of key: Key) -> UInt64 {
        (key.scatter &* 0x9e37_79b9_7f4a_7c15) | 1
    }

    private func index(of key: Key) -> Int? {
        guard self.count > 0 else { return nil }
        let index = self.place(of: key, mark: Self.mark(of: key))
        return self.slots[index].mark == 0 ? nil : index
    }

    /// Where the key is, or else the free slot for it.
    private func place(of key: Key, mark: UInt64) -> Int {
        // Compared where it lies: taken out of the array, the key would be copied.
        self.slots.withUnsafeBufferPointer { slots in
            var index = self.home(of: mark)
            while slots[index].mark != 0, slots[index].mark != mark || slots[index].key != key {
                index = self.after(index)
            }
            return index
        }
    }

    /// Where the search for a key begins.
    private func home(of mark: UInt64) -> Int { Int(truncatingIfNeeded: mark >> self.shift) }

    private func after(_ index: Int) -> Int { (index + 1) & (self.slots.count - 1) }

    /// Moves those that follow without a gap, and were pushed on by others, nearer to where their search begins.
    private mutating func remove(at index: Int) {
        self.count -= 1
        self.slots[index].mark = 0
        var gap = index
        var index = self.after(index)
        while self.slots[index].mark != 0 {
            let distance = (index - self.home(of: self.slots[index].mark)) & (self.slots.count - 1)
            if distance >= (index - gap) & (self.slots.count - 1) {
                self.slots[gap] = self.slots[index]
                self.slots[index].mark = 0
                gap = index
            }
            index = self.after(index)
        }
    }

    private mutating func grow(for slot: Slot) {
        let occupied = self.occupied
        let capacity = max(8, self.slots.count * 2)
        var free = slot
        free.mark = 0
        self.slots = Array(repeating: free, count: capacity)
        self.shift = UInt64(64 - capacity.trailingZeroBitCount)
        for slot in occupied { self.slots[self.place(of: slot.key, mark: slot.mark)] = slot }
    }

    /// In the order of the slots.
    private var occupied: [Slot] { self.slots.filter { $0.mark != 0 } }
}

extension ProbingTable where Key: Comparable {
    /// Everything in it, in ascending order of the keys.
    package var sorted: [(key: Key, value: Value)] {
        self.occupied.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }
}

extension ProbingTable: Equatable where Value: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.count == right.count && left.occupied.allSatisfy { right[$0.key] == $0.value }
    }
}
