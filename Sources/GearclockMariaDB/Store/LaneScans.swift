package import GearclockCore

/// Where one connection begins to look in each lane: a ``ScanBound`` for each of them, as far as it has one, and one
/// for the look at all lanes.
///
/// A look at all lanes walks over whatever the server has not purged in any of them. While that is slow, the lanes that
/// the latest look found are asked one by one, each from its own bound; a lane that is new waits for the next look.
package struct LaneScans: Equatable, Sendable {
    /// Where a look into one lane began, and what it found first, or up to where it looked and found nothing.
    package struct Look: Equatable, Sendable {
        package var lane: Lane
        package var start: Timestamp
        package var head: Timestamp

        package init(lane: Lane, start: Timestamp, head: Timestamp) {
            self.lane = lane
            self.start = start
            self.head = head
        }
    }

    /// So many lanes have a bound at most; beyond it, all of them are looked at anew.
    private static let capacity = 4096

    private var all = ScanBound()
    /// The lanes that the latest look at all of them found.
    private var known: [Lane] = []
    private var bounds: [Lane: ScanBound] = [:]
    /// What the bounds are about. What stands in other buckets may stand before them.
    private var buckets = BucketSet.all

    package init() {}

    /// The lanes to ask instead of looking at all; `nil`: look at all.
    package func lanesToAsk(now: MonotonicInstant) -> [Lane]? {
        self.all.start(now: now) == .distantPast ? nil : self.known
    }

    /// Where a look into a lane that starts now begins.
    package mutating func start(of lane: Lane, _ buckets: BucketSet, now: MonotonicInstant) -> Timestamp {
        if self.buckets != buckets {
            self.buckets = buckets
            self.bounds = [:]
        }
        return self.bounds[lane]?.start(now: now) ?? .distantPast
    }

    /// All lanes were looked at; parameters as of ``ScanBound/scanned(from:head:present:took:now:purgeLag:)``.
    package mutating func scannedAll<Failure: Error>(
        _ found: [LaneDue], present: Timestamp, took: Duration, now: MonotonicInstant,
        purgeLag: () throws(Failure) -> Int
    ) throws(Failure) {
        try self.all.scanned(
            from: .distantPast, head: present, present: present, took: took, now: now, purgeLag: purgeLag)
        self.known = found.map(\.lane)
        let looks = found.map { Look(lane: $0.lane, start: .distantPast, head: $0.dueAt) }
        try self.scanned(looks, present: present, took: took, now: now, purgeLag: purgeLag)
    }

    /// Some lanes were looked at together.
    package mutating func scanned<Failure: Error>(
        _ looks: [Look], present: Timestamp, took: Duration, now: MonotonicInstant,
        purgeLag: () throws(Failure) -> Int
    ) throws(Failure) {
        if self.bounds.count > Self.capacity { self.bounds = [:] }
        for look in looks {
            var bound = self.bounds[look.lane] ?? ScanBound()
            try bound.scanned(
                from: look.start, head: look.head, present: present, took: took, now: now, purgeLag: purgeLag)
            // What is not slow needs no place.
            self.bounds[look.lane] = bound == ScanBound() ? nil : bound
        }
    }
}
