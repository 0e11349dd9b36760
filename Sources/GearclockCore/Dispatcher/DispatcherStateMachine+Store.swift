/// What the dispatcher asks the store, and what it makes of the answers.
extension DispatcherStateMachine {
    package mutating func dueLanesReplied(
        _ reply: Result<[LaneDue], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .asking(let since) = self.poll else { preconditionFailure("Invalid state: \(self.poll)") }
        self.poll = .idle
        let cost = since.duration(to: now.monotonic)
        let pause = max(self.policy.pollInterval, min(cost * 10, self.policy.longestPollInterval))
        self.nextPoll = now.monotonic.advanced(by: pause)
        switch reply {
        case .success(let lanes):
            self.backoff.succeeded()
            self.dueLanes.replace(lanes)
            self.isAnswerFresh = true
            self.mayClaim = true
        case .failure(let error):
            self.backoff.failed(error, now: now.monotonic, using: &random)
        }
        return self.proceed(now)
    }

    package mutating func claimReplied(
        _ reply: Result<[ClaimedTask], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .claiming(let shares) = self.poll else { preconditionFailure("Invalid state: \(self.poll)") }
        self.poll = .idle
        switch reply {
        case .success(let tasks):
            self.backoff.succeeded()
            // The store ends a claim before the task for which there are no bytes left, and does not say so.
            let bytes = tasks.reduce(0) { $0 + $1.definition.weightBytes }
            let isCutShort = !tasks.isEmpty && 2 * bytes > self.policy.heldBytes - self.inHandBytes
            self.dueLanes.claimed(shares, tasks, isCutShort: isCutShort)
            let dueNow = self.dueNow(now)
            for task in tasks { self.hold(task, dueBy: dueNow) }
            // What was blocked or paused in the meantime keeps no more than others like it.
            for share in shares { self.trim(share.lane) }
        case .failure(let error):
            // If the outcome is unknown, what was claimed comes back when its lease runs out.
            self.backoff.failed(error, now: now.monotonic, using: &random)
        }
        self.mayClaim = true
        return self.proceed(now)
    }

    package mutating func rescueReplied(
        _ reply: Result<Int, TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var next = now.monotonic.advanced(by: self.policy.rescueInterval)
        switch reply {
        case .success(let count):
            if count > 0 { self.isWoken = true }
            if count >= Limits.settleBatch { next = now.monotonic }
        case .failure(let error):
            self.backoff.failed(error, now: now.monotonic, using: &random)
        }
        self.rescue.ended(next: next)
        return self.proceed(now)
    }

    package mutating func settleReplied(
        _ reply: Result<[FencedOutcome], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(self.settlingCount > 0, "Nothing is being settled")
        switch reply {
        case .success:
            self.backoff.succeeded()
            self.releases.removeFirst(self.settlingCount)
        case .failure(let error):
            // Repeating is harmless: each settlement is fenced. Who is leaving does not wait for a store that is away.
            self.backoff.failed(error, now: now.monotonic, using: &random)
            if self.phase == .draining { self.releases = [] }
        }
        self.settlingCount = 0
        return self.proceed(now)
    }

    package mutating func beatReplied(
        _ reply: Result<[Member], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var actions: [Action] = []
        self.perform(self.membership!.beatReplied(reply, now: now.monotonic, using: &random), &actions)
        return actions + self.proceed(now)
    }

    package mutating func leaveReplied(now: Now) -> [Action] {
        self.membership!.leaveReplied()
        return self.proceed(now)
    }

    package mutating func settingsReplied(
        _ reply: Result<[FunctionSettings], TaskStoreError>, now: Now
    ) -> [Action] {
        switch reply {
        case .success(let settings):
            self.settings.ended(next: now.monotonic.advanced(by: self.policy.settingsInterval))
            self.knowsSettings = true
            self.limits = settings.reduce(into: [:]) { limits, setting in
                limits[Lane(of: setting.function)] = setting.smallestLimit.map { Int($0) }
            }
            let changes = self.gates.set(settings, now: now.monotonic)
            for lane in changes.paused { self.trim(lane) }
            for lane in changes.resumed { self.held.unblock(lane) }
            if !changes.resumed.isEmpty { self.mayClaim = true }
        case .failure:
            self.settings.ended(next: now.monotonic.advanced(by: self.policy.pollInterval))
        }
        return self.proceed(now)
    }

