internal import CMariaDB
internal import DispatchExecutor

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// One place for a connection to one node, on a thread of its own: the connection is made when it is first needed, and
/// made again when it broke.
package actor NodeConnection {
    package nonisolated let node: MariaDBConfiguration.Node
    /// Ends a call from outside.
    package nonisolated let cutter = SocketCutter()
    private let configuration: MariaDBConfiguration
    private let purpose: MariaDBConnection.Purpose
    private let executor: DispatchQueueExecutor
    private var connection: MariaDBConnection?
    /// What every new connection must pass.
    private let check: @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Void

    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// - Parameter check: looks at each new connection before it is used, for example at the version of the schema.
    package init(
        to node: MariaDBConfiguration.Node, configuration: MariaDBConfiguration,
        for purpose: MariaDBConnection.Purpose = .changing,
        check: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Void = { _ in }
    ) {
        self.node = node
        self.configuration = configuration
        self.purpose = purpose
        self.check = check
        self.executor = DispatchQueueExecutor(label: "mariadb.\(node)")
    }

    /// Runs `body` on the connection, which it has for itself until it returns.
    ///
    /// If the calling task is cancelled meanwhile, the connection is cut; the failure then says, as any other, at
    /// which step that was.
    /// - Throws: what `body` throws, or why there is no connection.
    package nonisolated func perform<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) async throws(MariaDBFailure) -> Value {
        try await self.result(body).get()
    }

    /// The same, as a value.
    nonisolated func result<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) async -> Result<Value, MariaDBFailure> {
        let ticket = self.cutter.issueTicket()
        return await withTaskCancellationHandler {
            await self.run(ticket, isCancellable: true, body)
        } onCancel: {
            self.cutter.cut(ticket)
        }
    }

    /// The same, whatever becomes of the calling task meanwhile; only ``cutter`` ends it.
    nonisolated func uncancellableResult<Value: Sendable>(
        _ body: @escaping @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) async -> Result<Value, MariaDBFailure> {
        await self.run(self.cutter.issueTicket(), isCancellable: false, body)
    }

    /// Closes the connection; the next call makes a new one.
    package func close() {
        self.cutter.closed()
        self.connection?.close()
        self.connection = nil
    }

    private func run<Value: Sendable>(
        _ ticket: SocketCutter.Ticket, isCancellable: Bool,
        _ body: @Sendable (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) -> Result<Value, MariaDBFailure> {
        self.cutter.begin(ticket)
        defer { self.cutter.end(ticket) }
        guard !isCancellable || !Task.isCancelled else { return .failure(Self.cancelled) }
        mysql_thread_init()
        do {
            let connection = try self.usableConnection()
            // A cancellation from here on finds the socket and cuts it.
            guard !isCancellable || !Task.isCancelled else { return .failure(Self.cancelled) }
            defer { if connection.isBroken { self.close() } }
            return .success(try body(connection))
        } catch {
            return .failure(error)
        }
    }

    private func usableConnection() throws(MariaDBFailure) -> MariaDBConnection {
        if let connection = self.connection {
            if !self.cutter.isCut, !Self.hasEnded(connection.descriptor) { return connection }
            self.close()
        }
        self.cutter.prepare()
        let connection = try MariaDBConnection(to: self.node, configuration: self.configuration, for: self.purpose)
        guard self.cutter.connected(connection.descriptor) else {
            connection.close()
            throw Self.cancelled
        }
        do {
            try self.check(connection)
            // What was read for the check is no part of the first transaction.
            if connection.isInTransaction { try connection.rollback() }
        } catch {
            self.cutter.closed()
            connection.close()
            throw error
        }
        self.connection = connection
        return connection
    }

    /// Nothing is to be read between two statements, unless the server said goodbye: it restarted, or closed a
    /// connection that was idle for too long.
    private static func hasEnded(_ descriptor: CInt) -> Bool {
        var question = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&question, 1, 0) != 0
    }

    private static let cancelled = MariaDBFailure(
        code: 1317, sqlState: "GC000", message: "The call was cancelled", step: .connect)
}

extension MariaDBFailure {
    /// The caller did not want it any more; the node has no part in it.
    var isCancellation: Bool { self.sqlState == "GC000" }
}
