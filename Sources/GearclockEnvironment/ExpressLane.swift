package import GearclockCore

/// The way from a worker daemon to the dispatcher of a cluster in the same process. It is used on the executor that
/// both of them have.
package struct ExpressLane: Sendable {
    /// What the dispatcher would take at once; `nil`: nothing now.
    package let offer: @Sendable () -> ExpressOffer?
    /// Tells the dispatcher what was stored.
    package let stored: @Sendable (StoredTasks) -> Void

    package init(
        offer: @escaping @Sendable () -> ExpressOffer?, stored: @escaping @Sendable (StoredTasks) -> Void
    ) {
        self.offer = offer
        self.stored = stored
    }
}
