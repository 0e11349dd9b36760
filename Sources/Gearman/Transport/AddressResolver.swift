internal import Dispatch
internal import DispatchExecutor

/// Looks up the addresses of hosts without ever blocking the event loop.
///
/// Literal addresses are answered at once. A name is looked up on a queue of its own, and while a lookup is under way
/// further questions for the same server join it: a resolver that hangs holds one thread per server, however often a
/// connection is tried again.
actor AddressResolver {
    typealias Answer = Result<[SocketAddress], TransportError>

    nonisolated let executor: DispatchQueueExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// Where `getaddrinfo` blocks.
    private let lookupQueue = DispatchQueue(label: "gearman.resolver", attributes: .concurrent)
    private var waiting: [GearmanServerAddress: [@Sendable (Answer) -> Void]] = [:]

    init(executor: DispatchQueueExecutor) {
        self.executor = executor
    }

    /// - Parameter completion: called on the event loop's queue, for a literal address before this returns.
    func resolve(_ server: GearmanServerAddress, completion: @escaping @Sendable (Answer) -> Void) {
        if let addresses = try? SocketAddress.resolve(host: server.host, port: server.port, isLiteral: true) {
            return completion(.success(addresses))
        }
        self.waiting[server, default: []].append(completion)
        guard self.waiting[server]?.count == 1 else { return }
        let queue = self.executor.queue
        self.lookupQueue.async {
            let answer = Answer { () throws(TransportError) in
                try SocketAddress.resolve(host: server.host, port: server.port, isLiteral: false)
            }
            queue.async { self.assumeIsolated { $0.answered(answer, for: server) } }
        }
    }

    private func answered(_ answer: Answer, for server: GearmanServerAddress) {
        for completion in self.waiting.removeValue(forKey: server) ?? [] {
            completion(answer)
        }
    }
}
