package import DispatchExecutor

/// The one queue on which the connections of a process do all their input and output.
///
/// Clients, workers and admin connections that share an event loop reach each other without switching threads. Make a
/// second one only when two independent parts of a program must not wait for each other.
public final class GearmanEventLoop: Sendable {
    /// The event loop that everything uses unless it is given another one.
    public static let shared = GearmanEventLoop(label: "gearman.io")

    package let executor: any EventLoopExecutor
    /// How the connections of clients, workers and administrators on this event loop are made.
    package let transport: any StreamTransport
    /// What becomes of the connections that a job server on this event loop accepts.
    package let acceptor: any StreamAcceptor
    /// Makes the chance by which connections are tried again.
    package let makeGenerator: @Sendable () -> any RandomNumberGenerator & Sendable
    /// What sockets need; nil where the executor is no dispatch queue.
    private let sockets: (resolver: AddressResolver, watcher: DescriptorWatcher)?

    /// Makes a further event loop.
    ///
    /// - Parameter label: its name in a debugger.
    public convenience init(label: String) {
        self.init(label: label, transport: SocketTransport(), acceptor: SocketTransport())
    }

    /// Makes an event loop whose connections are made by these.
    package init(
        label: String, transport: any StreamTransport = SocketTransport(),
        acceptor: any StreamAcceptor = SocketTransport()
    ) {
        let turnWait = TurnWait()
        let executor = DispatchQueueExecutor(label: label, onWork: { turnWait.interrupt() })
        self.executor = executor
        self.sockets = (
            AddressResolver(executor: executor), DescriptorWatcher(executor: executor, turnWait: turnWait)
        )
        self.transport = transport
        self.acceptor = acceptor
        self.makeGenerator = { SystemRandomNumberGenerator() }
    }

    /// An event loop whose time, streams and chance are not the system's.
    package init(
        executor: any EventLoopExecutor, transport: any StreamTransport,
        makeGenerator: @escaping @Sendable () -> any RandomNumberGenerator & Sendable
    ) {
        self.executor = executor
        self.sockets = nil
        self.transport = transport
        self.acceptor = SocketTransport()
        self.makeGenerator = makeGenerator
    }

    var resolver: AddressResolver { self.socketsInUse.resolver }
    package var watcher: DescriptorWatcher { self.socketsInUse.watcher }
    package var queueExecutor: DispatchQueueExecutor { self.socketsInUse.watcher.executor }

    private var socketsInUse: (resolver: AddressResolver, watcher: DescriptorWatcher) {
        guard let sockets = self.sockets else {
            preconditionFailure("Only an event loop on a dispatch queue has sockets")
        }
        return sockets
    }
}
