internal import GearclockCore

/// What `ControllerService` does.
extension World {
    // MARK: - Tasks from dispatchers

    /// Tasks came as a job: the answer leaves before anything is performed.
    mutating func takeOver(_ tasks: [ClaimedTask], _ handle: Handle, on connection: ConnectionID, _ node: Int) {
        guard self.nodes[node].controller != nil, !self.nodes[node].stopped.contains(.controller) else { return }
        let (answers, actions) = self.accept(tasks, node)
        self.send(.result(handle, .handedOver(answers)), on: connection)
        if self.nodes[node].status == .up { self.send(.grab(.handOver, 1), on: connection) }
        self.perform(actions, node)
    }

    /// Tasks came by a function call.
    mutating func handedOver(_ tasks: [ClaimedTask], _ node: Int) -> [HandOverAnswer] {
        if self.nodes[node].stopped.contains(.controller) { return tasks.map { _ in .deferred } }
        let (answers, actions) = self.accept(tasks, node)
        self.perform(actions, node)
        return answers
    }

    private mutating func accept(
        _ tasks: [ClaimedTask], _ node: Int
    ) -> (answers: [HandOverAnswer], actions: [ControllerStateMachine.Action]) {
        let (answers, actions) = self.nodes[node].controller!.handedOver(tasks, now: self.dueNow(node))
        for (task, answer) in zip(tasks, answers) where answer == .accepted {
            self.ledger.accepted(task, node: node, incarnation: self.nodes[node].incarnation)
            if let index = self.ledger.index(of: task.id) { self.nodes[node].claims[index] = task }
        }
        if answers.count != tasks.count { self.ledger.fail("Process \(node) answers \(answers.count) tasks") }
        self.note("is handed \(self.ledger.names(tasks.map(\.id))): \(answers.story)", by: .process(node, .controller))
        return (answers, actions)
    }

    // MARK: - Actions

    mutating func perform(_ actions: [ControllerStateMachine.Action], _ node: Int) {
        for action in actions {
            switch action {
            case .submit(let submissions): for submission in submissions { self.submit(submission, node) }
            case .askStatus(let questions): for question in questions { self.ask(question, node) }
            case .checkJobs(let runs): for run in runs { self.check(run, node) }
            case .abandon(let runs): for run in runs { self.nodes[node].runs[run] = nil }
            case .extend(let claims, let leaseUntil):
                self.ask(.extend, .extend(claims, leaseUntil: leaseUntil), node)
            case .settle(let settlements): self.ask(.controllerSettle, .settle(settlements), node)
            case .beat: self.ask(.controllerBeat, .beat(self.nodes[node].controller!.owner, .controller), node)
            case .leave: self.ask(.controllerLeave, .leave(self.nodes[node].controller!.owner), node)
            case .readSettings: self.ask(.settings, .functionSettings, node)
            case .askServers: self.askServers(node)
            case .serve(let lanes): self.serve(lanes, node)
            case .setTimer(let instant): self.setTimer(.controller, instant, node)
            case .stopped: self.machineStopped(.controller, node)
            }
        }
    }

    private mutating func serve(_ lanes: [Lane], _ node: Int) {
        self.nodes[node].served = lanes
        if self.swarm.isWired {
            for connection in self.open(self.nodes[node].workerEndpoint) { self.serveByWire(node, on: connection) }
            return
        }
        for server in self.servers.indices where self.servers[server].isUp {
            for lane in lanes { self.giveOut(server, .handOverIn(lane)) }
        }
    }

