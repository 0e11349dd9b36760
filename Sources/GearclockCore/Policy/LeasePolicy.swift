/// How long claims last, and how they are renewed and taken back.
package struct LeasePolicy: Equatable, Sendable {
    /// How long a lease lasts from its claim or its extension. Default 12 s: with ``rescueMargin``, and until somebody
    /// looks, a dead daemon's tasks run elsewhere within 15 s.
    package var lease: Duration
    /// A lease is extended when this much of it is left. Default: two thirds, so that one lost extension does no harm.
    package var extendWhenLeft: Duration
    /// A task whose lease has less left when it is to be started is started only after the store has extended it.
    /// Default three quarters: who has it fresh from its dispatcher need not ask, and who held it for long may have
    /// lost it.
    package var startWhenLeft: Duration
    /// A controller does not start a task whose lease ends sooner than this. Default 3 s: it covers clocks that differ.
    package var startMargin: Duration
    /// A lease is taken back only when it ended this long ago. Default 2 s: it covers clocks that differ.
    package var rescueMargin: Duration

    package init(
        lease: Duration = .seconds(12), extendWhenLeft: Duration = .seconds(8), startMargin: Duration = .seconds(3),
        rescueMargin: Duration = .seconds(2)
    ) {
        self.lease = lease
        self.extendWhenLeft = extendWhenLeft
        self.startWhenLeft = lease * 3 / 4
        self.startMargin = startMargin
        self.rescueMargin = rescueMargin
    }
}
