package import GearclockCore

/// What stands of a task, as far as it decides what became of a change.
package struct StandingRow: Equatable, Sendable {
    package var id: TaskID
    package var state: TaskState
    package var owner: OwnerID?
    package var attempt: UInt32
    package var failures: UInt32
    package var dueAt: Timestamp
    /// The due time, the end of the lease, or when it may be removed, as the state says.
    package var wakeAt: Timestamp

    /// - Parameter row: the columns of ``SQL/standing(_:)``, in their order.
    init(_ row: MariaDBStatement) {
        self.id = row.taskID(0) ?? TaskID(high: 0, low: 0)
        self.state = UInt8(exactly: row.integer(1)).flatMap(TaskState.init(rawValue:)) ?? .discarded
        self.owner = row.optionalInteger(2).map { OwnerID(value: UInt64(bitPattern: $0)) }
        self.attempt = UInt32(clamping: row.integer(3))
        self.failures = UInt32(clamping: row.integer(4))
        self.dueAt = row.timestamp(5)
        self.wakeAt = row.timestamp(6)
    }
}
