internal import GearclockCore

/// Sees every write-set and every answer, and says when one of them is a lie.
struct ClusterAuditor {
    private struct Attempt: Hashable {
        let id: TaskID
        let attempt: UInt32
    }

    /// A settlement of a call.
    private struct Place: Hashable {
        let call: Int
        let claim: Claim
    }

    private(set) var failure: String?
    var counts = ClusterSimulation.Counts()
    var calmInserts = 0
    var calmCalls: [Int: Int] = [:]
    /// Ids whose inserts were acknowledged.
    private(set) var known: [TaskID] = []
    private var firstInsert: [TaskID: Int] = [:]
    private var claimants: [Attempt: OwnerID] = [:]
    /// Claims that somebody was told of.
    private var reported: Set<Attempt> = []
    /// Tasks that were stored again after their end: they count their attempts anew.
    private var revived: Set<TaskID> = []
    /// Settlements that were made, by call.
    private var settled: Set<Place> = []
    private var ordered = 0

    private mutating func fail(_ text: @autoclosure () -> String) {
        if self.failure == nil { self.failure = text() }
    }

    // MARK: - Write-sets

    /// - Parameter truth: what stands before it.
    mutating func ordered(_ writeSet: WriteSet, calls: [ClusterCall], _ truth: TaskStoreModel) {
        self.ordered += 1
        switch calls[writeSet.call].result {
        case nil: break
        case .failure(.unavailable)?, .failure(.conflict)?:
            self.fail("Call \(writeSet.call) was denied, and is done")
        case .failure(.outcomeUnknown)?, .success?: self.counts.late += 1
        }
        switch (writeSet.request, writeSet.answer) {
        case (.insert(let tasks, let express, _), .inserted(let outcomes)):
            for (task, outcome) in zip(tasks, outcomes) where outcome == .inserted {
                if truth.records[task.id] != nil { self.fail("Task \(task.id.short) is stored twice") }
                if self.firstInsert[task.id] == nil {
                    self.firstInsert[task.id] = self.ordered
                } else {
                    self.counts.resurrections += 1
                    self.revived.insert(task.id)
                    if !calls[writeSet.call].wasDoubtful { self.fail("Task \(task.id.short) is stored again") }
                }
                if let express, express.takes(task) { self.storedClaimed(task, express) }
            }
        case (_, .claimed(let tasks)):
            for task in tasks {
                let attempt = Attempt(id: task.id, attempt: task.claim.attempt)
                if truth.records[task.id]?.state != .scheduled || self.isTaken(attempt) {
                    self.fail("Task \(task.id.short) is claimed by two")
                }
                self.claimants[attempt] = task.claim.owner
            }
        case (.settle(let settlements), .fenced(let outcomes)):
            for (settlement, outcome) in zip(settlements, outcomes) where outcome == .done {
                if !truth.isHeld(settlement.claim) { self.fail("A stale claim settles \(settlement.claim.id.short)") }
                self.settled.insert(Place(call: writeSet.call, claim: settlement.claim))
            }
        case (.cancel(let ids, _), .cancelled(let outcomes)):
            for (id, outcome) in zip(ids, outcomes) where outcome == .cancelledWhileRunning {
                // What its node read may be old: the entry must be of the attempt that stands.
                let entry = writeSet.changes.last { $0.id == id }?.record?.history.last
                if entry?.outcome != .cancelled || entry?.attempt != truth.records[id]?.attempt {
                    self.fail("Task \(id.short) is cancelled while it runs, and its history does not say so")
                }
            }
        case (.extend(let claims, _), .fenced(let outcomes)):
            // A lease that is longer already is left as it is, and collides with nobody.
            let changed = Set(writeSet.changes.map(\.id))
            for (claim, outcome) in zip(claims, outcomes) where outcome == .done && changed.contains(claim.id) {
                if !truth.isHeld(claim) { self.fail("A stale claim extends \(claim.id.short)") }
            }
        default:
            break
        }
    }

    // MARK: - Answers

    mutating func ended(
        _ number: Int, _ call: ClusterCall, nodes: [Int], _ galera: SimulatedGalera, _ swarm: ClusterSwarm,
        now: Int64
    ) {
        // A look or a statement at the last moment ends with the call; a proof comes on top.
        let limit = swarm.callPolicy.limit.microseconds + CopiesProofPolicy().limit.microseconds + 3_000_000
        if now - call.startedAt > limit { self.fail("Call \(number) took \((now - call.startedAt) / 1000) ms") }
        switch call.result! {
        case .failure(let error):
            if call.wasCalm { self.fail("Call \(number) fails although all is well: \(error.text)") }
            if case .outcomeUnknown = error { self.counts.unknown += 1 } else { self.counts.unavailable += 1 }
        case .success(let answer):
            self.counts.done += 1
            if call.wasDoubtful { self.counts.resolved += 1 }
            self.check(number, call, answer, nodes, galera, swarm)
        }
    }

