/// What will happen, earliest first; of two things at one moment, what was planned first.
struct EventQueue<Event> {
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
        self.free.append(first.slot)
        var event: Event?
        swap(&event, &self.slots[first.slot])
        return (first.time, event!)
    }

    private mutating func sink() {
        self.heap.withUnsafeMutableBufferPointer { heap in
            let sinking = heap[0]
            var parent = 0
            while 2 * parent + 1 < heap.count {
                var child = 2 * parent + 1
                if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
                guard heap[child] < sinking else { break }
                heap[parent] = heap[child]
                parent = child
            }
            heap[parent] = sinking
        }
    }
}
