package import GearclockCore

/// Where one connection begins to look for what is due.
///
/// The index entries of rows that were changed or removed stay until the server purges them, and until then every scan
/// that begins before them walks over them: one open read view somewhere, a backup for example, and a look that finds
/// nothing takes half a second. So a scan may begin at a lower bound: nothing stood before it when somebody last looked
/// at everything.
///
/// The bound is wrong when a task is stored that is due before it. Therefore it stays a margin behind the present,
/// where new tasks and retries are due; it is used only while looking at everything is slow *because* the server is
/// behind with its purge; and now and then everything is looked at all the same. A task that was overdue by more than
/// the margin when it was stored may then wait for that, which is a twentieth of the time, never more than some
/// seconds.
package struct ScanBound: Equatable, Sendable {
    /// Looking at everything is slow from here on.
    static let slow: Duration = .milliseconds(10)
    /// The server is behind from so many transactions on: with as many the entries of a hundred thousand rows may be
    /// left, with fewer slowness has another reason and every scan looks at everything.
    static let purgeLag = 500
    /// How far behind the present the bound stays: longer than an insert takes, and than clocks differ.
    static let margin: Duration = .seconds(2)
    /// How much longer than a look at everything the time until the next one is.
    static let rarity = 20
    /// The longest time until everything is looked at again.
    static let longest: Duration = .seconds(10)

    /// Nothing stood before it; `nil`: not known.
    private var floor: Timestamp?
    /// When everything is looked at again.
    private var nextFullScan: MonotonicInstant?
    /// The latest full scan was slow: once may be chance.
    private var wasSlow = false

    package init() {}

    /// Where a scan that starts now begins.
    package func start(now: MonotonicInstant) -> Timestamp {
        guard let floor, let nextFullScan, now < nextFullScan else { return .distantPast }
        return floor
    }

    /// A scan has ended.
    ///
    /// - Parameters:
    ///   - start: where it began.
    ///   - head: the first thing that it found, or up to where it looked and found nothing.
    ///   - present: the caller's time.
    ///   - took: how long it took.
    ///   - purgeLag: asks the server how many transactions its purge is behind.
    package mutating func scanned<Failure: Error>(
        from start: Timestamp, head: Timestamp, present: Timestamp, took: Duration, now: MonotonicInstant,
        purgeLag: () throws(Failure) -> Int
    ) throws(Failure) {
        if start == .distantPast {
            let isSlow = took >= Self.slow
            defer { self.wasSlow = isSlow }
            guard isSlow, self.wasSlow, try purgeLag() >= Self.purgeLag else {
                self.floor = nil
                self.nextFullScan = nil
                return
            }
            self.nextFullScan = now.advanced(by: min(Self.longest, took * Self.rarity))
        }
        self.floor = max(start, min(head, present.advanced(by: Self.margin * -1)))
    }
}
