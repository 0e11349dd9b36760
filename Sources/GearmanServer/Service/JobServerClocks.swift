internal import Foundation
internal import Gearman

extension JobServerTime {
    /// This moment.
    ///
    /// - Parameter monotonic: by the event loop's clock.
    init(monotonic: GearmanInstant) {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        self.init(
            monotonic: monotonic, wallNanoseconds: Int64(wall.tv_sec) * 1_000_000_000 + Int64(wall.tv_nsec))
    }
}
