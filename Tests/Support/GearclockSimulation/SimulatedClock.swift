internal import GearclockCore

/// The two clocks of a simulated machine. The wall clock drifts and jumps, never further from the truth than its limit;
/// the monotonic one is exact and starts anywhere.
struct SimulatedClock {
    /// The wall time at which every simulation starts: 2026-01-01T00:00:00Z.
    static let start: Int64 = 1_767_225_600_000_000

    private let monotonicStart: Int64
    private let limit: Int64
    private let driftPerMillion: Int64
    private var offset: Int64
    private var anchor: Int64 = 0

    init(limit: Int64, driftPerMillion: Int64, _ dice: inout Dice) {
        self.monotonicStart = dice.between(0, 1_000_000_000)
        self.limit = limit
        self.driftPerMillion = driftPerMillion == 0 ? 0 : dice.between(-driftPerMillion, driftPerMillion)
        self.offset = limit == 0 ? 0 : dice.between(-limit, limit)
    }

    /// - Parameter time: the true time, in microseconds since the start of the simulation.
    func read(at time: Int64) -> Now {
        let drifted = self.offset + (time - self.anchor) * self.driftPerMillion / 1_000_000
        return Now(
            wall: Timestamp(microseconds: Self.start + time + min(self.limit, max(-self.limit, drifted))),
            monotonic: MonotonicInstant(microseconds: self.monotonicStart + time))
    }

    /// The true time of a monotonic instant.
    func time(of instant: MonotonicInstant) -> Int64 {
        instant.microseconds.subtractingSaturated(self.monotonicStart)
    }

    /// An operator or a time daemon sets the wall clock.
    mutating func jump(at time: Int64, _ dice: inout Dice) {
        self.anchor = time
        self.offset = self.limit == 0 ? 0 : dice.between(-self.limit, self.limit)
    }
}
