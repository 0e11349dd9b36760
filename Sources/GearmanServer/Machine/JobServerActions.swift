package import Gearman

/// One connection of a server, from its opening until its end is reported. Its place is given to another one later.
package struct ConnectionID: Hashable, Sendable {
    /// Where the caller may keep what belongs to the connection: small numbers, used again.
    package var slot: Int { Int(self.index) }
    private let index: UInt32
    let generation: UInt32

    init(slot: Int, generation: UInt32) {
        self.index = UInt32(slot)
        self.generation = generation
    }
}

/// This moment, by both clocks. SUBMIT_JOB_EPOCH goes by the wall clock, timeouts by the other one.
package struct JobServerTime: Hashable, Sendable {
    package var monotonic: GearmanInstant
    /// Nanoseconds since 1970 UTC.
    package var wallNanoseconds: Int64

    package init(monotonic: GearmanInstant, wallNanoseconds: Int64) {
        self.monotonic = monotonic
        self.wallNanoseconds = wallNanoseconds
    }
}

/// What a server's caller does next, in the order of the properties.
package struct JobServerActions: Equatable, Sendable {
    package struct Write: Equatable, Sendable {
        package var connection: ConnectionID
        package var bytes: [UInt8]
    }

    package struct Close: Equatable, Sendable {
        package var connection: ConnectionID
        /// Whether what waits for the connection is still sent.
        package var isAfterFlush: Bool
    }

    /// Write these bytes, at most one piece for each connection. Whoever has more than
    /// `StreamLimits.writeBufferHighBytes` waiting after that is reported by `connectionFellBehind`, and by
    /// `connectionCaughtUp` when nothing waits any more.
    package var writes: [Write] = []
    /// Close these and report each by `connectionClosed`.
    package var closes: [Close] = []
    /// Report `timerFired` at this moment, in place of a later one asked for before. Nil: leave the timer alone.
    package var wakeAt: GearmanInstant?
    /// Make this change in the journal, and report it by `changeWritten`, `changeFailed` or `journalSuperseded`. Until
    /// then there is no other one.
    package var change: GearmanJournalChange?
    /// Accept no further connections, ever.
    package var stopsListening = false
    /// Close all connections, after what was written has left; the server is over.
    package var isFinished = false

    package init() {}
}
