/// Something that is asked again and again, one question at a time.
enum Recurring: Equatable, Sendable {
    /// Can transition to: `asking` when its time has come.
    case idle(next: MonotonicInstant)
    /// Can transition to: `idle` when there is an answer.
    case asking

    static let atOnce = Recurring.idle(next: MonotonicInstant(microseconds: .min))

    var next: MonotonicInstant? {
        switch self {
        case .idle(let next): next
        case .asking: nil
        }
    }

    /// Whether it has to be asked now; if so, it is.
    mutating func begins(now: MonotonicInstant) -> Bool {
        switch self {
        case .idle(let next) where next <= now:
            self = .asking
            return true
        case .idle, .asking:
            return false
        }
    }

    mutating func ended(next: MonotonicInstant) {
        precondition(self == .asking, "Invalid state: \(self)")
        self = .idle(next: next)
    }
}
