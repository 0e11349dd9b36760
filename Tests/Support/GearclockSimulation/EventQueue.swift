/// What will happen, earliest first; of two things at one moment, what was planned first.
struct EventQueue {
    private struct Entry {
        let time: Int64
        let number: UInt64
        let slot: Int

        static func < (left: Entry, right: Entry) -> Bool {
            left.time != right.time ? left.time < right.time : left.number < right.number
        }
    }

    /// Events lie still in slots; only these small entries move.
    private var heap: [Entry] = []
    private var slots: [Event?] = []
    private var free: [Int] = []
    private var count: UInt64 = 0

    mutating func insert(_ event: Event, at time: Int64) {
        let slot: Int
        if let last = self.free.popLast() {
            slot = last
            self.slots[slot] = event
        } else {
            slot = self.slots.count
            self.slots.append(event)
        }
        self.count += 1
        self.heap.append(Entry(time: time, number: self.count, slot: slot))
        var child = self.heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.heap[child] < self.heap[parent] else { return }
            self.heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() -> (time: Int64, event: Event)? {
        guard let first = self.heap.first else { return nil }
        let last = self.heap.removeLast()
        if !self.heap.isEmpty {
            self.heap[0] = last
            self.sink()
        }
        defer {
            self.slots[first.slot] = nil
            self.free.append(first.slot)
        }
        return (first.time, self.slots[first.slot]!)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < self.heap.count {
                if self.heap[child] < self.heap[least] { least = child }
            }
            guard least != parent else { return }
            self.heap.swapAt(parent, least)
            parent = least
        }
    }
}
