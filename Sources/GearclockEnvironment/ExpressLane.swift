package import GearclockCore

/// The way from a worker daemon to the dispatcher of a cluster in the same process. It is used on the executor that
/// both of them have.
package struct ExpressLane: Sendable {
    /// What the dispatcher would take at once; `nil`: nothing now.
    package let offer: @Sendable () -> ExpressOffer?
    /// Tells the dispatcher what was stored.
    package let stored: @Sendable (StoredTasks) -> Void
    /// Has something called when it is time to ask again for room.
    package let awaitRoom: @Sendable (@escaping @Sendable () -> Void) -> Void

    package init(
        offer: @escaping @Sendable () -> ExpressOffer?, stored: @escaping @Sendable (StoredTasks) -> Void,
        awaitRoom: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.offer = offer
        self.stored = stored
        self.awaitRoom = awaitRoom
    }
}
