/// An insert: repeated with the same ids, so that nothing is stored twice.
package struct InsertOperation: ClusterOperation {
    package let tasks: [TaskDefinition]
    private var outcomes: [InsertOutcome?]
    /// What a transaction whose outcome is unknown would have answered.
    private var pending: [InsertOutcome?]
    /// Something is unknown, and nobody has looked since.
    private var mustLookUp = false

    package init(_ tasks: [TaskDefinition]) {
        self.tasks = tasks
        self.outcomes = tasks.map { _ in nil }
        self.pending = self.outcomes
    }

    package var purpose: ClusterStateMachine.Purpose { .insert }
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
            self.outcomes[place] = self.resolved(place, outcome)
        }
    }

    package mutating func lost(_ answer: [InsertOutcome]?) {
        self.mustLookUp = true
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
            self.outcomes[place] = self.resolved(place, .exists(row.state))
        }
    }

    /// What is there after an unknown outcome is our own, unless it was there before.
    private func resolved(_ place: Int, _ outcome: InsertOutcome) -> InsertOutcome {
        switch outcome {
        case .inserted, .tooLarge: outcome
        case .exists: self.pending[place] ?? outcome
        }
    }
}
