/// Finds the places of jobs by a hash; whoever looks for one compares what the hash was made of.
///
/// A dictionary would keep a copy of each key, and hash it anew for each question.
package struct JobIndex: Equatable, Sendable {
    private struct Entry: Equatable, Sendable {
        var hash: UInt32
        /// -1: nothing is here.
        var slot: JobSlot
    }

    /// A power of two of them, half of them free at least. A job lies where its hash points, or in the next free place.
    private var entries = [Entry](repeating: Entry(hash: 0, slot: -1), count: 16)
    package private(set) var count = 0

    package init() {}

    /// The first job of this hash for which that is true, if there is any. Their order means nothing.
    package func first(_ hash: UInt32, where isMeant: (JobSlot) -> Bool) -> JobSlot? {
        var place = self.home(of: hash)
        while self.entries[place].slot >= 0 {
            if self.entries[place].hash == hash, isMeant(self.entries[place].slot) { return self.entries[place].slot }
            place = self.place(after: place)
        }
        return nil
    }

    package mutating func insert(_ slot: JobSlot, hash: UInt32) {
        if 2 * (self.count + 1) > self.entries.count { self.grow() }
        self.put(Entry(hash: hash, slot: slot))
        self.count += 1
    }

    /// - Returns: whether it was there.
    @discardableResult
    package mutating func remove(_ slot: JobSlot, hash: UInt32) -> Bool {
        var gap = self.home(of: hash)
        while self.entries[gap].slot != slot {
            guard self.entries[gap].slot >= 0 else { return false }
            gap = self.place(after: gap)
        }
        // Who had to move on because of it comes back.
        var place = self.place(after: gap)
        while self.entries[place].slot >= 0 {
            let distance = self.distance(from: self.home(of: self.entries[place].hash), to: place)
            if distance >= self.distance(from: gap, to: place) {
                self.entries[gap] = self.entries[place]
                gap = place
            }
            place = self.place(after: place)
        }
        self.entries[gap].slot = -1
        self.count -= 1
        return true
    }

    /// All places, in an order that means nothing.
    package var slots: [JobSlot] { self.entries.lazy.map(\.slot).filter { $0 >= 0 } }

    private mutating func grow() {
        let old = self.entries
        self.entries = [Entry](repeating: Entry(hash: 0, slot: -1), count: 2 * old.count)
        for entry in old where entry.slot >= 0 { self.put(entry) }
    }

    private mutating func put(_ entry: Entry) {
        var place = self.home(of: entry.hash)
        while self.entries[place].slot >= 0 { place = self.place(after: place) }
        self.entries[place] = entry
    }

    private func home(of hash: UInt32) -> Int { Int(hash) & (self.entries.count - 1) }
    private func place(after place: Int) -> Int { (place + 1) & (self.entries.count - 1) }
    private func distance(from start: Int, to end: Int) -> Int { (end - start) & (self.entries.count - 1) }
}
