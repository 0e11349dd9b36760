internal import GearclockCore

/// The audit of the store: what every call did is compared with what it should have done.
extension Ledger {
    func audit(_ request: StoreRequest, _ reply: StoreReply, now: Timestamp, _ model: TaskStoreModel) {
        switch (request, reply) {
        case (.insert(let tasks, let express), .inserted(let outcomes)):
            for (task, outcome) in zip(tasks, outcomes) { self.inserted(task, outcome, express, model) }
        case (.claimDue(let request), .claimed(let tasks)):
            if tasks.count > request.limit { self.fail("More tasks are claimed than asked for") }
            for task in tasks { self.claimed(task, request, model) }
        case (.extend(let claims, let leaseUntil), .fenced(let outcomes)):
            for (claim, outcome) in zip(claims, outcomes) where self.holds(claim, outcome) {
                let index = self.index(of: claim.id)!
                self[index].shadow!.leaseUntil = max(self[index].shadow!.leaseUntil!, leaseUntil)
                self.compare(index, model)
            }
        case (.settle(let settlements), .fenced(let outcomes)):
            for (settlement, outcome) in zip(settlements, outcomes) where self.holds(settlement.claim, outcome) {
                self.settle(self.index(of: settlement.claim.id)!, settlement, now: now, model)
            }
        case (.rescueExpired(let endedBefore, let limit), .rescued(let count)):
            self.rescued(endedBefore: endedBefore, limit: limit, count: count, model)
        case (.cancel(let ids, _), .cancelled(let outcomes)):
            for (id, outcome) in zip(ids, outcomes) { self.cancelled(id, outcome, now: now, model) }
        case (.eject(let ids), .ejected):
            for id in ids {
                guard let index = self.index(of: id), let shadow = self[index].shadow, !shadow.state.isFinal else {
                    continue
                }
                self.end(index, .completed, isKept: false)
                self.compare(index, model)
            }
        case (.dueLanes, .dueLanes), (.beat, .members), (.leave, .done), (.functionSettings, .settings),
            (.setFunctionSettings, .done), (.nodeClocks, .clocks):
            break
        default:
            preconditionFailure("An answer that does not fit its question")
        }
    }

    /// Compares everything that is stored with the account.
    func sweep(_ model: TaskStoreModel) {
        var count = 0
        for index in self.entries.indices {
            if self.entries[index].shadow != nil { count += 1 }
            self.compare(index, model)
        }
        if count != model.records.count || count != self.stored - self.removed {
            self.fail("\(model.records.count) tasks are stored, and \(count) should be", breaks: .stored)
        }
        self.checkCounts(model)
    }

    /// Final tasks whose time to be kept has passed were removed.
    func pruned(_ count: Int, _ model: TaskStoreModel) {
        var gone = 0
        for index in self.entries.indices {
            guard let shadow = self.entries[index].shadow, model.records[self.entries[index].id] == nil else {
                continue
            }
            if !shadow.state.isFinal {
                self.fail("\(self.name(index)) was removed while \(shadow.state)", breaks: .stored)
            }
            self[index].shadow = nil
            self.removed += 1
            gone += 1
        }
        if gone != count { self.fail("\(count) tasks were pruned, and \(gone) are gone") }
    }

    // MARK: - One kind of call each

    private func inserted(
        _ task: TaskDefinition, _ outcome: InsertOutcome, _ express: ExpressClaim?, _ model: TaskStoreModel
    ) {
        guard let index = self.index(of: task.id) else { return self.fail("A task nobody submitted is stored") }
        switch outcome {
        case .inserted:
            if self[index].shadow != nil { self.fail("\(self.name(index)) is stored twice", breaks: .stored) }
            if self[index].isDenied { self.fail("\(self.name(index)) was denied and is stored", breaks: .stored) }
            if self[index].end != nil {
                self.statistics.resurrections += 1
                self[index].isRevived = true
            }
            self[index].end = nil
            self[index].wasStored = true
            self[index].readyAt = max(task.dueAt, self.now)
            self[index].expiresAt = task.expiresAt
            self[index].shadow = Shadow(dueAt: task.dueAt)
            self[index].dueOfAttempt = []
            self[index].acceptedAttempt = 0
            self.stored += 1
            if let express, task.dueAt <= express.dueBy {
                self.statistics.expressClaims += 1
                self.hold(index, express.owner, until: express.leaseUntil)
            }
        case .exists(let state):
            if self[index].shadow?.state != state {
                self.fail("\(self.name(index)) exists as \(state), and should not", breaks: .stored)
            }
        case .tooLarge:
            self.fail("\(self.name(index)) is too large, and no task here is")
        }
        self.compare(index, model)
    }

