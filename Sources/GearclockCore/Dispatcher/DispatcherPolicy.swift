/// The settings of a dispatcher.
package struct DispatcherPolicy: Equatable, Sendable {
    /// How far ahead of their time tasks are claimed. Default 2 s: longer than a store hiccups, short enough to cancel.
    package var lookAhead: Duration = .seconds(2)
    /// How often the store is asked what is due next. Default 100 ms: what another process stored for "now" waits so
    /// long.
    package var pollInterval: Duration = .milliseconds(100)
    /// How often leases that ran out are looked for. Default 1 s.
    package var rescueInterval: Duration = .seconds(1)
    /// Claimed tasks in hand, the handed over but unanswered ones included. Default 4096.
    package var heldTasks = 4096
    /// Bytes of them. Default 64 MiB.
    package var heldBytes = 64 << 20
    /// Hand-overs under way at once. Default 4: enough to keep controllers busy, few enough to wait in a job server.
    package var handOversAtOnce = 4
    /// The pause after a controller deferred everything, doubled up to 32 times. Default 20 ms.
    package var deferralPause: Duration = .milliseconds(20)
    package var lease = LeasePolicy()

    package init() {}
}
