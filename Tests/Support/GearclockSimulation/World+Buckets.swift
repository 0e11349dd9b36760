internal import GearclockCore

/// Dispatchers that know each other never compete.
extension World {
    /// How long it takes after everything healed until all know who lives: the slowest call from before has ended, and
    /// those who were missed have been seen again.
    private static let timeToSettle: Int64 = 15_000_000

    /// A process starts or ends: until all know of it, two dispatchers may claim from one bucket.
    mutating func membersChanged() {
        self.membersChangedAt = self.time
        self.claimedBuckets = [:]
    }

    mutating func checkBuckets(_ request: ClaimRequest) {
        // Who gets nothing accepted does as if it were dead, and tries a task now and then.
        if self.nodes.indices.contains(where: { self.nodes[$0].dispatcher?.isStuck(self.dueNow($0)) == true }) {
            self.membersChanged()
        }
        guard self.phase == .healed, self.time - self.membersChangedAt > Self.timeToSettle else { return }
        self.claimedBuckets[request.owner] = request.buckets
        for (owner, buckets) in self.claimedBuckets where owner != request.owner {
            if buckets.mask & request.buckets.mask != 0 {
                self.ledger.fail("Two dispatchers claim from the same buckets", breaks: .alone)
            }
        }
    }
}
