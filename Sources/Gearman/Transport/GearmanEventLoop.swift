package import Dispatch
package import DispatchExecutor

/// The one queue on which the connections of a process do all their input and output.
///
/// Clients, workers and admin connections that share an event loop reach each other without switching threads. Make a
/// second one only when two independent parts of a program must not wait for each other.
public final class GearmanEventLoop: Sendable {
    /// The event loop that everything uses unless it is given another one.
    public static let shared = GearmanEventLoop(label: "gearman.io")

    package let executor: any EventLoopExecutor
    /// Opens the streams of this event loop.
    package let transport: any StreamTransport
    /// Makes the chance by which connections are tried again.
    package let makeGenerator: @Sendable () -> any RandomNumberGenerator & Sendable

    /// Makes a further event loop.
    ///
    /// - Parameter label: its name in a debugger.
    public convenience init(label: String) {
        let executor = DispatchQueueExecutor(label: label)
        self.init(executor: executor, transport: SocketTransport(executor: executor)) { SystemRandomNumberGenerator() }
    }

    /// An event loop whose time, streams and chance are not the system's.
    package init(
        executor: any EventLoopExecutor, transport: any StreamTransport,
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator & Sendable
    ) {
        self.executor = executor
        self.transport = transport
        self.makeGenerator = makeGenerator
    }

    /// The dispatch queue that sockets need. An event loop that was given another executor has no sockets.
    package var queueExecutor: DispatchQueueExecutor {
        guard let executor = self.executor as? DispatchQueueExecutor else {
            preconditionFailure("This event loop does not run on a dispatch queue")
        }
        return executor
    }

    package var queue: DispatchQueue { self.queueExecutor.queue }
}
