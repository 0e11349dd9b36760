extension MariaDBConnection {
    /// A point in the life of a transaction, for tests that make it fail there.
    package enum Boundary: Equatable, Sendable, CaseIterable {
        /// The first statement is not sent yet.
        case begin
        /// All statements are done, `COMMIT` is not sent.
        case beforeCommit
        /// `COMMIT` was answered.
        case afterCommit
    }

    /// Runs `body` and commits; if anything fails, nothing of it stays behind on this connection.
    ///
    /// - Parameter boundary: called at each ``Boundary``; it may throw instead of the server.
    package func transaction<Value>(
        boundary: ((Boundary) throws(MariaDBFailure) -> Void)? = nil,
        _ body: (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) throws(MariaDBFailure) -> Value {
        do {
            try boundary?(.begin)
            let value = try body(self)
            try boundary?(.beforeCommit)
            try self.commit()
            try boundary?(.afterCommit)
            return value
        } catch {
            // If this fails, the connection is broken, and the server takes everything back when it sees that.
            if !self.isBroken { try? self.rollback() }
            throw error
        }
    }
}
