/// A bug planted on purpose, one for each checker at least. A simulation that does not find it within some seeds finds
/// nothing else either.
package enum Canary: String, CaseIterable, Sendable {
    /// The store compares ids, and neither owner nor attempt.
    case storeIgnoresClaims = "store-ignores-claims"
    /// The store forgets one insert in a hundred that it has acknowledged.
    case storeForgets = "store-forgets"
    /// The store takes tasks back that have ended.
    case storeRevives = "store-revives"
    /// The store writes another outcome into the history than the one that it is told.
    case storeMixesHistory = "store-mixes-history"
    /// The store writes nothing into the history of a task that expires.
    case expiresInSilence = "expires-in-silence"
    /// The store writes nothing into the history of a task that is cancelled while it runs.
    case cancelsInSilence = "cancels-in-silence"
    /// The worker daemon answers before its insert was answered.
    case earlyReceipt = "early-receipt"
    /// Dispatchers and controllers believe that it is a second later than it is.
    case earlyStart = "early-start"
    /// Dispatchers do not ask the nodes of the database for their time.
    case ignoresNodeClocks = "ignores-node-clocks"
    /// Leases last 100 ms, and a controller starts a job of its own instead of adopting the one that runs.
    case shortLease = "short-lease"
    /// A controller takes the loss of its job for its success.
    case lostIsSuccess = "lost-is-success"
    /// A controller discards a task at its first failure.
    case discardsEarly = "discards-early"
    /// A controller retries at once, whatever the policy says.
    case hastyRetry = "hasty-retry"
    /// A dispatcher claims from all buckets, whoever else lives.
    case claimsEverything = "claims-everything"
    /// Dispatchers do not know what is paused.
    case ignoresPause = "ignores-pause"
    /// Leases that ran out are never taken back.
    case noRescue = "no-rescue"
    /// Controllers do not know of limits.
    case noLimits = "no-limits"
    /// Controllers do not know how many jobs may start in a second.
    case noRate = "no-rate"
    /// A controller takes the job of a task that was cancelled for one that has ended.
    case forgetsCancelled = "forgets-cancelled"
    /// Leases that ran out are taken back half a minute too late.
    case lateRescue = "late-rescue"
    /// Dispatchers ask the store twenty times as rarely as they should.
    case lazyPoll = "lazy-poll"
    /// Dispatchers and controllers know no limits.
    case hoards = "hoards"
    /// A controller has room for one task, so that one function takes all of it.
    case unfair
    /// A controller does not hear that it is to stop.
    case deafToStop = "deaf-to-stop"
    /// A controller does not measure how late its tasks are.
    case unmeasured = "unmeasured"
    /// A process traps when it loses a connection while a job of it runs.
    case traps
    /// What goes by the express lane is handed over before the store has said that it is inserted.
    case earlyExpress = "early-express"

    /// The promise that it breaks.
    package var promise: Promise {
        switch self {
        case .storeIgnoresClaims: .fenced
        case .storeForgets, .earlyReceipt, .earlyExpress: .stored
        case .storeRevives: .final
        case .storeMixesHistory, .expiresInSilence, .cancelsInSilence: .books
        case .earlyStart, .ignoresNodeClocks: .neverEarly
        case .shortLease: .notTwice
        case .lostIsSuccess, .discardsEarly, .hastyRetry: .atLeastOnce
        case .noRescue: .heals
        case .claimsEverything: .alone
        case .ignoresPause: .paused
        case .noLimits, .noRate, .forgetsCancelled: .limited
        case .lateRescue, .lazyPoll, .unmeasured: .punctual
        case .unfair: .fair
        case .hoards: .bounded
        case .deafToStop: .stops
        case .traps: .survives
        }
    }
}
