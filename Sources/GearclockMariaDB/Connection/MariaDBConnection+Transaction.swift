extension MariaDBConnection {
    /// A point in the life of a transaction, for tests that cut the connection there.
    package enum Boundary: Equatable, Sendable, CaseIterable {
        /// The first statement is not sent yet.
        case begin
        /// All statements are done, `COMMIT` is not sent.
        case beforeCommit
        /// `COMMIT` is sent and not answered.
        case commitSent
    }

    /// Runs `body` and commits; if anything fails, nothing of it stays behind on this connection.
    ///
    /// - Parameters:
    ///   - boundary: called at each ``Boundary``.
    ///   - body: may be run again from its beginning, after a rollback, see ``statement(_:)``.
    package func transaction<Value>(
        boundary: (Boundary) -> Void = { _ in },
        _ body: (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) throws(MariaDBFailure) -> Value {
        do {
            boundary(.begin)
            let value = try self.prepared(body)
            boundary(.beforeCommit)
            try self.commit { boundary(.commitSent) }
            return value
        } catch {
            // If this fails, the connection is broken, and the server takes everything back when it sees that.
            if !self.isBroken { try? self.rollback() }
            throw error
        }
    }

    /// Runs `body` until it finds all its statements prepared: several times at first, once from then on.
    private func prepared<Value>(
        _ body: (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) throws(MariaDBFailure) -> Value {
        while true {
            self.unprepared = nil
            self.isInsideTransactionBody = true
            defer { self.isInsideTransactionBody = false }
            do {
                return try body(self)
            } catch {
                guard let sql = self.unprepared else { throw error }
                self.isInsideTransactionBody = false
                try self.rollback()
                _ = try self.statement(sql)
            }
        }
    }
}
