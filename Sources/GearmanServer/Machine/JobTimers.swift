/// Moments at which something happens to jobs, the earliest first. An entry whose job has ended, or has another moment
/// now, is dead: it is dropped when its time comes, or when half of all entries are dead.
struct JobTimers: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        let nanoseconds: Int64
        let slot: JobSlot
        let number: UInt64
    }

    private var heap: [Entry] = []

    var count: Int { self.heap.count }
    var first: Entry? { self.heap.first }

    /// - Parameter isLive: tells the entries that still mean something.
    mutating func insert(_ entry: Entry, liveCount: Int, isLive: (Entry) -> Bool) {
        if self.heap.count > 2 * liveCount + 64 {
            let live = self.heap.filter(isLive)
            self.heap = []
            for entry in live { self.push(entry) }
        }
        self.push(entry)
    }

    @discardableResult
    mutating func popFirst() -> Entry? {
        guard let first = self.heap.first else { return nil }
        let last = self.heap.removeLast()
        guard !self.heap.isEmpty else { return first }
        self.heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < self.heap.count {
                if self.heap[child].isBefore(self.heap[smallest]) { smallest = child }
            }
            guard smallest != parent else { return first }
            self.heap.swapAt(parent, smallest)
            parent = smallest
        }
    }

    private mutating func push(_ entry: Entry) {
        self.heap.append(entry)
        var child = self.heap.count - 1
        while child > 0, self.heap[child].isBefore(self.heap[(child - 1) / 2]) {
            self.heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }
}

extension JobTimers.Entry {
    /// Of two at the same moment, the job that was submitted first.
    fileprivate func isBefore(_ other: Self) -> Bool {
        self.nanoseconds != other.nanoseconds ? self.nanoseconds < other.nanoseconds : self.number < other.number
    }
}