    private mutating func submit(_ submission: ControllerStateMachine.JobSubmission, _ node: Int) {
        self.nodes[node].submittedJobs += 1
        let payload = submission.customController?.definition.payload ?? submission.payload
        let index = Int(payload.reduce(0) { $0 << 8 | UInt32($1) })
        if let claimed = self.nodes[node].claims[index] {
            self.ledger.submitted(index, claimed, now: self.now(node))
        } else {
            self.ledger.fail("Process \(node) starts \(self.ledger.name(index)), which nobody gave it", breaks: .fenced)
        }
        let function = submission.customController == nil ? Function(submission.function) : .custom
        var unique = submission.unique
        if self.canary == .shortLease {
            unique += Array("-\(node)-\(self.nodes[node].incarnation)-\(submission.run)".utf8)
        }
        let found = self.nodes[node].found.removeValue(forKey: submission.run)
        let server = found?.unique == unique ? found?.server : nil
        guard let connection = self.connection(for: unique, knownAt: server, node) else {
            return self.report(.refused(submission.run), node)
        }
        let job = SubmittedJob(
            function: function, unique: unique, priority: submission.priority,
            isBackground: submission.customController != nil, workload: .task(index))
        self.nodes[node].runs[submission.run] = .init(
            connection: connection, handle: nil, task: index, function: self.ledger[index].function,
            startedAt: self.time, isNew: found?.unique != unique && !job.isBackground)
        self.auditStart(submission.run, node)
        self.send(.submit(job, .run(submission.run)), on: connection)
    }