    private mutating func check(
        _ number: Int, _ call: ClusterCall, _ answer: ClusterAnswer, _ nodes: [Int], _ galera: SimulatedGalera,
        _ swarm: ClusterSwarm
    ) {
        switch (call.request, answer) {
        case (.insert(let tasks, let express, let demand), .inserted(let outcomes)):
            self.check(tasks, on: nodes, needed: swarm.copies.needed(demand), galera)
            for (task, outcome) in zip(tasks, outcomes) where outcome == .inserted {
                if let express, express.takes(task) { self.check(number, task, express) }
            }
        case (.claim, .claimed(let tasks)):
            for task in tasks {
                let attempt = Attempt(id: task.id, attempt: task.claim.attempt)
                // An earlier claim of this owner, given up as unknown, may have been committed late.
                if !self.isClaimed(attempt, by: task.claim.owner) {
                    self.fail("Call \(number) has a claim of \(task.id.short) that its owner did not make")
                }
                if !self.isNews(attempt) {
                    self.fail("A claim of \(task.id.short) is reported twice")
                }
            }
        case (.settle(let settlements), .fenced(let outcomes)):
            for (settlement, outcome) in zip(settlements, outcomes) {
                self.check(number, settlement, outcome, galera.truth)
            }
        case (.extend(let claims, let until), .fenced(let outcomes)):
            for (claim, outcome) in zip(claims, outcomes) {
                let record = galera.truth.records[claim.id]
                let isHeld = galera.truth.isHeld(claim)
                if outcome == .stale, isHeld {
                    self.fail("An extension of \(claim.id.short) is stale, and its claim holds")
                }
                if outcome == .done, isHeld, record!.leaseUntil! < until {
                    self.fail("An extension of \(claim.id.short) is done, and its lease is shorter")
                }
            }
        case (.cancel(let ids, _), .cancelled(let outcomes)):
            for (id, outcome) in zip(ids, outcomes) {
                let record = galera.truth.records[id]
                switch outcome {
                case .cancelled, .cancelledWhileRunning:
                    if record?.state != .cancelled { self.fail("Task \(id.short) is said to be cancelled, and is not") }
                case .alreadyFinal(let state):
                    if record?.state != state { self.fail("Task \(id.short) is said to be \(state), and is not") }
                case .notFound:
                    if record != nil { self.fail("Task \(id.short) is said to be nowhere, and stands") }
                }
            }
        default:
            break
        }
    }

    private func isTaken(_ attempt: Attempt) -> Bool {
        self.claimants[attempt] != nil && !self.revived.contains(attempt.id)
    }

    /// - Returns: whether nobody was told of it before, as far as that can be known.
    private mutating func isNews(_ attempt: Attempt) -> Bool {
        self.reported.insert(attempt).inserted || self.revived.contains(attempt.id)
    }

    private func isClaimed(_ attempt: Attempt, by owner: OwnerID) -> Bool {
        self.claimants[attempt] == owner || self.revived.contains(attempt.id)
    }

    /// A task was stored by the express lane, as its owner's.
    private mutating func storedClaimed(_ task: TaskDefinition, _ express: ExpressClaim) {
        self.counts.expressClaims += 1
        self.claimants[Attempt(id: task.id, attempt: 1)] = express.owner
    }

    /// Whoever is told that his task was inserted runs it.
    private mutating func check(_ call: Int, _ task: TaskDefinition, _ express: ExpressClaim) {
        let attempt = Attempt(id: task.id, attempt: 1)
        if !self.isClaimed(attempt, by: express.owner) {
            self.fail("Call \(call) has a task of the express lane, \(task.id.short), that it does not hold")
        }
        if !self.isNews(attempt) {
            self.fail("Call \(call) is told that \(task.id.short) is its own, and so was another")
        }
    }

    private mutating func check(
        _ tasks: [TaskDefinition], on nodes: [Int], needed: Int, _ galera: SimulatedGalera
    ) {
        if Set(nodes).count < needed { self.fail("\(needed) copies are promised, on \(nodes)") }
        for task in tasks {
            guard let place = self.firstInsert[task.id] else {
                self.fail("Task \(task.id.short) is acknowledged, and not stored")
                continue
            }
            // One of them may be lost for ever, with all that no other node has applied.
            for node in nodes where galera.nodes[node].applied < place {
                self.fail("Task \(task.id.short) is said to stand on n\(node), and does not")
            }
            self.known.append(task.id)
        }
    }

    private mutating func check(
        _ call: Int, _ settlement: Settlement, _ outcome: FencedOutcome, _ truth: TaskStoreModel
    ) {
        let wasMade = self.settled.contains(Place(call: call, claim: settlement.claim))
        let record = truth.records[settlement.claim.id]
        let text = "Call \(call): the settlement of \(settlement.claim.id.short)/\(settlement.claim.attempt)"
        switch outcome {
        case .done:
            guard !wasMade else { return }
            // Another call may have made the same change of the same claim, or the task is over.
            let standing = truth.standing([settlement.claim.id]).first
            if SettlementResolution(settlement, standing) != .done { self.fail("\(text) is reported and not made") }
        case .stale:
            if truth.isHeld(settlement.claim) { self.fail("\(text) is stale, and its claim holds") }
            guard wasMade, let record else {
                if wasMade, case .complete = settlement.change { self.fail("\(text) is made and reported stale") }
                return
            }
            // It may have been claimed again since, or cancelled.
            let hasGoneOn = record.attempt != settlement.claim.attempt || record.state == .cancelled
            if !hasGoneOn { self.fail("\(text) is made and reported stale") }
        }
    }

    // MARK: - The end

    /// Tasks that have not reached a final state.
    func unfinished(_ galera: SimulatedGalera) -> [String] {
        galera.truth.records.values.filter { !$0.state.isFinal }.map(\.id.short).sorted()
    }

    func end(_ galera: SimulatedGalera) -> String? {
        for (index, node) in galera.nodes.enumerated() {
            var galera = galera
            galera.apply(index, upTo: galera.log.count)
            if galera.nodes[index].model.records != galera.truth.records {
                return "n\(index) differs after \(node.applied) write-sets"
            }
        }
        return nil
    }
}

extension TaskStoreModel {
    fileprivate func isHeld(_ claim: Claim) -> Bool {
        self.standing([claim.id]).first?.isHeld(by: claim) ?? false
    }
}
