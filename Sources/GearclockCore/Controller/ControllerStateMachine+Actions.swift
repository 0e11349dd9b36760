/// From what happened to what is done next.
extension ControllerStateMachine {
    /// What one event brought together; it leaves as one action of each kind.
    struct Work {
        var questions: [StatusQuestion] = []
        var submissions: [JobSubmission] = []
        var checked: [RunID] = []
        var abandoned: [RunID] = []
        var beats = false
        var leaves = false
        var served: [Lane]?
    }

    /// Turns what has come together into actions, and looks what else can be done now.
    mutating func proceed(_ before: Work, _ now: Now) -> [Action] {
        var work = before
        self.startFreed(now, &work)
        self.finish(now, &work)
        var actions: [Action] = []
        if !work.abandoned.isEmpty { actions.append(.abandon(work.abandoned)) }
        if !work.submissions.isEmpty { actions.append(.submit(work.submissions)) }
        if !work.questions.isEmpty { actions.append(.askStatus(work.questions)) }
        if !work.checked.isEmpty { actions.append(.checkJobs(work.checked)) }
        if let settlements = self.nextSettlements(now) { actions.append(.settle(settlements)) }
        if let claims = self.nextExtensions(now) { actions.append(.extend(claims, leaseUntil: self.extendingUntil)) }
        if work.beats {
            actions.append(.beat)
            if self.phase == .running, !self.isReadingSettings {
                self.isReadingSettings = true
                actions.append(.readSettings)
            }
        }
        if let lanes = work.served { actions.append(.serve(lanes)) }
        if self.askServers(now) { actions.append(.askServers) }
        if work.leaves { actions.append(.leave) }
        self.checkInvariants()
        switch self.phase {
        case .running, .draining:
            break
        case .leaving:
            if self.membership.hasLeft, !self.isReadingSettings, !self.isAskingServers {
                self.phase = .stopped
                return actions + [.stopped]
            }
        case .stopped:
            return actions
        }
        if let timer = self.nextTimer(now) { actions.append(.setTimer(timer)) }
        return actions
    }

    private mutating func finish(_ now: Now, _ work: inout Work) {
        switch self.phase {
        case .draining:
            guard self.runs.isEmpty, self.settling.isEmpty, self.extending.isEmpty else { return }
            // Not before: as long as its jobs run, they count.
            self.phase = .leaving
            self.perform(self.membership.shutdownRequested(), now, &work)
        case .running, .leaving, .stopped:
            break
        }
    }

    private func nextTimer(_ now: Now) -> MonotonicInstant? {
        var moments = [
            self.timers.first?.moment, self.tokenTimers.first?.moment, self.membershipTimer, self.serversDue,
        ]
        if !self.unsettled.isEmpty, self.settling.isEmpty { moments.append(self.settleBackoff.notBefore) }
        if !self.extendable.isEmpty, self.extending.isEmpty { moments.append(self.extendBackoff.notBefore) }
        return moments.compactMap { $0 }.min()
    }

    private func checkInvariants() {
        precondition(self.runs.count == self.runOfTask.count && self.bytesInHand >= 0)
        precondition(self.runs.count <= self.policy.inHandTasks, "More tasks in hand than there is room for")
        precondition(self.unproven.runs >= 0 && self.unproven.runs <= self.runs.count && self.unproven.bytes >= 0)
        precondition(self.freed.isEmpty, "Something may start and was not looked at")
    }
}
