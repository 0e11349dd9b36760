/// Values by numbers of our own making, such as jobs by theirs.
///
/// Each job is put in, looked up and taken out several times on its way. A `Dictionary` hashes in a way that an
/// attacker cannot foresee, for every one of these and for the neighbours of what is taken out; our own numbers attack
/// nobody. This is open addressing with linear probing: a multiplication, and one or two comparisons.
package struct NumberTable<Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        var number: UInt64 = 0
        /// Nil: the slot is free.
        var value: Value?
    }

    /// A power of two, half of them free at least; none while the table is empty from the start.
    private var slots: [Slot] = []
    /// What leaves a number's product as many bits as a place in the slots has.
    private var shift = 64
    package private(set) var count = 0

    package init() {}

    var isEmpty: Bool { self.count == 0 }

    package subscript(number: UInt64) -> Value? {
        guard let index = self.index(of: number) else { return nil }
        return self.slots[index].value
    }

    /// Puts in a value, in place of an earlier one.
    ///
    /// - Returns: whether the number is new.
    @discardableResult
    package mutating func insert(_ value: Value, for number: UInt64) -> Bool {
        if (self.count + 1) * 2 > self.slots.count { self.grow() }
        var index = self.home(of: number)
        while self.slots[index].value != nil, self.slots[index].number != number { index = self.after(index) }
        let isNew = self.slots[index].value == nil
        self.slots[index].number = number
        self.slots[index].value = value
        if isNew { self.count += 1 }
        return isNew
    }

    /// Changes a value where it stands, without a copy.
    ///
    /// - Returns: what `change` returns; nil if there is no such number.
    package mutating func update<Result>(_ number: UInt64, _ change: (inout Value) -> Result) -> Result? {
        guard let index = self.index(of: number) else { return nil }
        return change(&self.slots[index].value!)
    }

    @discardableResult
    package mutating func removeValue(of number: UInt64) -> Value? {
        guard let index = self.index(of: number) else { return nil }
        let value = self.slots[index].value.take()
        self.count -= 1
        self.close(gap: index)
        return value
    }

    /// Everything in it, in ascending order of the numbers.
    package var sorted: [(number: UInt64, value: Value)] {
        self.slots.compactMap { slot in slot.value.map { (slot.number, $0) } }.sorted { $0.0 < $1.0 }
    }

    // MARK: Slots

    private func index(of number: UInt64) -> Int? {
        guard self.count > 0 else { return nil }
        var index = self.home(of: number)
        while self.slots[index].value != nil {
            if self.slots[index].number == number { return index }
            index = self.after(index)
        }
        return nil
    }

    /// Where the search for a number begins: the high bits of a product in which consecutive numbers lie far apart.
    private func home(of number: UInt64) -> Int {
        Int(truncatingIfNeeded: (number &* 0x9e37_79b9_7f4a_7c15) >> self.shift)
    }

    private func after(_ index: Int) -> Int { (index + 1) & (self.slots.count - 1) }

    /// Moves those that follow without a gap, and were pushed on by others, nearer to where their search begins.
    private mutating func close(gap: Int) {
        var gap = gap
        var index = self.after(gap)
        while self.slots[index].value != nil {
            let distance = (index - self.home(of: self.slots[index].number)) & (self.slots.count - 1)
            if distance >= (index - gap) & (self.slots.count - 1) {
                self.slots.swapAt(gap, index)
                gap = index
            }
            index = self.after(index)
        }
    }

    private mutating func grow() {
        let old = self.slots
        self.slots = Array(repeating: Slot(), count: max(8, old.count * 2))
        self.shift = 64 - self.slots.count.trailingZeroBitCount
        self.count = 0
        for slot in old {
            if let value = slot.value { self.insert(value, for: slot.number) }
        }
    }
}

extension NumberTable: Equatable where Value: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.count == right.count
            && left.slots.allSatisfy { $0.value == nil || right[$0.number] == $0.value }
    }
}
