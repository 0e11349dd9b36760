package import GearclockCore

/// The asynchronous work of one service: whatever its machine asks for runs as a child of ``run()``.
///
/// Handlers of sockets and timers are synchronous; they ``add(_:)`` work here instead of starting tasks of their own,
/// so that all of it ends before the service returns.
package struct StructuredWork: Sendable {
    package typealias Operation = @Sendable @concurrent () async -> Void

    private let operations: AsyncStream<Operation>
    private let continuation: AsyncStream<Operation>.Continuation

    package init() {
        // Unbounded, because what is added is bounded by the machines: one insert, one claim, a few hand-overs …
        (self.operations, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    package func add(_ operation: @escaping Operation) {
        self.continuation.yield(operation)
    }

    /// No more work comes; what still sleeps is cancelled.
    package func finish() {
        self.continuation.finish()
    }

    /// Performs what is added until ``finish()``, or until its own task is cancelled.
    @concurrent
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await operation in self.operations {
                group.addTask(operation: operation)
            }
            group.cancelAll()
        }
    }
}

/// Remembers for which moments a service has sleepers, so that it starts another one only if it needs to.
///
/// A machine sets its one timer again and again. A sleeper that wakes too early does no harm: the machine looks at the
/// clock and sets its timer again.
package struct WakeUp: Sendable {
    private var sleepers: [MonotonicInstant] = []

    package init() {}

    /// Whether a new sleeper is needed for this moment: none wakes as early.
    package mutating func schedule(_ moment: MonotonicInstant) -> Bool {
        guard self.sleepers.allSatisfy({ moment < $0 }) else { return false }
        self.sleepers.append(moment)
        return true
    }

    /// The sleeper of this moment woke.
    package mutating func fired(_ moment: MonotonicInstant) {
        self.sleepers.removeAll { $0 == moment }
    }
}
