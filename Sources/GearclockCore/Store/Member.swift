/// What a daemon does for a cluster.
package enum MemberRole: UInt8, CaseIterable, Sendable {
    case dispatcher = 0
    case controller = 1
}

/// One daemon of a cluster, as the store's membership table has it.
///
/// Nobody compares clocks: who sees that `beats` has grown since it last looked knows that the member lived in between.
package struct Member: Equatable, Sendable {
    package var id: OwnerID
    package var role: MemberRole
    package var beats: UInt64

    package init(id: OwnerID, role: MemberRole, beats: UInt64) {
        self.id = id
        self.role = role
        self.beats = beats
    }
}

/// What an operator wants of one function, in one cluster. Without an entry nothing is limited.
package struct FunctionSettings: Equatable, Sendable {
    package var function: FunctionName
    /// No task of it is started until it is resumed.
    package var isPaused: Bool
    /// Jobs of it that may be with job servers at once, over all controllers; `nil`: any number.
    package var inFlight: UInt32?
    /// Jobs of it that may be started in a thousand seconds, over all controllers; `nil`: any number.
    package var perThousandSeconds: UInt32?
    /// No job of it is started while a job server has so many queued, whoever submitted them; `nil`: whatever it has.
    package var queueWatermark: UInt32?

    package init(
        function: FunctionName, isPaused: Bool = false, inFlight: UInt32? = nil, perThousandSeconds: UInt32? = nil,
        queueWatermark: UInt32? = nil
    ) {
        self.function = function
        self.isPaused = isPaused
        self.inFlight = inFlight
        self.perThousandSeconds = perThousandSeconds
        self.queueWatermark = queueWatermark
    }

    /// Its jobs are to be fewer, or slower, than they could be.
    package var isLimited: Bool { self.smallestLimit != nil }

    /// Where it is smaller than the number of controllers, some of them have no part of it.
    package var smallestLimit: UInt32? {
        [self.inFlight, self.perThousandSeconds, self.queueWatermark].compactMap { $0 }.min()
    }

    /// Nothing is wanted: as if there were no entry.
    package var isEmpty: Bool { !self.isPaused && !self.isLimited }
}

/// How far the clock of a database node is from ours.
package struct NodeClock: Equatable, Sendable {
    package var node: String
    /// Positive: it is ahead of ours. Half of the round trip is subtracted.
    package var offset: Duration
    /// It may be off by so much in either direction: half of the round trip.
    package var uncertainty: Duration

    package init(node: String, offset: Duration, uncertainty: Duration) {
        self.node = node
        self.offset = offset
        self.uncertainty = uncertainty
    }
}
