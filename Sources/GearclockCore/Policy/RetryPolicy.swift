/// When, and how often, a failed task is run again.
package struct RetryPolicy: Hashable, Sendable {
    /// How long to wait after a failure.
    package enum Backoff: Hashable, Sendable {
        /// `initial`, then each time `factor` as long, up to `longest`.
        case exponential(initial: Duration, factor: Double, longest: Duration)
        /// `initial`, then each time `initial` more, up to `longest`.
        case linear(initial: Duration, longest: Duration)
        /// The listed waits one after the other; the last one repeats.
        case list([Duration])
        /// What gearsloth does: `immediate` retries at once, then a pause of `pause` from the start of the last run.
        case rounds(immediate: UInt32, pause: Duration)
    }

    /// How many attempts may fail before the task is discarded; `nil`: any number. Range 1 ... 1,000,000.
    package var maxAttempts: UInt32?
    /// A failure later than this after the task was stored discards it; `nil`: no such limit.
    package var maxAge: Duration?
    package var backoff: Backoff
    /// The share of a wait that is drawn at random, 0 ... 1: with 0.1 a wait of 10 s becomes 9 ... 11 s.
    package var jitter: Double
    package var outcomes: OutcomePolicy

    package init(
        maxAttempts: UInt32?, maxAge: Duration? = nil, backoff: Backoff, jitter: Double = 0,
        outcomes: OutcomePolicy = OutcomePolicy()
    ) {
        self.maxAttempts = maxAttempts
        self.maxAge = maxAge
        self.backoff = backoff
        self.jitter = jitter
        self.outcomes = outcomes
    }

    /// For tasks that name no policy: 20 attempts, 5 s, 10 s, 20 s, … up to an hour, a tenth of it by chance; about ten
    /// hours from the first to the last.
    package static let standard = RetryPolicy(
        maxAttempts: 20, backoff: .exponential(initial: .seconds(5), factor: 2, longest: .seconds(3600)), jitter: 0.1)

    package enum Decision: Equatable, Sendable {
        case retry(at: Timestamp)
        case discard
    }

    /// What to do after a failed attempt.
    ///
    /// - Parameters:
    ///   - failures: how many attempts have failed, this one included; at least 1.
    ///   - startedAt: when this attempt started.
    ///   - createdAt: when the task was stored.
    package func decide(
        failures: UInt32, startedAt: Timestamp, createdAt: Timestamp, now: Timestamp,
        using random: inout some RandomNumberGenerator
    ) -> Decision {
        if let maxAttempts, failures >= maxAttempts { return .discard }
        let at = now.advanced(by: self.wait(failures: failures, startedAt: startedAt, now: now, using: &random))
        if let maxAge, at > createdAt.advanced(by: maxAge) { return .discard }
        return .retry(at: min(at, Timestamp.latestDue))
    }

    /// How long the task waits after so many failures.
    package func wait(
        failures: UInt32, startedAt: Timestamp, now: Timestamp, using random: inout some RandomNumberGenerator
    ) -> Duration {
        let failures = max(1, failures)
        let wait: Duration
        switch self.backoff {
        case .exponential(let initial, let factor, let longest):
            var seconds = initial.inSeconds
            // A loop, not `pow`: it stops at the longest wait, and the standard library alone is enough.
            for _ in 1..<max(2, min(failures, 2000)) where failures > 1 && seconds < longest.inSeconds {
                seconds *= max(1, factor)
            }
            wait = min(longest, .fromSeconds(seconds))
        case .linear(let initial, let longest):
            wait = min(longest, .fromSeconds(initial.inSeconds * Double(failures)))
        case .list(let waits):
            wait = waits.isEmpty ? .zero : waits[min(Int(failures) - 1, waits.count - 1)]
        case .rounds(let immediate, let pause):
            guard UInt64(failures) % (UInt64(immediate) + 1) == 0 else { return .zero }
            return max(.zero, startedAt.advanced(by: pause).duration(to: now) * -1)
        }
        guard self.jitter > 0, wait > .zero else { return wait }
        return .fromSeconds(wait.inSeconds * (1 + self.jitter * Double.random(in: -1...1, using: &random)))
    }
}

extension RetryPolicy {
    /// The policy in the form in which stores and daemons pass it on: `attempts age jitter kind values… outcomes…`.
    ///
    /// Spans are in microseconds, `-` stands for "no limit": `20 - 0.1 exponential 5000000 2.0 3600000000`. An outcome
    /// is there only if it is not treated as usual: `lost=retry`.
    package var text: String {
        var words = [
            self.maxAttempts.map(String.init) ?? "-",
            self.maxAge.map { String($0.microseconds) } ?? "-",
            String(self.jitter),
        ]
        switch self.backoff {
        case .exponential(let initial, let factor, let longest):
            words += ["exponential", String(initial.microseconds), String(factor), String(longest.microseconds)]
        case .linear(let initial, let longest):
            words += ["linear", String(initial.microseconds), String(longest.microseconds)]
        case .list(let waits):
            words += ["list"] + waits.map { String($0.microseconds) }
        case .rounds(let immediate, let pause):
            words += ["rounds", String(immediate), String(pause.microseconds)]
        }
        return (words + self.outcomes.words).joined(separator: " ")
    }

    /// Reads ``text``; `nil` if it is anything else.
    package init?(text: String) {
        var words = text.split(separator: " ")
        let first = words.firstIndex { $0.contains("=") } ?? words.endIndex
        guard let outcomes = OutcomePolicy(words: words[first...]) else { return nil }
        words.removeSubrange(first...)
        guard words.count >= 5, let jitter = Double(words[2]), (0...1).contains(jitter) else { return nil }
        let attempts = UInt32(words[0])
        let age = Int64(words[1])
        guard attempts.map({ $0 > 0 }) ?? (words[0] == "-"), age.map({ $0 >= 0 }) ?? (words[1] == "-") else {
            return nil
        }
        let numbers = words.dropFirst(4).map { word in Int64(word).flatMap { $0 < 0 ? nil : $0 } }
        let backoff: Backoff
        switch (words[3], numbers.count) {
        case ("exponential", 3):
            guard let initial = numbers[0], let factor = Double(words[5]), factor.isFinite, let longest = numbers[2]
            else { return nil }
            backoff = .exponential(
                initial: .microseconds(initial), factor: factor, longest: .microseconds(longest))
        case ("linear", 2):
            guard let initial = numbers[0], let longest = numbers[1] else { return nil }
            backoff = .linear(initial: .microseconds(initial), longest: .microseconds(longest))
        case ("list", 1...Limits.backoffEntries):
            let waits = numbers.compactMap { $0 }
            guard waits.count == numbers.count else { return nil }
            backoff = .list(waits.map { .microseconds($0) })
        case ("rounds", 2):
            guard let immediate = UInt32(words[4]), let pause = numbers[1] else { return nil }
            backoff = .rounds(immediate: immediate, pause: .microseconds(pause))
        default:
            return nil
        }
        self.init(
            maxAttempts: attempts, maxAge: age.map { .microseconds($0) }, backoff: backoff, jitter: jitter,
            outcomes: outcomes)
    }
}

extension Duration {
    /// For ratios and jitter only; spans are kept in microseconds.
    package var inSeconds: Double {
        Double(self.microseconds) / 1_000_000
    }

    /// Saturates at the longest span that a policy may hold; not-a-number is zero.
    package static func fromSeconds(_ seconds: Double) -> Duration {
        guard seconds > 0 else { return .zero }
        return seconds < Limits.longestSpan.inSeconds
            ? .microseconds(Int64((seconds * 1_000_000).rounded())) : Limits.longestSpan
    }
}
