import GearclockCore
import GearclockMariaDB
import Testing

@Suite struct ScanBoundTests {
    private static let wall = StoredTask.now
    private static func moment(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(microseconds: Int64(seconds * 1_000_000))
    }

    /// A scan of everything that took so long and found nothing up to a second ahead.
    private func scan(_ bound: inout ScanBound, took: Duration, at seconds: Double, lag: Int = 5000) {
        let now = Self.moment(seconds)
        bound.scanned(
            from: bound.start(now: now), head: Self.wall.advanced(by: .seconds(1)), present: Self.wall, took: took,
            now: now, purgeLag: { lag })
    }

    @Test func `while looking at everything is fast, every scan does`() {
        var bound = ScanBound()
        for second in 0..<5 {
            self.scan(&bound, took: .milliseconds(2), at: Double(second))
            #expect(bound.start(now: Self.moment(Double(second))) == .distantPast)
        }
    }

    @Test func `one slow scan is chance, two of them set a bound, behind the present`() {
        var bound = ScanBound()
        self.scan(&bound, took: .milliseconds(100), at: 0)
        #expect(bound.start(now: Self.moment(0)) == .distantPast)
        self.scan(&bound, took: .milliseconds(100), at: 1)
        #expect(bound.start(now: Self.moment(1.1)) == Self.wall.advanced(by: .seconds(-2)))
    }

    @Test func `without purge being behind, slowness sets no bound`() {
        var bound = ScanBound()
        for second in 0..<3 { self.scan(&bound, took: .seconds(1), at: Double(second), lag: 10) }
        #expect(bound.start(now: Self.moment(3)) == .distantPast)
    }

    @Test func `everything is looked at again after twenty times as long`() {
        var bound = ScanBound()
        self.scan(&bound, took: .milliseconds(100), at: 0)
        self.scan(&bound, took: .milliseconds(100), at: 1)
        #expect(bound.start(now: Self.moment(2.9)) > .distantPast)
        #expect(bound.start(now: Self.moment(3.1)) == .distantPast)
    }

    @Test func `the longest time until everything is looked at again is ten seconds`() {
        var bound = ScanBound()
        self.scan(&bound, took: .seconds(100), at: 0)
        self.scan(&bound, took: .seconds(100), at: 100)
        #expect(bound.start(now: Self.moment(109)) > .distantPast)
        #expect(bound.start(now: Self.moment(111)) == .distantPast)
    }

    @Test func `what was found first is never behind the bound`() {
        var bound = ScanBound()
        let overdue = Self.wall.advanced(by: .seconds(-3600))
        for second in 0..<2 {
            let now = Self.moment(Double(second))
            bound.scanned(
                from: bound.start(now: now), head: overdue, present: Self.wall, took: .milliseconds(500), now: now,
                purgeLag: { 5000 })
        }
        #expect(bound.start(now: Self.moment(1)) == overdue)
    }

    @Test func `each lane has a bound of its own, and all lanes are looked at again now and then`() {
        var scans = LaneScans()
        let (one, other) = (Lane(value: 1), Lane(value: 2))
        let overdue = Self.wall.advanced(by: .seconds(-3600))
        let found = [LaneDue(lane: one, dueAt: overdue), LaneDue(lane: other, dueAt: Self.wall)]
        for second in [0.0, 1] {
            #expect(scans.lanesToAsk(now: Self.moment(second)) == nil)
            scans.scannedAll(
                found, present: Self.wall, took: .milliseconds(500), now: Self.moment(second), purgeLag: { 5000 })
        }
        let now = Self.moment(2)
        #expect(scans.lanesToAsk(now: now) == [one, other])
        #expect(scans.start(of: one, .all, now: now) == overdue)
        #expect(scans.start(of: other, .all, now: now) == Self.wall.advanced(by: .seconds(-2)))
        #expect(scans.start(of: Lane(value: 3), .all, now: now) == .distantPast, "a lane that nobody looked at")
        #expect(scans.lanesToAsk(now: Self.moment(12)) == nil)
        #expect(scans.start(of: one, .all, now: Self.moment(12)) == .distantPast)
    }

    @Test func `looks that are fast leave no bound, nor does another share of the buckets`() {
        var scans = LaneScans()
        let lane = Lane(value: 1)
        let look = LaneScans.Look(lane: lane, start: .distantPast, head: Self.wall)
        for took in [Duration.milliseconds(1), .seconds(1), .seconds(1)] {
            scans.scanned([look], present: Self.wall, took: took, now: Self.moment(0), purgeLag: { 5000 })
        }
        #expect(scans.start(of: lane, .all, now: Self.moment(1)) > .distantPast)
        #expect(scans.start(of: lane, BucketSet(mask: 1), now: Self.moment(1)) == .distantPast)
        scans.scanned([look], present: Self.wall, took: .milliseconds(1), now: Self.moment(2), purgeLag: { 5000 })
        var fresh = LaneScans()
        #expect(fresh.start(of: lane, BucketSet(mask: 1), now: Self.moment(1)) == .distantPast)
        #expect(scans == fresh)
    }

    @Test func `a bound moves on with what its scans find, and never back`() {
        var bound = ScanBound()
        self.scan(&bound, took: .milliseconds(200), at: 0)
        self.scan(&bound, took: .milliseconds(200), at: 1)
        let first = bound.start(now: Self.moment(1.1))
        bound.scanned(
            from: first, head: .distantFuture, present: Self.wall.advanced(by: .seconds(30)), took: .milliseconds(1),
            now: Self.moment(1.2), purgeLag: { 5000 })
        #expect(bound.start(now: Self.moment(1.3)) == Self.wall.advanced(by: .seconds(28)))
        bound.scanned(
            from: bound.start(now: Self.moment(1.3)), head: .distantFuture, present: Self.wall, took: .milliseconds(1),
            now: Self.moment(1.4), purgeLag: { 5000 })
        #expect(bound.start(now: Self.moment(1.5)) == Self.wall.advanced(by: .seconds(28)))
    }
}