    private func claimed(_ task: ClaimedTask, _ request: ClaimRequest, _ model: TaskStoreModel) {
        self.statistics.claims += 1
        guard let index = self.index(of: task.id), let shadow = self[index].shadow else {
            return self.fail("A task that is not stored is claimed")
        }
        if shadow.state != .scheduled {
            self.fail("\(self.name(index)) is claimed while \(shadow.state)", breaks: .fenced)
        }
        if !request.buckets.contains(task.id) {
            self.fail("\(self.name(index)) is claimed from another's bucket", breaks: .alone)
        }
        if shadow.dueAt > request.dueBy {
            self.fail("\(self.name(index)) is claimed before its time", breaks: .neverEarly)
        }
        self.hold(index, request.owner, until: request.leaseUntil)
        if task.claim != Claim(id: task.id, owner: request.owner, attempt: shadow.attempt + 1) {
            self.fail("\(self.name(index)) is claimed with the wrong claim", breaks: .fenced)
        }
        if task.failures != shadow.failures { self.fail("\(self.name(index)) is claimed with the wrong failures") }
        self.compare(index, model)
    }

    /// Whether a fenced change was made; it must have been exactly if the claim holds.
    private func holds(_ claim: Claim, _ outcome: FencedOutcome) -> Bool {
        guard let index = self.index(of: claim.id) else {
            self.fail("A claim of a task nobody submitted is used", breaks: .fenced)
            return false
        }
        let shadow = self[index].shadow
        let holds = shadow?.state == .running && shadow?.owner == claim.owner && shadow?.attempt == claim.attempt
        switch outcome {
        case .done:
            if !holds {
                self.fail(
                    "\(self.name(index)) was changed by the stale claim of attempt \(claim.attempt)", breaks: .fenced)
            }
        case .stale:
            self.statistics.staleClaims += 1
            if holds {
                self.fail("\(self.name(index)) refused its valid claim of attempt \(claim.attempt)", breaks: .fenced)
            }
        }
        return holds && outcome == .done
    }

    private func rescued(endedBefore: Timestamp, limit: Int, count: Int, _ model: TaskStoreModel) {
        var expired = 0
        for index in self.entries.indices {
            guard let shadow = self.entries[index].shadow, shadow.state == .running, shadow.leaseUntil! < endedBefore
            else { continue }
            expired += 1
            guard let record = model.records[self.entries[index].id], record.state == .scheduled else { continue }
            self.reschedule(index, at: shadow.dueAt)
            self[index].shadow!.history.append(.leaseExpired)
            self.compare(index, model)
            if record.history.last?.outcome != .leaseExpired { self.fail("\(self.name(index)) was rescued in silence") }
        }
        self.statistics.rescues += count
        if count != min(limit, expired) { self.fail("\(count) of \(expired) leases were taken back") }
    }

    private func cancelled(_ id: TaskID, _ outcome: CancelOutcome, now: Timestamp, _ model: TaskStoreModel) {
        guard let index = self.index(of: id) else { return self.fail("A task nobody submitted is cancelled") }
        let shadow = self[index].shadow
        let state = shadow?.state
        let expected: CancelOutcome
        switch state {
        case nil: expected = .notFound
        case .scheduled: expected = .cancelled
        case .running: expected = .cancelledWhileRunning
        case .completed?, .discarded?, .cancelled?, .expired?: expected = .alreadyFinal(state!)
        }
        if outcome != expected { self.fail("\(self.name(index)) was cancelled with \(outcome), not \(expected)") }
        if expected == .cancelled || expected == .cancelledWhileRunning { self.end(index, .cancelled, isKept: true) }
        if expected == .cancelledWhileRunning, let shadow {
            self.addEntry(index, .cancelled(attempt: shadow.attempt, dueAt: shadow.dueAt, now: now), model)
        }
        self.compare(index, model)
    }

