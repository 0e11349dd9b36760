/// What the store is asked and told: leases and results, in batches.
extension ControllerStateMachine {
    // MARK: - Events

    package mutating func extendReplied(
        _ reply: Result<[FencedOutcome], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(!self.extending.isEmpty, "Nothing is being extended")
        var work = Work()
        let extended = self.extending
        self.extending = []
        switch reply {
        case .success(let outcomes):
            precondition(outcomes.count == extended.count)
            self.extendBackoff.succeeded()
            for ((run, claim), outcome) in zip(extended, outcomes) where self.runs[run]?.task.claim == claim {
                switch outcome {
                case .done:
                    let leaseUntil = max(self.runs[run]!.task.leaseUntil, self.extendingUntil)
                    self.runs[run]!.task.leaseUntil = leaseUntil
                    self.scheduleExtension(run, leaseUntil: leaseUntil, now: now)
                    if self.runs[run]!.phase == .proving { self.start(run, isProven: true, now: now, &work) }
                case .stale:
                    self.claimLost(run, now, &work)
                }
            }
        case .failure(let error):
            self.extendBackoff.failed(error, now: now.monotonic, using: &random)
            self.extendable = extended.map(\.run).filter { self.runs[$0] != nil } + self.extendable
        }
        return self.proceed(work, now)
    }

    package mutating func settleReplied(
        _ reply: Result<[FencedOutcome], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(!self.settling.isEmpty, "Nothing is being settled")
        let settled = self.settling
        self.settling = []
        switch reply {
        case .success(let outcomes):
            precondition(outcomes.count == settled.count)
            self.settleBackoff.succeeded()
            for ((run, claim), outcome) in zip(settled, outcomes) {
                // A newer claim of the same task may have come while the older one was being settled.
                guard let present = self.runs[run] else { continue }
                if present.task.claim != claim {
                    self.unsettled.append(run)
                    continue
                }
                if outcome == .stale { self.countLoss(of: present, now) }
                self.remove(run)
            }
        case .failure(let error):
            // Repeating is harmless: if it was done, the claim no longer holds and nothing happens.
            self.settleBackoff.failed(error, now: now.monotonic, using: &random)
            if case .outcomeUnknown = error {
                for (run, _) in settled { self.runs[run]?.mayBeSettled = true }
            }
            self.unsettled = settled.map(\.run) + self.unsettled
        }
        return self.proceed(Work(), now)
    }

    // MARK: - Leases

    mutating func scheduleExtension(_ run: RunID, leaseUntil: Timestamp, now: Now) {
        let left = now.wall.duration(to: leaseUntil)
        // Not later than that: the wall clock may have been set back.
        let longest = self.policy.lease.extendWhenLeft
        let wait = min(max(.milliseconds(100), left - self.policy.lease.extendWhenLeft), longest)
        let extendAt = now.monotonic.advanced(by: wait)
        self.runs.values[self.place(of: run)].extendAt = extendAt
        self.timers.insert(extendAt, (run, .extend))
    }

    mutating func extensionDue(_ run: RunID, _ now: Now, _ work: inout Work) {
        self.runs[run]!.extendAt = nil
        switch self.runs[run]!.phase {
        case .workerless, .queued:
            if let change = self.expiry(of: self.runs[run]!, now) { return self.end(run, change) }
        case .submitted:
            work.checked.append(run)
        case .orphaned:
            return self.lookForOrphan(run, now, &work)
        case .early, .proving, .asking, .ended:
            break
        }
        self.extendable.append(run)
    }

    /// It was cancelled, or somebody else has it. What the job answers is no longer ours to settle.
    private mutating func claimLost(_ run: RunID, _ now: Now, _ work: inout Work) {
        let task = self.runs[run]!
        if task.phase == .orphaned { return }
        self.countLoss(of: task, now)
        // Of a custom controller's job no end is heard, and a controller that stops counts nothing any more.
        if task.phase == .submitted, self.phase == .running, task.task.definition.gearsloth?.controller == nil {
            self.move(run, to: .orphaned)
            return self.scheduleExtension(run, leaseUntil: now.wall.advanced(by: self.policy.lease.lease), now: now)
        }
        if task.hasJob { work.abandoned.append(run) }
        self.remove(run)
    }

    private mutating func countLoss(of task: TaskRun, _ now: Now) {
        // Before its lease ends, nobody takes a task back.
        let isCancelled = now.wall <= task.task.leaseUntil && !task.mayBeSettled
        self.counters[isCancelled ? .cancelled : .staleClaims] += 1
    }

    // MARK: - Batches

    mutating func nextSettlements(_ now: Now) -> [Settlement]? {
        guard self.settling.isEmpty, !self.unsettled.isEmpty, self.settleBackoff.permits(now.monotonic) else {
            return nil
        }
        var settlements: [Settlement] = []
        var taken = 0
        for run in self.unsettled {
            if settlements.count == Limits.settleBatch { break }
            taken += 1
            guard let task = self.runs[run], case .ended(let change) = task.phase else { continue }
            self.settling.append((run, task.task.claim))
            settlements.append(Settlement(task.task.claim, change))
        }
        self.unsettled.removeFirst(taken)
        return settlements.isEmpty ? nil : settlements
    }

    mutating func nextExtensions(_ now: Now) -> [Claim]? {
        guard self.extending.isEmpty, !self.extendable.isEmpty, self.extendBackoff.permits(now.monotonic) else {
            return nil
        }
        var taken = 0
        for run in self.extendable {
            if self.extending.count == Limits.settleBatch { break }
            taken += 1
            if let task = self.runs[run], task.needsLease { self.extending.append((run, task.task.claim)) }
        }
        self.extendable.removeFirst(taken)
        self.extendingUntil = now.wall.advanced(by: self.policy.lease.lease)
        return self.extending.isEmpty ? nil : self.extending.map(\.claim)
    }
}
