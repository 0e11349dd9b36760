/// What a task's row says of a settlement that may have been made.
package enum SettlementResolution: Equatable, Sendable {
    /// It stands as the settlement leaves it.
    case done
    /// The claim no longer holds, for another reason; or the task has gone on since and nobody can tell.
    case stale
    /// The claim still holds.
    case notDone

    package init(_ settlement: Settlement, _ row: StandingTask?) {
        guard let row else {
            switch settlement.change {
            // However it came to be removed: it is over and is not run again.
            case .complete: self = .done
            case .retry, .release, .discard, .expire: self = .stale
            }
            return
        }
        if row.isHeld(by: settlement.claim) {
            self = .notDone
            return
        }
        guard row.attempt == settlement.claim.attempt else {
            self = .stale
            return
        }
        switch (settlement.change, row.state) {
        case (.retry(let at, _), .scheduled), (.release(let at), .scheduled):
            // A rescue leaves the due time as it was before.
            self = row.dueAt == at ? .done : .stale
        case (.complete(let keepUntil), .completed):
            self = row.removeAt == keepUntil ? .done : .stale
        case (.discard(let keepUntil, _), .discarded), (.expire(let keepUntil, _), .expired):
            self = row.removeAt == keepUntil ? .done : .stale
        case (.complete, .scheduled), (.complete, .running), (.complete, .discarded), (.complete, .cancelled),
            (.complete, .expired),
            (.retry, .running), (.retry, .completed), (.retry, .discarded), (.retry, .cancelled), (.retry, .expired),
            (.release, .running), (.release, .completed), (.release, .discarded), (.release, .cancelled),
            (.release, .expired),
            (.discard, .scheduled), (.discard, .running), (.discard, .completed), (.discard, .cancelled),
            (.discard, .expired),
            (.expire, .scheduled), (.expire, .running), (.expire, .completed), (.expire, .discarded),
            (.expire, .cancelled):
            self = .stale
        }
    }
}

/// Settlements, each fenced by its claim. After an unknown outcome a claim that holds no longer may have been settled
/// by ourselves: its row says so, and it is asked also after a repetition that found the claim gone.
package struct SettleOperation: ClusterOperation {
    private enum Progress: Equatable {
        case open
        /// A transaction that settles it may have been committed, or may be later.
        case doubtful
        /// The same, and its row is looked up before anything else.
        case toLookUp
        case concluded(FencedOutcome)
    }

    package let settlements: [Settlement]
    private var progress: [Progress]

    package init(_ settlements: [Settlement]) {
        self.settlements = settlements
        self.progress = settlements.map { _ in .open }
    }

    package var purpose: ClusterStateMachine.Purpose {
        // Mostly all of them are of one owner.
        .claim(by: self.settlements.first?.claim.owner)
    }
    package var openCount: Int { self.openPlaces.count }

    package var answer: [FencedOutcome] {
        self.progress.map { progress in
            guard case .concluded(let outcome) = progress else { preconditionFailure("It is still open") }
            return outcome
        }
    }

    package var idsToLookUp: [TaskID] {
        self.progress.indices.filter { self.progress[$0] == .toLookUp }.map { self.settlements[$0].claim.id }
    }

    /// What a node is asked to settle, in order.
    package var openSettlements: [Settlement] { self.openPlaces.map { self.settlements[$0] } }

    private var openPlaces: [Int] {
        self.progress.indices.filter { place in
            switch self.progress[place] {
            case .open, .doubtful, .toLookUp: true
            case .concluded: false
            }
        }
    }

    package mutating func committed(_ answer: [FencedOutcome]) {
        for (place, outcome) in zip(self.openPlaces, answer) {
            switch (self.progress[place], outcome) {
            case (.open, _), (_, .done), (.concluded, _): self.progress[place] = .concluded(outcome)
            case (.doubtful, .stale), (.toLookUp, .stale): self.progress[place] = .toLookUp
            }
        }
    }

    package mutating func lost(_ answer: [FencedOutcome]?) {
        for (index, place) in self.openPlaces.enumerated() {
            // A claim that held no longer will never hold again, whether the others were settled or not.
            if self.progress[place] == .open, answer?[index] == .stale {
                self.progress[place] = .concluded(.stale)
            } else {
                self.progress[place] = .toLookUp
            }
        }
    }

    package mutating func looked(_ rows: [TaskID: StandingTask]) {
        for place in self.progress.indices where self.progress[place] == .toLookUp {
            let settlement = self.settlements[place]
            switch SettlementResolution(settlement, rows[settlement.claim.id]) {
            case .done: self.progress[place] = .concluded(.done)
            case .stale: self.progress[place] = .concluded(.stale)
            case .notDone: self.progress[place] = .doubtful
            }
        }
    }
}
