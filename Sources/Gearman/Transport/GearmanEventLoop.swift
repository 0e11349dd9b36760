package import Dispatch
package import DispatchExecutor

/// The one queue on which the connections of a process do all their input and output.
///
/// Clients, workers and admin connections that share an event loop reach each other without switching threads. Make a
/// second one only when two independent parts of a program must not wait for each other.
public final class GearmanEventLoop: Sendable {
    /// The event loop that everything uses unless it is given another one.
    public static let shared = GearmanEventLoop(label: "gearman.io")

    package let executor: DispatchQueueExecutor
    let resolver: AddressResolver
    /// How the connections of this event loop are made.
    let transport: any StreamTransport

    /// Makes a further event loop.
    ///
    /// - Parameter label: its name in a debugger.
    public convenience init(label: String) {
        self.init(label: label, transport: SocketTransport())
    }

    /// Makes an event loop whose connections are made by this transport.
    package init(label: String, transport: any StreamTransport) {
        self.executor = DispatchQueueExecutor(label: label)
        self.resolver = AddressResolver(executor: self.executor)
        self.transport = transport
    }

    package var queue: DispatchQueue { self.executor.queue }
}
