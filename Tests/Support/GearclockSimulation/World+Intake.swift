internal import GearclockCore

/// What `IntakeService` does.
extension World {
    mutating func takeIn(_ request: Int, _ handle: Handle, on connection: ConnectionID, _ node: Int) {
        guard self.nodes[node].intake != nil, !self.nodes[node].stopped.contains(.intake) else { return }
        let now = self.now(node)
        var tasks: [SubmittedTask] = []
        var indexes: [Int] = []
        for template in self.requests[request].tasks {
            let id = template.ownID ?? TaskID(cluster: 0, now: now.wall, using: &self.dice)
            let index = self.ledger.index(of: id) ?? self.ledger.nextIndex
            let definition = template.definition(id: id, ledger: index, now: now.wall)
            self.ledger.takenIn(definition, number: template.number)
            tasks.append(SubmittedTask(definition, hasOwnID: template.ownID != nil))
            indexes.append(index)
            if template.isCancelled, self.requests[request].tries == 1 {
                self.schedule(.clientCancels(ledger: index), after: self.dice.between(0, 10_000_000))
            }
        }
        let submission = self.nodes[node].nextSubmission
        self.nodes[node].nextSubmission += 1
        self.nodes[node].submissions[submission] = .init(connection: connection, handle: handle, tasks: indexes)
        let offers = self.offers(node)
        self.perform(self.nodes[node].intake!.submitted([(submission, tasks)], now: now, offers: offers), node)
    }

    mutating func insertReplied(
        _ reply: Result<[InsertOutcome], TaskStoreError>, in place: IntakeStateMachine.Place, _ node: Int
    ) {
        if case .success(let outcomes) = reply { self.stored(outcomes, in: place, node) }
        let (now, offers) = (self.now(node), self.offers(node))
        let actions = self.nodes[node].intake!.insertReplied(
            0, reply.map { InsertReply($0, nodes: ["simulated"]) }, in: place, now: now, offers: offers,
            using: &self.dice)
        self.perform(actions, node)
    }

    /// What `DispatcherService` does for its express lane.
    func offers(_ node: Int) -> SubmissionStateMachine.Offers {
        let (process, now) = (self.nodes[node], self.dueNow(node))
        return { _ in
            process.dispatcher?.expressClaim(now: now).map { claim in
                ExpressOffer(claim: claim) { process.dispatcher?.admitsExpress($0, dueAt: $1, now: now) ?? .no }
            }
        }
    }

    mutating func roomCame(_ node: Int) {
        let (now, offers) = (self.now(node), self.offers(node))
        self.perform(self.nodes[node].intake!.roomCame(0, now: now, offers: offers), node)
    }

    private mutating func stored(_ outcomes: [InsertOutcome], in place: IntakeStateMachine.Place, _ node: Int) {
        let (tasks, express) = self.nodes[node].inserting[place]!
        let stored = StoredTasks(tasks, outcomes, express: express)
        let now = self.dueNow(node)
        if !stored.claimed.isEmpty, self.canary != .earlyExpress {
            self.perform(self.nodes[node].dispatcher!.expressStored(stored.claimed, now: now), node)
        }
        if let due = stored.nextDue {
            self.perform(self.nodes[node].dispatcher!.taskStored(dueAt: due, now: now), node)
        }
    }

    mutating func perform(_ actions: [SubmissionStateMachine.Action], _ node: Int) {
        for action in actions {
            switch action {
            case .insert(_, let definitions, let express, copies: _, let place):
                self.nodes[node].inserting[place] = (definitions, express)
                self.ask(.intake, .insert(definitions, express: express), in: place, node)
                if self.canary == .earlyReceipt { self.answerEarly(node) }
                if self.canary == .earlyExpress { self.handOverEarly(definitions, express, node) }
            case .answer(let answers):
                for answer in answers { self.answer(answer.submission, answer.results, node) }
            case .awaitRoom:
                self.nodes[node].dispatcher!.roomAwaited()
            case .setTimer(let instant):
                self.setTimer(.intake, instant, node)
            case .stopped:
                self.machineStopped(.intake, node)
            }
        }
    }

    private mutating func answer(
        _ id: SubmissionStateMachine.SubmissionID, _ results: [Result<Receipt, TaskError>], _ node: Int
    ) {
        guard let submission = self.nodes[node].submissions.removeValue(forKey: id) else {
            return self.ledger.fail("Process \(node) answers submission \(id) twice", breaks: .stored)
        }
        self.note(
            "answers \(submission.tasks.map(self.ledger.name).story): \(results.story)", by: .process(node, .intake))
        self.ledger.answered(submission.tasks, results)
        guard self.connections[submission.connection].isOpenAtEndpoint else { return }
        self.send(.result(submission.handle, .stored(submission.tasks, results)), on: submission.connection)
        if self.nodes[node].status == .up { self.send(.grab(.submit, 1), on: submission.connection) }
    }

    /// The planted bug: it takes for granted that the store inserts.
    private mutating func handOverEarly(_ tasks: [TaskDefinition], _ express: ExpressClaim?, _ node: Int) {
        let stored = StoredTasks(tasks, tasks.map { _ in .inserted }, express: express)
        guard !stored.claimed.isEmpty else { return }
        let now = self.dueNow(node)
        self.perform(self.nodes[node].dispatcher!.expressStored(stored.claimed, now: now), node)
    }

    /// The planted bug: it does not wait for the store.
    private mutating func answerEarly(_ node: Int) {
        for id in self.nodes[node].submissions.keys.sorted() {
            let tasks = self.nodes[node].submissions[id]!.tasks
            let receipts = tasks.map { Receipt(id: self.ledger[$0].id, store: "main", nodes: [], dueAt: .epoch) }
            self.ledger.answered(tasks, receipts.map { .success($0) })
        }
    }
}