    package mutating func clocksReplied(_ reply: Result<[NodeClock], TaskStoreError>, now: Now) -> [Action] {
        switch reply {
        case .success(let clocks):
            self.clocks.ended(next: now.monotonic.advanced(by: self.policy.clockInterval))
            self.slowestClock =
                clocks.map { clock in
                    now.wall.advanced(by: clock.offset + clock.uncertainty)
                        .advanced(by: .microseconds(now.monotonic.microseconds) * -1)
                }.min() ?? .distantFuture
            self.knowsClocks = true
            self.mayClaim = true
        case .failure:
            self.clocks.ended(next: now.monotonic.advanced(by: self.policy.settingsInterval))
        }
        return self.proceed(now)
    }

    // MARK: - Decisions

    mutating func askStore(_ now: Now, _ actions: inout [Action]) {
        let isStuck = self.isStuck(now)
        if !isStuck { self.perform(self.membership?.timerFired(now: now.monotonic) ?? [], &actions) }
        if self.settings.begins(now: now.monotonic) { actions.append(.askSettings) }
        if self.clocks.begins(now: now.monotonic) { actions.append(.askClocks) }
        guard !self.policy.isExpressOnly, self.backoff.permits(now.monotonic) else { return }
        if self.rescue.begins(now: now.monotonic) {
            let endedBefore = now.wall.advanced(by: self.policy.lease.rescueMargin * -1)
            actions.append(.rescueExpired(endedBefore: endedBefore, limit: Limits.settleBatch))
        }
        var limit = min(Limits.claimBatch, self.policy.heldTasks - self.inHandCount)
        if isStuck { limit = self.inHandCount == 0 && self.nextTrial <= now.monotonic ? 1 : 0 }
        guard self.poll == .idle, limit > 0, self.inHandBytes < self.policy.heldBytes else { return }
        let isPollDue = self.isWoken || self.nextPoll <= now.monotonic
        if !isPollDue || self.isAnswerFresh, self.claimDue(limit: limit, now, &actions) { return }
        if isPollDue {
            self.isWoken = false
            self.poll = .asking(since: now.monotonic)
            actions.append(.askDueLanes)
        }
    }

    /// - Returns: whether there was something to claim.
    private mutating func claimDue(limit: Int, _ now: Now, _ actions: inout [Action]) -> Bool {
        guard self.mayClaim, self.knowsSettings, self.knowsClocks, let buckets = self.membership?.buckets else {
            return false
        }
        self.isAnswerFresh = false
        let (dueNow, dueBy) = (self.dueNow(now), self.dueBy(now))
        var dueLanes = DueLanes()
        swap(&dueLanes, &self.dueLanes)
        let shares = dueLanes.shares(dueBy: dueBy, limit: limit) { self.room(in: $0, dueNow: dueNow) }
        swap(&dueLanes, &self.dueLanes)
        self.mayClaim = !shares.isEmpty
        guard self.mayClaim else { return false }
        self.poll = .claiming(shares)
        self.nextTrial = now.monotonic.advanced(by: self.policy.trialInterval)
        actions.append(
            .claimDue(
                ClaimRequest(
                    owner: self.owner, dueBy: dueBy, limit: limit,
                    limitBytes: self.policy.heldBytes - self.inHandBytes,
                    leaseUntil: now.wall.advanced(by: self.policy.lease.lease), lanes: shares, buckets: buckets)))
        return true
    }

    /// How many tasks of a lane may be claimed.
    private func room(in lane: LaneDue, dueNow: Timestamp) -> Int {
        guard self.gates.isOpen(lane.lane) else { return 0 }
        let limit = self.gates.limit(lane.lane)
        // What it has of one that does not get on is enough, due or not.
        guard self.gates.isFlowing(lane.lane) else { return limit - self.inHandOfLane[lane.lane, default: 0] }
        return lane.dueAt > dueNow ? self.upcomingRoom(lane.lane) : limit - self.dueInHand(lane.lane)
    }

    mutating func settleReleases(_ now: Now, _ actions: inout [Action]) {
        guard self.settlingCount == 0, !self.releases.isEmpty, self.backoff.permits(now.monotonic) else { return }
        self.settlingCount = min(self.releases.count, Limits.settleBatch)
        actions.append(.settle(Array(self.releases.prefix(self.settlingCount))))
    }

    /// Its timer is not needed: this machine looks more often.
    mutating func perform(_ orders: [MembershipStateMachine.Action], _ actions: inout [Action]) {
        for order in orders {
            switch order {
            case .beat: actions.append(.beat(self.owner))
            case .leave: actions.append(.leave(self.owner))
            case .setTimer: break
            }
        }
    }
}
