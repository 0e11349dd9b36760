package import Dispatch

/// Runs actors on a serial dispatch queue, so that handlers of dispatch sources enter the actor without a hop.
///
/// Actors that share one executor call each other at the price of a function call; a hop between two executors costs
/// twenty times as much. On Linux `DispatchSerialQueue` is not there to do this, hence the type.
package final class DispatchQueueExecutor: SerialExecutor {
    package let queue: DispatchQueue
    private let key = DispatchSpecificKey<Bool>()
    private let onWork: (@Sendable () -> Void)?

    /// - Parameters:
    ///   - label: the name of the queue in a debugger, for example `gearman.io`.
    ///   - onWork: called whenever the queue has got work by this executor, from anywhere: for work of the queue that
    ///     waits for something else meanwhile.
    package init(label: String, onWork: (@Sendable () -> Void)? = nil) {
        self.queue = DispatchQueue(label: label)
        self.onWork = onWork
        self.queue.setSpecific(key: self.key, value: true)
    }

    /// Calls a synchronous function on the queue, from anywhere; it may enter an actor of this executor by
    /// `assumeIsolated`.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        self.queue.async(execute: body)
        self.onWork?()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // The job may be the last that knows this executor.
        let onWork = self.onWork
        self.queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
        onWork?()
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    package func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(self.queue))
    }

    package func isIsolatingCurrentContext() -> Bool? {
        DispatchQueue.getSpecific(key: self.key) ?? false
    }
}
