internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Cuts a connection from outside while a call on it blocks.
///
/// It holds a duplicate of the socket's descriptor, so that the number cannot belong to another file by the time it is
/// used; shutting down the duplicate ends the reads and writes of the original at once.
package final class SocketCutter: Sendable {
    /// One use of the connection by one caller.
    package struct Ticket: Equatable, Sendable {
        fileprivate let number: UInt64
    }

    private struct State {
        /// The duplicate; `nil` while there is no connection.
        var descriptor: CInt?
        /// The use that is under way.
        var current: UInt64?
        var issued: UInt64 = 0
        /// Cut, and not replaced by a new connection since.
        var isCut = false
    }

    private let state = Mutex(State())

    package init() {}

    deinit {
        self.state.withLock { state in
            if let descriptor = state.descriptor { _ = close(descriptor) }
        }
    }

    /// Ends whatever the connection is used for now; a connection that is being made is given up when it stands.
    package func cut() {
        self.state.withLock { Self.cut(&$0) }
    }

    /// The same, if it is still this use; otherwise nothing.
    package func cut(_ ticket: Ticket) {
        self.state.withLock { state in
            if state.current == ticket.number { Self.cut(&state) }
        }
    }

    private static func cut(_ state: inout State) {
        state.isCut = true
        if let descriptor = state.descriptor { _ = shutdown(descriptor, CInt(SHUT_RDWR)) }
    }

    // MARK: - For the owner of the connection

    /// A ticket for a use that begins later.
    func issueTicket() -> Ticket {
        self.state.withLock { state in
            state.issued += 1
            return Ticket(number: state.issued)
        }
    }

    func begin(_ ticket: Ticket) {
        self.state.withLock { $0.current = ticket.number }
    }

    func end(_ ticket: Ticket) {
        self.state.withLock { state in
            if state.current == ticket.number { state.current = nil }
        }
    }

    var isCut: Bool { self.state.withLock { $0.isCut } }

    /// There is no connection, and the next one is to be made.
    func prepare() {
        self.state.withLock { state in
            Self.forget(&state)
            state.isCut = false
        }
    }

    /// A connection stands.
    /// - Returns: false if it was cut while it was made.
    func connected(_ descriptor: CInt) -> Bool {
        self.state.withLock { state in
            Self.forget(&state)
            guard !state.isCut else { return false }
            let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            state.descriptor = duplicate >= 0 ? duplicate : nil
            return true
        }
    }

    /// The connection is closed.
    func closed() {
        self.state.withLock { Self.forget(&$0) }
    }

    private static func forget(_ state: inout State) {
        if let descriptor = state.descriptor { _ = close(descriptor) }
        state.descriptor = nil
    }
}
