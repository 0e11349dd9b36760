/// A bug planted on purpose. A simulation that does not find it within some seeds finds nothing else either.
package enum Canary: String, CaseIterable, Sendable {
    /// The store compares owner and id, not the attempt.
    case storeIgnoresAttempt = "store-ignores-attempt"
    /// The store forgets one insert in a hundred that it has acknowledged.
    case storeForgets = "store-forgets"
    /// The worker daemon answers before its insert was answered.
    case earlyReceipt = "early-receipt"
    /// Dispatchers and controllers believe that it is a second later than it is.
    case earlyStart = "early-start"
    /// Leases last 100 ms, and a controller starts a job of its own instead of adopting the one that runs.
    case shortLease = "short-lease"
    /// A controller takes the loss of its job for its success.
    case lostIsSuccess = "lost-is-success"
    /// Leases that ran out are never taken back.
    case noRescue = "no-rescue"
    /// What goes by the express lane is handed over before the store has said that it is inserted.
    case earlyExpress = "early-express"
}
