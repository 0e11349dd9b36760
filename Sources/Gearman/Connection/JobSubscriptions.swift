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

    /// A job of each handle, as a rule the only one.
    private var single = ProbingTable<HandleBytes, UInt64>()
    /// All jobs of the handles that have, or had, more than one.
    private var several: [HandleBytes: Subscribers] = [:]

    /// How many different handles are subscribed to.
    var count: Int { self.single.count }

    mutating func subscribe(_ id: UInt64, to handle: HandleBytes) {
        guard let earlier = self.single.insert(id, for: handle) else { return }
        self.several[handle, default: Subscribers(first: earlier)].others.append(id)
    }

    /// The job to which this packet goes; nil if none hears of the handle (any more).
    mutating func deal(_ handle: HandleBytes, isFinal: Bool) -> UInt64? {
        if !self.several.isEmpty, self.several[handle] != nil {
            guard isFinal else { return self.several[handle]?.deal() }
            if let id = self.several[handle]?.dealFinal() { return id }
            // The last one, whichever it is.
            defer { self.single.remove(handle) }
            return self.several.removeValue(forKey: handle)?.first
        }
        return isFinal ? self.single.removeValue(of: handle) : self.single[handle]
    }
}
