internal import GearclockCore
internal import GearclockEnvironment

/// What became of one transaction, or of one reading, on one connection.
struct TransactionAttempt<Value: Sendable>: Sendable {
    /// What is answered if it was committed; there even if the commit failed.
    var value: Value?
    /// `nil`: it is committed.
    var failure: MariaDBFailure?
    /// By which number the server knows the connection.
    var session: UInt?
}

extension MariaDBConnection {
    /// A transaction whose answer is kept if its commit fails: it may have been committed all the same.
    func attempt<Value: Sendable>(
        boundary: (Boundary) -> Void,
        body: (MariaDBConnection) throws(MariaDBFailure) -> Value
    ) -> TransactionAttempt<Value> {
        var value: Value?
        do {
            try self.transaction(boundary: boundary) { (connection) throws(MariaDBFailure) in
                value = try body(connection)
            }
            return TransactionAttempt(value: value, failure: nil)
        } catch {
            return TransactionAttempt(value: value, failure: error, session: self.session)
        }
    }

    /// Reads; there is nothing to commit.
    func reading<Value: Sendable>(
        _ clock: any GearclockClock, _ body: (MariaDBReading) throws(MariaDBFailure) -> Value
    ) -> TransactionAttempt<Value> {
        do {
            return TransactionAttempt(value: try body(MariaDBReading(self, clock: clock)), failure: nil)
        } catch {
            return TransactionAttempt(value: nil, failure: error)
        }
    }
}

extension ClusterCallStateMachine.Reply {
    /// What an attempt means to the one who asked for it.
    init(_ attempt: TransactionAttempt<Operation.Answer>) {
        switch (attempt.value, attempt.failure) {
        case (let value?, nil):
            self = .done(value)
        case (let value, let failure?) where failure.outcomeIsUnknown:
            self = .unknown(value, failure.ofNode ?? .connectionLost(failure.description))
        case (_, let failure?):
            self = Self.notDone(failure)
        case (nil, nil):
            preconditionFailure("Invalid attempt: committed and without an answer")
        }
    }

    private static func notDone(_ failure: MariaDBFailure) -> Self {
        switch failure.meaning {
        // A key that appeared between a look and an insert is somebody else's change.
        case .conflict, .duplicateKey: .conflict(failure.description)
        case .nodeUnavailable, .connectionLost, .denied, .schema:
            .unwell(failure.ofNode ?? .refusing(failure.description))
        case .interrupted, .tooLarge, .ruleViolation, .other: .refused(failure.description)
        }
    }
}
