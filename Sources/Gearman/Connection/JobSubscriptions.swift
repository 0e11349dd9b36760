/// Who is to hear of the WORK_* packets of which handle.
///
/// Several submissions of one connection get one handle when the server merges them by their unique ID. The server then
/// sends each WORK_* packet once for each of them, all copies of a packet in a row, so that they are dealt out in turn.
struct JobSubscriptions: Equatable, Sendable {
    private struct Subscribers: Equatable, Sendable {
        var first: UInt64
        var others: [UInt64] = []
        /// Whose copy comes next.
        var turn = 0

        /// The job whose copy this is.
        mutating func deal() -> UInt64 {
            let id = self.turn == 0 ? self.first : self.others[self.turn - 1]
            self.turn = self.turn == self.others.count ? 0 : self.turn + 1
            return id
        }

        /// The job whose copy this is, which hears nothing more. Nil for the last one: then none is left.
        mutating func dealFinal() -> UInt64? {
            guard !self.others.isEmpty else { return nil }
            let id: UInt64
            if self.turn == 0 {
                id = self.first
                self.first = self.others.removeFirst()
            } else {
                id = self.others.remove(at: self.turn - 1)
                if self.turn > self.others.count { self.turn = 0 }
            }
            return id
        }
    }

    private var subscribers = ProbingTable<HandleBytes, Subscribers>()

    /// How many different handles are subscribed to.
    var count: Int { self.subscribers.count }

    mutating func subscribe(_ id: UInt64, to handle: HandleBytes) {
        // One search for a handle of its own, which is the rule.
        guard var earlier = self.subscribers.insert(Subscribers(first: id), for: handle) else { return }
        earlier.others.append(id)
        self.subscribers.insert(earlier, for: handle)
    }

    /// The job to which this packet goes; nil if none hears of the handle (any more).
    mutating func deal(_ handle: HandleBytes, isFinal: Bool) -> UInt64? {
        guard isFinal else { return self.subscribers.update(handle) { $0.deal() } }
        guard var last = self.subscribers.removeValue(of: handle) else { return nil }
        guard let id = last.dealFinal() else { return last.first }
        self.subscribers.insert(last, for: handle)
        return id
    }
}
