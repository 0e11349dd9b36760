import GearclockCore
import Testing

@Suite struct RetryPolicyTests {
    private static let now = Timestamp(microseconds: 1_000_000_000)

    @Test func `an exponential backoff grows to its longest wait`() {
        let policy = RetryPolicy(
            maxAttempts: nil, backoff: .exponential(initial: .seconds(5), factor: 2, longest: .seconds(60)))
        #expect(Self.waits(policy, 1...6) == [5, 10, 20, 40, 60, 60])
        #expect(Self.waits(policy, UInt32.max...UInt32.max) == [60])
    }

    @Test func `a linear backoff grows by its first wait`() {
        let policy = RetryPolicy(maxAttempts: nil, backoff: .linear(initial: .seconds(5), longest: .seconds(12)))
        #expect(Self.waits(policy, 1...4) == [5, 10, 12, 12])
        #expect(Self.waits(policy, UInt32.max...UInt32.max) == [12])
    }

    @Test func `a listed backoff repeats its last wait`() {
        let policy = RetryPolicy(maxAttempts: nil, backoff: .list([.seconds(1), .seconds(3), .zero, .seconds(7)]))
        #expect(Self.waits(policy, 1...6) == [1, 3, 0, 7, 7, 7])
        #expect(Self.waits(RetryPolicy(maxAttempts: nil, backoff: .list([])), 1...2) == [0, 0])
    }

    @Test func `rounds are immediate retries and then a pause from the start of the last run`() {
        let policy = RetryPolicy(maxAttempts: nil, backoff: .rounds(immediate: 2, pause: .seconds(100)))
        // The attempt started 10 s before it failed.
        #expect(Self.waits(policy, 1...6, ran: .seconds(10)) == [0, 0, 90, 0, 0, 90])
        #expect(Self.waits(policy, 3...3, ran: .seconds(500)) == [0])
        let largest = RetryPolicy(maxAttempts: nil, backoff: .rounds(immediate: .max, pause: .seconds(1)))
        #expect(Self.waits(largest, UInt32.max...UInt32.max) == [0])
    }

    @Test func `jitter stays within its share`() {
        let policy = RetryPolicy(maxAttempts: nil, backoff: .list([.seconds(10)]), jitter: 0.1)
        var random = SeededGenerator(seed: 1)
        var waits: [Double] = []
        for _ in 0..<1000 {
            guard case .retry(let at) = Self.decide(policy, failures: 1, using: &random) else {
                Issue.record("discarded")
                return
            }
            waits.append(Self.now.duration(to: at).inSeconds)
        }
        #expect(waits.allSatisfy { (9...11).contains($0) })
        #expect(waits.min()! < 9.1 && waits.max()! > 10.9)
    }

    @Test func `the last attempt that may fail discards the task`() {
        var random = SeededGenerator(seed: 1)
        let policy = RetryPolicy(maxAttempts: 3, backoff: .list([.zero]))
        #expect(Self.decide(policy, failures: 2, using: &random) == .retry(at: Self.now))
        #expect(Self.decide(policy, failures: 3, using: &random) == .discard)
        #expect(Self.decide(policy, failures: .max, using: &random) == .discard)
    }

