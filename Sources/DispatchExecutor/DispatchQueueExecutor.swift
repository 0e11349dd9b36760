package import Dispatch
internal import Synchronization

/// Runs actors on a serial dispatch queue, so that handlers of dispatch sources enter the actor without a hop.
///
/// Actors that share one executor call each other at the price of a function call; a hop between two executors costs
/// twenty times as much. On Linux `DispatchSerialQueue` is not there to do this, hence the type.
package final class DispatchQueueExecutor: SerialExecutor {
    package let queue: DispatchQueue
    private let key = DispatchSpecificKey<Bool>()
    /// Not a constant: see ``enqueue(_:)``.
    private let onWork = AtomicLazyReference<Work>()

    private final class Work: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// - Parameters:
    ///   - label: the name of the queue in a debugger, for example `gearman.io`.
    ///   - onWork: called whenever the queue has got work by this executor, from anywhere: for work of the queue that
    ///     waits for something else meanwhile.
    package init(label: String, onWork: (@Sendable () -> Void)? = nil) {
        self.queue = DispatchQueue(label: label)
        if let onWork { _ = self.onWork.storeIfNil(Work(onWork)) }
        self.queue.setSpecific(key: self.key, value: true)
    }

    /// Calls a synchronous function on the queue, from anywhere; it may enter an actor of this executor by
    /// `assumeIsolated`.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        self.queue.async(execute: body)
        self.onWork.load()?.body()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // The job may be the last that knows this executor, which is gone then: the runtime that calls this holds no
        // reference to it. The compiler trusts that it does, and counts the reference to what a constant holds only
        // where it is used, behind the job. What is loaded from elsewhere is counted here.
        let onWork = self.onWork.load()
        self.queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
        onWork?.body()
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
