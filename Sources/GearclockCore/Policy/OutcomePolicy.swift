/// What each way to end without success counts as.
package struct OutcomePolicy: Hashable, Sendable {
    /// The ways, by their names in JSON and in ``RetryPolicy/text``.
    package enum Kind: String, CaseIterable, Sendable {
        /// The function answered WORK_FAIL.
        case fail
        /// The function answered WORK_EXCEPTION.
        case exception
        /// It took longer than the task's timeout. Released, the task joins the job if it still runs.
        case timeout
        /// The connection to the job server was lost: nobody knows whether the function ran. Released, the task joins
        /// the job if it still runs; counted, it is run anew.
        case lost
        /// No job server had a worker for the function for a while, and the job was not submitted.
        case noWorker = "no_worker"
    }

    package enum Treatment: String, CaseIterable, Sendable {
        /// A failed attempt: the task is run again after its backoff, as often as its policy allows.
        case retry
        /// Not an attempt at all: the task is run again after a wait, and nothing is counted.
        case release
        /// The end: the task is discarded at once.
        case discard
    }

    /// What differs from the usual, so that equal policies are equal values.
    private var unusual: [Kind: Treatment] = [:]

    package init() {}

    /// How an outcome is treated. `nil`, for a missing worker only: not at all, the job waits with its job server.
    package subscript(kind: Kind) -> Treatment? {
        get { self.unusual[kind] ?? Self.usual(kind) }
        set { self.unusual[kind] = newValue == Self.usual(kind) ? nil : newValue }
    }

    package var isUsual: Bool { self.unusual.isEmpty }

    private static func usual(_ kind: Kind) -> Treatment? {
        switch kind {
        case .fail, .exception, .timeout: .retry
        case .lost: .release
        case .noWorker: nil
        }
    }
}

extension OutcomePolicy {
    /// `lost=retry` and so on, of what is unusual.
    var words: [String] {
        Kind.allCases.compactMap { kind in self.unusual[kind].map { "\(kind.rawValue)=\($0.rawValue)" } }
    }

    /// Reads ``words``; `nil` if they are anything else.
    init?(words: some Sequence<Substring>) {
        for word in words {
            let parts = word.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])), self.unusual[kind] == nil,
                let treatment = Treatment(rawValue: String(parts[1]))
            else { return nil }
            self[kind] = treatment
        }
    }
}
