/// Counts how often in a row a worker was woken as soon as it slept, and got no job.
///
/// Several workers that are woken for one job have such rounds too, so some of them cost nothing.
struct FutileRounds: Equatable, Sendable {
    /// A worker that slept longer was woken by something new.
    private static let shortSleep: Duration = .milliseconds(50)
    private static let freeRounds = 8
    private static let firstPause: Duration = .milliseconds(1)
    /// What a job waits at most because of the rounds before it.
    private static let longestPause: Duration = .milliseconds(256)

    private var count = 0
    private var sleptAt = GearmanInstant(nanoseconds: 0)

    /// The server has no job and will wake the worker.
    mutating func slept(now: GearmanInstant) {
        self.sleptAt = now
    }

    /// The server wakes the worker, which has had no job since the value was made.
    /// - Returns: when to ask for a job, if not at once.
    mutating func woken(now: GearmanInstant) -> GearmanInstant? {
        guard self.sleptAt.duration(to: now) < Self.shortSleep else {
            self.count = 0
            return nil
        }
        self.count += 1
        guard self.count > Self.freeRounds else { return nil }
        let doublings = min(self.count - Self.freeRounds - 1, 8)
        return now.advanced(by: min(Self.firstPause * (1 << doublings), Self.longestPause))
    }
}