    // MARK: - Changes of the account

    private func hold(_ index: Int, _ owner: OwnerID, until leaseUntil: Timestamp) {
        self[index].shadow!.state = .running
        self[index].shadow!.attempt += 1
        self[index].shadow!.owner = owner
        self[index].shadow!.leaseUntil = leaseUntil
        self[index].dueOfAttempt.append(self[index].shadow!.dueAt)
    }

    func reschedule(_ index: Int, at: Timestamp) {
        self[index].shadow!.state = .scheduled
        self[index].shadow!.owner = nil
        self[index].shadow!.leaseUntil = nil
        self[index].shadow!.dueAt = at
    }

    func end(_ index: Int, _ state: TaskState, isKept: Bool) {
        if let end = self[index].end {
            self.fail("\(self.name(index)) was \(end) and becomes \(state)", breaks: .final)
        }
        self[index].end = state
        if isKept {
            self[index].shadow!.state = state
            self[index].shadow!.owner = nil
            self[index].shadow!.leaseUntil = nil
        } else {
            self[index].shadow = nil
            self.removed += 1
        }
    }

    func compare(_ index: Int, _ model: TaskStoreModel) {
        let record = model.records[self[index].id]
        let expected = self[index].shadow
        if let record, let expected, expected.fits(record) { return }
        if record == nil, expected == nil { return }
        let (found, account) = (record?.text ?? "nothing", expected?.text ?? "nothing")
        self.fail(
            "\(self.name(index)) is stored as \(found), and should be \(account)",
            breaks: record == nil ? .stored : expected?.state.isFinal == true ? .final : .books)
    }

    /// What the store counts, and the histories it keeps, are what happened.
    private func checkCounts(_ model: TaskStoreModel) {
        let counts = model.counts(now: self.now)
        for state in TaskState.allCases {
            let expected = self.entries.count { $0.shadow?.state == state }
            if counts[state] != expected { self.fail("\(counts[state]) tasks are \(state), and \(expected) should be") }
        }
        for entry in self.entries {
            guard let shadow = entry.shadow, let record = model.records[entry.id] else { continue }
            if !record.history.lazy.map(\.outcome).elementsEqual(shadow.history.suffix(Limits.historyEntries)) {
                self.fail("T\(entry.number) has the history \(record.history.map(\.outcome)), not \(shadow.history)")
            }
            if shadow.history.count(where: \.isFailure) != shadow.failures {
                self.fail("T\(entry.number) has \(shadow.failures) failures, and its history \(shadow.history)")
            }
        }
    }
}

extension AttemptOutcome {
    /// Whether an attempt that ended so is counted as a failure.
    fileprivate var isFailure: Bool {
        switch self {
        case .failed, .exception, .timedOut, .handedOut, .lost, .noWorker: true
        case .leaseExpired, .expired, .cancelled: false
        }
    }
}

extension Ledger.Shadow {
    /// Compared after each change; the whole history is compared now and then.
    fileprivate func fits(_ record: TaskRecord) -> Bool {
        self.state == record.state && self.attempt == record.attempt && self.failures == record.failures
            && self.owner == record.owner && self.leaseUntil == record.leaseUntil
            && self.dueAt == record.definition.dueAt
    }

    fileprivate var text: String {
        "\(self.state) attempt \(self.attempt) failures \(self.failures) due \(self.dueAt)"
    }
}

extension TaskRecord {
    fileprivate var text: String {
        "\(self.state) attempt \(self.attempt) failures \(self.failures) due \(self.definition.dueAt)"
    }
}
