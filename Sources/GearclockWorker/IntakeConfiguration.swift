package import GearclockCore

/// The settings of a worker daemon.
package struct IntakeConfiguration: Sendable {
    /// Jobs in hand per job server. Default 1024: what two inserts take; more wait at the job server.
    package var jobsInHand = 1024
    /// How long a submission waits for a store that is away before its client is told. Default 5 s.
    package var patience: Duration = .seconds(5)
    package var retention = RetentionPolicy()

    package init() {}
}
