internal import GearclockCore

/// The audit of the controllers: every settlement must say what really happened, and follow the task's policy.
extension Ledger {
    func settle(_ index: Int, _ settlement: Settlement, now: Timestamp, _ model: TaskStoreModel) {
        self.settled += 1
        self.checkRecord(index, settlement)
        switch settlement.change {
        case .complete(let keepUntil):
            if self[index].successes == 0 {
                self.fail("\(self.name(index)) is completed, and no job of it succeeded", breaks: .atLeastOnce)
            }
            self.end(index, .completed, isKept: keepUntil != nil)
        case .retry(let at, let record):
            self.checkFailure(index, record)
            self.addFailure(index, record)
            self.checkRetry(index, at: at, record)
            self.reschedule(index, at: at)
        case .release(let at):
            self.reschedule(index, at: at)
        case .discard(_, let record):
            self.checkFailure(index, record)
            self.addFailure(index, record)
            self.checkDiscard(index, record)
            self.end(index, .discarded, isKept: true)
        case .expire(_, let record):
            // Decided a moment before it was asked for, and the clock may have been set back in between.
            if (self[index].expiresAt ?? .distantFuture) > now.advanced(by: self.clockPlay) {
                self.fail("\(self.name(index)) expired before its time", breaks: .atLeastOnce)
            }
            self.end(index, .expired, isKept: true)
            if record.outcome != .expired {
                self.fail("\(self.name(index)) expired, and is written down as \(record.outcome)")
            }
            self.addEntry(index, record, model)
        }
        self.compare(index, model)
    }

    private func addFailure(_ index: Int, _ record: AttemptRecord) {
        self[index].shadow!.failures += 1
        self[index].shadow!.history.append(record.outcome)
    }

    /// The last attempt of a task is written down, and is no failure of it.
    func addEntry(_ index: Int, _ entry: AttemptRecord, _ model: TaskStoreModel) {
        self[index].shadow!.history.append(entry.outcome)
        let last = model.records[self[index].id]?.history.last
        if last != entry {
            let text = last.map { "\($0.outcome)" } ?? "nothing"
            self.fail("\(self.name(index)) is \(entry.outcome), and its history ends with \(text)")
        }
    }

    /// What is written down of an attempt is of this claim, or of an earlier one that it continued.
    private func checkRecord(_ index: Int, _ settlement: Settlement) {
        switch settlement.change {
        case .retry(_, let record), .discard(_, let record), .expire(_, let record):
            if !(1...settlement.claim.attempt).contains(record.attempt) {
                self.fail(
                    "\(self.name(index)): attempt \(settlement.claim.attempt) is written down as \(record.attempt)")
            }
        case .complete, .release:
            break
        }
    }

    /// Each failure that is counted must be one that happened.
    private func checkFailure(_ index: Int, _ record: AttemptRecord) {
        switch record.outcome {
        case .timedOut:
            self[index].timeouts += 1
            if !self[index].hasTimeout { self.fail("\(self.name(index)) has no timeout, and timed out") }
        case .handedOut:
            self[index].handOuts += 1
            if !self[index].isCustom { self.fail("\(self.name(index)) has no custom controller, and was handed out") }
        case .failed, .exception:
            break
        case .lost, .noWorker:
            self[index].losses += 1
        case .leaseExpired, .expired, .cancelled:
            self.fail("\(self.name(index)): \(record.outcome) is counted as a failure")
        }
        let entry = self[index]
        if entry.retry.treatment(of: record.outcome) == .release {
            self.fail("\(self.name(index)): \(record.outcome) is counted, and should not be")
        }
        if entry.shadow!.failures + 1 > entry.misses + entry.timeouts + entry.handOuts + entry.losses {
            self.fail("\(self.name(index)): a failure is counted that did not happen")
        }
    }

    private func checkRetry(_ index: Int, at: Timestamp, _ record: AttemptRecord) {
        let entry = self[index]
        if entry.retry.treatment(of: record.outcome) == .discard {
            self.fail("\(self.name(index)) is retried after \(record.outcome), and should not be")
        }
        let failures = entry.shadow!.failures
        // A custom controller's task is handed out once more than it may fail, so that the last hand-out has its time.
        if !entry.isCustom, let attempts = entry.retry.maxAttempts, failures >= attempts {
            self.fail("\(self.name(index)) is retried after \(failures) failures of \(attempts)", breaks: .atLeastOnce)
        }
        let wait = record.endedAt.duration(to: at)
        guard let bounds = entry.retry.waitBounds(failures: failures, record) else { return }
        if !bounds.contains(wait) {
            self.fail("\(self.name(index)) waits \(wait) instead of \(bounds)", breaks: .atLeastOnce)
        }
    }

    private func checkDiscard(_ index: Int, _ record: AttemptRecord) {
        let entry = self[index]
        if entry.retry.treatment(of: record.outcome) == .discard { return }
        guard let attempts = entry.retry.maxAttempts, entry.shadow!.failures >= attempts else {
            return self.fail(
                "\(self.name(index)) is discarded after \(entry.shadow!.failures) failures", breaks: .atLeastOnce)
        }
    }
}

extension RetryPolicy {
    /// What the policy says an outcome counts as.
    fileprivate func treatment(of outcome: AttemptOutcome) -> OutcomePolicy.Treatment {
        switch outcome {
        case .failed: self.outcomes[.fail]!
        case .exception: self.outcomes[.exception]!
        case .timedOut: self.outcomes[.timeout]!
        case .lost: self.outcomes[.lost]!
        case .noWorker: self.outcomes[.noWorker] ?? .release
        case .handedOut: .retry
        case .leaseExpired, .expired, .cancelled: .release
        }
    }

    /// How long a task has to wait after so many failures, jitter included; `nil` where another rule decides.
    fileprivate func waitBounds(failures: UInt32, _ record: AttemptRecord) -> ClosedRange<Duration>? {
        if record.outcome == .handedOut { return nil }
        let wait: Duration
        switch self.backoff {
        case .exponential(let initial, let factor, let longest):
            var seconds = initial.inSeconds
            for _ in 1..<max(1, failures) { seconds *= factor }
            wait = min(longest, .fromSeconds(seconds))
        case .linear(let initial, let longest):
            wait = min(longest, initial * Int(failures))
        case .list(let waits):
            wait = waits[min(Int(failures), waits.count) - 1]
        case .rounds:
            return nil
        }
        let play = Duration.fromSeconds(wait.inSeconds * self.jitter) + .microseconds(2)
        return (wait - play)...(wait + play)
    }
}
