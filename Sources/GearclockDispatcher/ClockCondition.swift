package import GearclockCore
package import Logging

/// Tells the log once when the clock of a database node is far from ours, and once when it is right again.
package struct ClockCondition: Sendable {
    /// More than any time service lets pass, and what a user notices.
    static let tolerance: Duration = .milliseconds(500)

    private var wrong: Set<String> = []

    package init() {}

    package mutating func observe(_ reply: Result<[NodeClock], TaskStoreError>, logger: Logger) {
        guard case .success(let clocks) = reply else { return }
        for clock in clocks {
            let metadata: Logger.Metadata = [
                "node": "\(clock.node)", "offset.seconds": "\(clock.offset.inSeconds)",
                "uncertainty.seconds": "\(clock.uncertainty.inSeconds)",
            ]
            logger.debug("The clock of a database node was compared with ours", metadata: metadata)
            let isWrong = abs(clock.offset.inSeconds) > Self.tolerance.inSeconds
            if isWrong, self.wrong.insert(clock.node).inserted {
                logger.warning("The clock of a database node differs from ours", metadata: metadata)
            } else if !isWrong, self.wrong.remove(clock.node) != nil {
                logger.info("The clock of a database node agrees with ours again", metadata: metadata)
            }
        }
    }
}
