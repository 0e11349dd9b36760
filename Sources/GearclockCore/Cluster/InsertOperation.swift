/// An insert: repeated with the same ids, so that nothing is stored twice.
///
/// A task of the express lane is run by whoever is told that it was inserted. So after an unknown outcome it counts as
/// inserted only if its row is seen, held by the very claim with which it is stored.
package struct InsertOperation: ClusterOperation {
    package let tasks: [TaskDefinition]
    package let express: ExpressClaim?
    private var outcomes: [InsertOutcome?]
    /// What a transaction whose outcome is unknown would have answered.
    private var pending: [InsertOutcome?]
    /// Something is unknown, and nobody has looked since.
    private var mustLookUp = false
    /// Something was unknown once.
    private var isDoubtful = false

    package init(_ tasks: [TaskDefinition], express: ExpressClaim? = nil) {
        self.tasks = tasks
        self.express = express
        self.outcomes = tasks.map { _ in nil }
        self.pending = self.outcomes
    }

    package var purpose: ClusterStateMachine.Purpose {
        // Tasks of the express lane are settled soon, where the claims of their owner are.
        self.express.map { .claim(by: $0.owner) } ?? .insert
    }
    package var openCount: Int { self.outcomes.count { $0 == nil } }
    package var answer: [InsertOutcome] { self.outcomes.map { $0! } }
    package var idsToLookUp: [TaskID] { self.mustLookUp ? self.openTasks.map(\.id) : [] }

    /// What a node is asked to insert, in order.
    package var openTasks: [TaskDefinition] {
        if self.openCount == self.tasks.count { return self.tasks }
        return self.openPlaces.map { self.tasks[$0] }
    }

    private var openPlaces: [Int] { self.outcomes.indices.filter { self.outcomes[$0] == nil } }

    package mutating func committed(_ answer: [InsertOutcome]) {
        for (place, outcome) in zip(self.openPlaces, answer) {
            if self.mustBeSeen(place, outcome) {
                self.mustLookUp = true
            } else {
                self.outcomes[place] = self.resolved(place, outcome)
            }
        }
    }

    package mutating func lost(_ answer: [InsertOutcome]?) {
        self.mustLookUp = true
        self.isDoubtful = true
        guard let answer else { return }
        for (place, outcome) in zip(self.openPlaces, answer) {
            switch outcome {
            case .inserted, .exists: if self.pending[place] == nil { self.pending[place] = outcome }
            // True whether the others were stored or not.
            case .tooLarge: self.outcomes[place] = outcome
            }
        }
    }

    package mutating func looked(_ rows: [TaskID: StandingTask]) {
        // What is not there is inserted again.
        self.mustLookUp = false
        for place in self.openPlaces {
            guard let row = rows[self.tasks[place].id] else { continue }
            self.outcomes[place] = self.resolved(place, row)
        }
    }

    /// Whether its row alone tells who stored a task.
    private func mustBeSeen(_ place: Int, _ outcome: InsertOutcome) -> Bool {
        guard self.isDoubtful, self.express?.takes(self.tasks[place]) ?? false, case .exists = outcome else {
            return false
        }
        return !self.wasThere(place)
    }

    private func wasThere(_ place: Int) -> Bool {
        if case .exists? = self.pending[place] { true } else { false }
    }

    private func resolved(_ place: Int, _ row: StandingTask) -> InsertOutcome {
        let found = InsertOutcome.exists(row.state)
        guard let express = self.express, express.takes(self.tasks[place]), !self.wasThere(place) else {
            return self.resolved(place, found)
        }
        return row.isHeld(by: Claim(id: row.id, owner: express.owner, attempt: 1)) ? .inserted : found
    }

    /// What is there after an unknown outcome is our own, unless it was there before.
    private func resolved(_ place: Int, _ outcome: InsertOutcome) -> InsertOutcome {
        switch outcome {
        case .inserted, .tooLarge: outcome
        case .exists: self.pending[place] ?? outcome
        }
    }
}
