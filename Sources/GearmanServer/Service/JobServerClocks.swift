internal import Foundation
internal import Gearman

extension JobServerTime {
    /// This moment.
    static var now: JobServerTime {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        return JobServerTime(
            monotonic: .now, wallNanoseconds: Int64(wall.tv_sec) * 1_000_000_000 + Int64(wall.tv_nsec))
    }
}