    /// All who know the same servers prefer the same one for a unique; where its job was found goes before.
    private func connection(for unique: [UInt8], knownAt server: Int?, _ node: Int) -> ConnectionID? {
        let current = self.endpoints[self.nodes[node].clientEndpoint].current
        if let server, let connection = current[server] { return connection }
        let preferred = Int(
            unique.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 } >> 32)
        for offset in current.indices {
            if let connection = current[(preferred + offset) % current.count] { return connection }
        }
        return nil
    }

    private mutating func ask(_ question: ControllerStateMachine.StatusQuestion, _ node: Int) {
        let connections = self.open(self.nodes[node].clientEndpoint)
        guard self.canary != .shortLease, !connections.isEmpty else { return self.report(.status(question.run), node) }
        let function = self.function(of: question, node)
        self.nodes[node].questions[question.run] = .init(
            function: function, unique: question.unique, waitingFor: connections)
        for connection in connections {
            self.send(.statusOfUnique(function, question.unique, run: question.run), on: connection)
        }
    }

    /// gearmand asks for the status of a unique without a function; here a unique begins with the task's id.
    private func function(of question: ControllerStateMachine.StatusQuestion, _ node: Int) -> Function {
        guard let id = TaskID(String(decoding: question.unique.prefix(36), as: UTF8.self)),
            let index = self.ledger.index(of: id), let claimed = self.nodes[node].claims[index]
        else { preconditionFailure("A question about a task that nobody gave it") }
        return Function(claimed.definition.function)
    }

    private mutating func check(_ run: ControllerStateMachine.RunID, _ node: Int) {
        guard let job = self.nodes[node].runs[run], let handle = job.handle,
            self.connections[job.connection].isOpenAtEndpoint
        else { return self.report(.checked(run), node) }
        self.send(.statusOfHandle(handle, run: run), on: job.connection)
    }

    // MARK: - Events

    mutating func jobCreated(
        _ run: ControllerStateMachine.RunID, _ handle: Handle, on connection: ConnectionID, _ node: Int
    ) {
        guard self.nodes[node].runs[run]?.connection == connection else { return }
        self.nodes[node].runs[run]!.handle = handle
        self.perform(self.nodes[node].controller!.jobCreated(run, now: self.dueNow(node)), node)
    }

    mutating func jobEnded(
        _ run: ControllerStateMachine.RunID, _ result: JobResult, on connection: ConnectionID, _ node: Int
    ) {
        guard self.nodes[node].runs[run]?.connection == connection else { return }
        let outcome: ControllerStateMachine.JobOutcome
        switch result {
        case .completed: outcome = .completed
        case .failed: outcome = .failed
        case .exception: outcome = .exception(Array("thrown".utf8))
        case .stored, .handedOver: preconditionFailure("Another answer was expected")
        }
        self.jobEnded(run, outcome, node)
    }

    mutating func jobsLost(_ connection: ConnectionID, _ node: Int) {
        for run in self.nodes[node].runs.keys.sorted() where self.nodes[node].runs[run]?.connection == connection {
            self.jobEnded(run, self.canary == .lostIsSuccess ? .completed : .lost, node)
            guard self.nodes[node].controller != nil else { return }
        }
        for run in self.nodes[node].questions.keys.sorted() { self.statusReplied(run, nil, on: connection, node) }
    }

    mutating func extendReplied(_ reply: Result<[FencedOutcome], TaskStoreError>, _ node: Int) {
        let now = self.dueNow(node)
        self.perform(self.nodes[node].controller!.extendReplied(reply, now: now, using: &self.dice), node)
        guard self.canary == .forgetsCancelled, case .success(let outcomes) = reply, outcomes.contains(.stale) else {
            return
        }
        for run in self.nodes[node].runs.keys.sorted() {
            guard let task = self.nodes[node].runs[run]?.task, self.ledger[task].shadow?.state == .cancelled else {
                continue
            }
            self.jobEnded(run, .lost, node)
        }
    }

    mutating func runRefused(_ run: ControllerStateMachine.RunID, _ node: Int) {
        self.jobEnded(run, .refused, node)
    }

    private mutating func jobEnded(
        _ run: ControllerStateMachine.RunID, _ outcome: ControllerStateMachine.JobOutcome, _ node: Int
    ) {
        self.nodes[node].runs[run] = nil
        self.note("job of run \(run) \(outcome)", by: .process(node, .controller))
        let now = self.dueNow(node)
        self.perform(self.nodes[node].controller!.jobEnded(run, outcome, now: now, using: &self.dice), node)
    }

    mutating func jobChecked(
        _ run: ControllerStateMachine.RunID, _ place: ControllerStateMachine.JobPlace?, _ node: Int
    ) {
        let now = self.dueNow(node)
        let actions = self.nodes[node].controller!.jobChecked(run, place, now: now, using: &self.dice)
        self.perform(actions, node)
    }

    /// Every server is asked; a running job goes before a waiting one. `nil`: the connection was lost.
    mutating func statusReplied(
        _ run: ControllerStateMachine.RunID, _ status: ControllerStateMachine.JobStatus?, on connection: ConnectionID,
        _ node: Int
    ) {
        guard var question = self.nodes[node].questions[run], question.waitingFor.contains(connection) else { return }
        question.waitingFor.removeAll { $0 == connection }
        if let status {
            let isBetter = question.best.map { best in
                (status.isRunning && !best.isRunning) || (status.isKnown && !best.isKnown)
            }
            if isBetter ?? true {
                question.best = status
                question.bestServer = status.isKnown ? self.connections[connection].server : nil
            }
        }
        self.nodes[node].questions[run] = question
        guard question.waitingFor.isEmpty else { return }
        self.nodes[node].found[run] = question.bestServer.map { (question.unique, $0) }
        // As long as a server cannot be asked, nobody knows that the job is nowhere.
        let isComplete = self.endpoints[self.nodes[node].clientEndpoint].current.allSatisfy { $0 != nil }
        self.questionAnswered(run, question.best?.isKnown == true || isComplete ? question.best : nil, node)
    }

    mutating func questionAnswered(
        _ run: ControllerStateMachine.RunID, _ status: ControllerStateMachine.JobStatus?, _ node: Int
    ) {
        self.note("status of run \(run): \(status.map { "\($0)" } ?? "unknown")", by: .process(node, .controller))
        self.nodes[node].questions[run] = nil
        let actions = self.nodes[node].controller!.statusReplied(run, status, now: self.dueNow(node))
        self.perform(actions, node)
    }
}

extension Function {
    /// Target functions are named by one letter.
    init(_ name: FunctionName) {
        self = .target(Int(name.bytes[0]) - 97)
    }
}