    @Test func `a retry after the greatest age is not made`() {
        var random = SeededGenerator(seed: 1)
        let policy = RetryPolicy(maxAttempts: nil, maxAge: .seconds(60), backoff: .list([.seconds(10)]))
        let young = Self.now.advanced(by: .seconds(-50))
        #expect(
            policy.decide(failures: 1, startedAt: Self.now, createdAt: young, now: Self.now, using: &random)
                == .retry(at: Self.now.advanced(by: .seconds(10))))
        let old = young.advanced(by: .microseconds(-1))
        #expect(
            policy.decide(failures: 1, startedAt: Self.now, createdAt: old, now: Self.now, using: &random) == .discard)
    }

    @Test func `no retry is due beyond the last date`() {
        var random = SeededGenerator(seed: 1)
        let policy = RetryPolicy(maxAttempts: nil, backoff: .list([Limits.longestSpan]))
        #expect(
            policy.decide(
                failures: 1, startedAt: .latestDue, createdAt: .epoch, now: .latestDue, using: &random)
                == .retry(at: .latestDue))
    }

    @Test func `the standard policy has the text that stores keep`() {
        #expect(RetryPolicy.standard.text == "20 - 0.1 exponential 5000000 2.0 3600000000")
    }

    @Test func `outcomes are written only if they are not treated as usual`() {
        var policy = RetryPolicy(maxAttempts: 1, backoff: .list([.zero]))
        policy.outcomes[.fail] = .retry
        policy.outcomes[.noWorker] = nil
        #expect(policy.text == "1 - 0.0 list 0")
        policy.outcomes[.lost] = .retry
        policy.outcomes[.noWorker] = .discard
        #expect(policy.text == "1 - 0.0 list 0 lost=retry no_worker=discard")
        #expect(RetryPolicy(text: policy.text)?.outcomes[.noWorker] == .discard)
        #expect(RetryPolicy(text: policy.text)?.outcomes[.fail] == .retry)
    }

    @Test func `the text of a policy is read again`() {
        var random = SeededGenerator(seed: 9)
        for _ in 0..<2000 {
            func span() -> Duration { .microseconds(Int64(random.next() >> (1 + random.next() % 62))) }
            let backoff: RetryPolicy.Backoff =
                switch random.next() % 4 {
                case 0:
                    .exponential(initial: span(), factor: Double.random(in: 1...100, using: &random), longest: span())
                case 1: .linear(initial: span(), longest: span())
                case 2: .list((0...random.next() % 100).map { _ in span() })
                default: .rounds(immediate: UInt32(truncatingIfNeeded: random.next()), pause: span())
                }
            var outcomes = OutcomePolicy()
            for kind in OutcomePolicy.Kind.allCases {
                outcomes[kind] = OutcomePolicy.Treatment.allCases.randomElement(using: &random)
            }
            let policy = RetryPolicy(
                maxAttempts: random.next() & 1 == 0 ? nil : max(1, UInt32(truncatingIfNeeded: random.next())),
                maxAge: random.next() & 1 == 0 ? nil : span(), backoff: backoff,
                jitter: Double.random(in: 0...1, using: &random), outcomes: outcomes)
            #expect(policy.text.utf8.count <= 4096)
            #expect(RetryPolicy(text: policy.text) == policy)
        }
    }

    @Test(arguments: [
        "", "20", "20 - 0.1 exponential 5000000 2.0", "20 - 0.1 exponential 5000000 nan 1",
        "20 - 0.1 exponential a 2.0 1",
        "0 - 0 list 1", "-1 - 0 list 1", "4294967296 - 0 list 1", "x - 0 list 1", "1 x 0 list 1", "1 -5 0 list 1",
        "1 - 1.1 list 1",
        "1 - -0.1 list 1", "1 - nan list 1", "1 - 0 list", "1 - 0 list x", "1 - 0 list -1", "1 - 0 linear 1",
        "1 - 0 linear 1 2 3",
        "1 - 0 rounds -1 5", "1 - 0 rounds 4294967296 5", "1 - 0 rounds 1 x", "1 - 0 rounds 1 -5", "1 - 0 other 1 2",
        "1 - 0 list 1 lost", "1 - 0 list 1 lost=", "1 - 0 list 1 =retry", "1 - 0 list 1 lost=retry=retry",
        "lost=retry",
        "1 - 0 list 1 lost=retry lost=discard", "1 - 0 list 1 lost=wait", "1 - 0 list lost=retry 1",
        "1 - 0 list 1 Lost=retry",
    ])
    func `other text is no policy`(text: String) {
        #expect(RetryPolicy(text: text) == nil)
    }

    @Test func `a list longer than its limit is no policy`() {
        let waits = [String](repeating: "1", count: Limits.backoffEntries + 1).joined(separator: " ")
        #expect(RetryPolicy(text: "1 - 0 list \(waits)") == nil)
    }

    private static func decide(
        _ policy: RetryPolicy, failures: UInt32, using random: inout SeededGenerator
    ) -> RetryPolicy.Decision {
        policy.decide(failures: failures, startedAt: self.now, createdAt: self.now, now: self.now, using: &random)
    }

    /// The waits after each of these failures, in whole seconds.
    private static func waits(
        _ policy: RetryPolicy, _ failures: ClosedRange<UInt32>, ran: Duration = .zero
    ) -> [Int64] {
        var random = SeededGenerator(seed: 1)
        return failures.compactMap { failures in
            let decision = policy.decide(
                failures: failures, startedAt: self.now.advanced(by: ran * -1), createdAt: self.now, now: self.now,
                using: &random)
            guard case .retry(let at) = decision else { return nil }
            return self.now.duration(to: at).microseconds / 1_000_000
        }
    }
}
