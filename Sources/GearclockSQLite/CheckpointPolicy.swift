/// Decides when the write-ahead log is copied into the file. ``SQLiteLog`` does it.
///
/// SQLite's own way is that every commit that finds more than 1000 pages in the log copies them, and waits for the disk
/// twice, before it returns. Here another connection copies while commits go on. It cannot make the log start again as
/// long as commits add to it; so when the log has grown long, one commit copies the little that is left, and the next
/// one starts at the beginning.
package struct CheckpointPolicy: Equatable, Sendable {
    package enum Step: Equatable, Sendable {
        case none
        /// Copy beside the commits. Report by ``backgroundCheckpointEnded()``.
        case checkpointInBackground
        /// Copy within this commit.
        case checkpointNow
    }

    /// Pages of 4 KiB that are copied at once: many changes of one page in between are copied as one.
    package static let intervalPages = 4000
    /// A log of so many pages is made to start again: 64 MiB, which are read in a moment when a process was killed.
    package static let longPages = 16_000

    /// The length of the log when it was last copied.
    private var copiedPages = 0
    private var isUnderWay = false

    package init() {}

    /// - Parameter pages: the length of the log after a commit.
    package mutating func committed(logPages pages: Int) -> Step {
        // It has started again.
        if pages < self.copiedPages { self.copiedPages = 0 }
        guard !self.isUnderWay, pages - self.copiedPages >= Self.intervalPages else { return .none }
        self.copiedPages = pages
        if pages >= Self.longPages { return .checkpointNow }
        self.isUnderWay = true
        return .checkpointInBackground
    }

    package mutating func backgroundCheckpointEnded() {
        self.isUnderWay = false
    }
}
