internal import GearclockCore

/// One call of a store on the cluster, from its start to its answer.
struct ClusterCall {
    let process: Int
    let request: ClusterRequest
    let startedAt: Int64
    let wasCalm: Bool
    var machine: ClusterCallStateMachine<ClusterWork>
    var step = Step.readiness
    /// The end of an insert, once its copies are proven.
    var answer: ClusterAnswer?
    var proof: CopiesProof?
    var wasDoubtful = false
    var result: Result<ClusterAnswer, TaskStoreError>?

    enum Step {
        /// Are there enough nodes for the copies?
        case readiness
        case call
        case proof
    }
}

/// Performs the core's machines, as a store does.
extension ClusterWorld {
    mutating func start(_ request: ClusterRequest, _ process: Int) {
        let machine = ClusterCallStateMachine(ClusterWork(request), policy: self.swarm.callPolicy, now: self.now)
        let call = self.calls.count
        self.calls.append(
            ClusterCall(
                process: process, request: request, startedAt: self.time, wasCalm: self.phase == .calm,
                machine: machine))
        self.processes[process].openCalls += 1
        self.auditor.counts.calls += 1
        self.note("p\(process) call \(call): \(request.text)")
        self.proceed(call)
    }

    /// Goes on after a probe, or at the beginning.
    private mutating func proceed(_ call: Int) {
        switch self.calls[call].step {
        case .readiness: self.prepare(call)
        case .call: self.perform(self.calls[call].machine.probed(now: self.now), call)
        case .proof: self.perform(self.calls[call].proof!.probed(now: self.now), call)
        }
    }

    private mutating func prepare(_ call: Int) {
        if case .insert(_, _, let demand) = self.calls[call].request {
            let process = self.calls[call].process
            let needed = self.swarm.copies.needed(demand)
            switch self.processes[process].cluster.readiness(forCopies: needed, now: self.now) {
            case .enough: break
            case .probe(let node, let deadline): return self.waitForProbe(of: node, deadline, call)
            case .tooFew(let count, let text):
                return self.finish(call, .failure(.unavailable("\(count) of \(needed) nodes; \(text)")), nodes: [])
            }
        }
        self.calls[call].step = .call
        self.perform(self.calls[call].machine.started(now: self.now), call)
    }

    private mutating func perform(_ action: ClusterCallStateMachine<ClusterWork>.Action, _ call: Int) {
        let process = self.calls[call].process
        switch action {
        case .choose(let purpose, let avoided):
            let choice = self.processes[process].cluster.choose(for: purpose, avoiding: avoided, now: self.now)
            self.perform(self.calls[call].machine.chosen(choice, now: self.now, using: &self.dice), call)
        case .probe(let node, let deadline):
            self.waitForProbe(of: node, deadline, call)
        case .perform(let node, let deadline):
            let request = self.calls[call].machine.operation.open(of: self.calls[call].request)
            self.ask(node, .work(call: call), process, request: request, deadline: deadline)
        case .look(let node, let ids, let deadline):
            self.ask(node, .look(call: call), process, ids: ids, deadline: deadline)
        case .wait(let moment):
            self.schedule(.wake(call: call), at: moment.microseconds)
        case .finish(let result, let node):
            self.conclude(call, result, seenOn: node)
        }
    }

    mutating func wake(_ call: Int) {
        self.perform(self.calls[call].machine.timerFired(now: self.now), call)
    }

    /// The change is made; a proof of its copies may be due.
    private mutating func conclude(
        _ call: Int, _ result: Result<ClusterAnswer, TaskStoreError>, seenOn node: NodeIndex?
    ) {
        guard case .insert(let tasks, _, let demand) = self.calls[call].request, case .success(let answer) = result
        else {
            return self.finish(call, result, nodes: node.map { [$0] } ?? [])
        }
        self.calls[call].answer = answer
        self.calls[call].step = .proof
        let subjects = tasks.map { CopiesProof.Subject(id: $0.id, dueAt: $0.dueAt) }
        let wanted = self.swarm.copies.wanted(demand)
        self.calls[call].proof = CopiesProof(subjects, seenOn: node, wanted: wanted, now: self.now)
        self.perform(self.calls[call].proof!.started(now: self.now), call)
    }

    private mutating func perform(_ action: CopiesProof.Action, _ call: Int) {
        let process = self.calls[call].process
        switch action {
        case .choose(let purpose, let avoided):
            let choice = self.processes[process].cluster.choose(for: purpose, avoiding: avoided, now: self.now)
            self.perform(self.calls[call].proof!.chosen(choice, now: self.now), call)
        case .probe(let node, let deadline):
            self.waitForProbe(of: node, deadline, call)
        case .look(let node, let ids, let deadline):
            self.auditor.counts.proofs += 1
            self.ask(node, .proof(call: call), process, ids: ids, deadline: deadline)
        case .finish(.proven(let nodes)):
            self.finish(call, .success(self.calls[call].answer!), nodes: nodes)
        case .finish(.tooFew(let nodes, let text)):
            guard case .insert(_, _, let demand) = self.calls[call].request else { preconditionFailure() }
            let isEnough = nodes.count >= self.swarm.copies.needed(demand)
            self.finish(
                call, isEnough ? .success(self.calls[call].answer!) : .failure(.outcomeUnknown(text)), nodes: nodes)
        }
    }

    private mutating func finish(
        _ call: Int, _ result: Result<ClusterAnswer, TaskStoreError>, nodes: [NodeIndex]
    ) {
        self.note("call \(call) ends on \(nodes): \(result)")
        self.calls[call].result = result
        let process = self.calls[call].process
        self.processes[process].openCalls -= 1
        self.auditor.ended(call, self.calls[call], nodes: nodes, self.galera, self.swarm, now: self.time)
        self.learn(from: self.calls[call], result)
    }

    // MARK: - Questions and answers

    private mutating func ask(
        _ node: Int, _ subject: ClusterRPC.Subject, _ process: Int, request: ClusterRequest? = nil,
        ids: [TaskID] = [], deadline: MonotonicInstant
    ) {
        let rpc = self.rpcs.count
        let incarnation = self.galera.nodes[node].incarnation
        self.rpcs.append(
            ClusterRPC(
                subject: subject, process: process, node: node, incarnation: incarnation, request: request, ids: ids))
        let stage: ClusterRPC.Stage =
            switch subject {
            case .work: .statement
            case .look, .proof: .read
            case .probe: .probe
            }
        self.send(rpc, stage)
        self.schedule(.deadline(rpc: rpc), at: deadline.microseconds)
    }

    private mutating func send(_ rpc: Int, _ stage: ClusterRPC.Stage) {
        if self.isDropped {
            self.rpcs[rpc].isSevered = true
            return self.loseConnection(rpc, .connectionLost("2013 lost connection"))
        }
        self.schedule(.arrive(rpc: rpc, stage), after: self.dice.between(self.swarm.network))
    }

    mutating func answered(_ rpc: Int, _ result: ClusterRPC.Result) {
        guard self.rpcs[rpc].isOpen else { return }
        if case .ready = result {
            self.rpcs[rpc].commitWasSent = true
            return self.send(rpc, .commit)
        }
        self.rpcs[rpc].isOpen = false
        let (process, node) = (self.rpcs[rpc].process, self.rpcs[rpc].node)
        switch result {
        case .ready, .report: break
        case .committed, .conflict, .rows: self.processes[process].cluster.statementSucceeded(node)
        case .refused(let failure): self.statementFailed(process, node, failure)
        }
        switch (self.rpcs[rpc].subject, result) {
        case (.work(let call), .committed):
            self.replied(call, .done(self.rpcs[rpc].writeSet!.answer))
        case (.work(let call), .conflict):
            self.replied(call, .conflict("1213 deadlock"))
        case (.work(let call), .refused(let failure)):
            self.replied(call, .unwell(failure))
        case (.look(let call), .rows(let rows)):
            self.perform(self.calls[call].machine.looked(.success(rows), now: self.now, using: &self.dice), call)
        case (.look(let call), .refused(let failure)):
            self.perform(self.calls[call].machine.looked(.failure(failure), now: self.now, using: &self.dice), call)
        case (.proof(let call), .rows(let rows)):
            self.seen(call, .success(Set(rows.map(\.id))))
        case (.proof(let call), .refused(let failure)):
            self.seen(call, .failure(failure))
        case (.probe, .report(let report)):
            self.perform(self.processes[process].cluster.probeAnswered(node, report, now: self.now), process)
            self.probeEnded(process, node)
        case (.work, _), (.look, _), (.proof, _), (.probe, _):
            preconditionFailure("Another answer was expected")
        }
    }

    /// Nothing more comes from the node.
    mutating func lost(_ rpc: Int, _ failure: NodeFailure) {
        guard self.rpcs[rpc].isOpen else { return }
        self.rpcs[rpc].isOpen = false
        let (process, node) = (self.rpcs[rpc].process, self.rpcs[rpc].node)
        switch self.rpcs[rpc].subject {
        case .probe:
            let actions = self.processes[process].cluster.probeFailed(
                node, failure, now: self.now, using: &self.dice)
            self.processes[process].failedProbes += 1
            self.perform(actions, process)
            self.probeEnded(process, node)
        case .work(let call):
            self.statementFailed(process, node, failure)
            guard self.rpcs[rpc].commitWasSent else { return self.replied(call, .unwell(failure)) }
            self.calls[call].wasDoubtful = true
            let answer = self.rpcs[rpc].writeSet!.answer
            switch self.canary {
            case .unknownIsDone: self.replied(call, .done(answer))
            case .unknownIsNotDone: self.replied(call, .unwell(failure))
            default: self.replied(call, .unknown(self.dice.chance(0.9) ? answer : nil, failure))
            }
        case .look(let call):
            self.statementFailed(process, node, failure)
            self.perform(self.calls[call].machine.looked(.failure(failure), now: self.now, using: &self.dice), call)
        case .proof(let call):
            self.statementFailed(process, node, failure)
            if self.canary == .proofWithoutSight, case .insert(let tasks, _, _) = self.calls[call].request {
                return self.seen(call, .success(Set(tasks.map(\.id))))
            }
            self.seen(call, .failure(failure))
        }
    }

    private mutating func seen(_ call: Int, _ reply: Result<Set<TaskID>, NodeFailure>) {
        self.perform(self.calls[call].proof!.seen(reply, now: self.now, wall: self.wall), call)
    }

    private mutating func replied(_ call: Int, _ reply: ClusterCallStateMachine<ClusterWork>.Reply) {
        self.perform(self.calls[call].machine.replied(reply, now: self.now, using: &self.dice), call)
    }

    private mutating func statementFailed(_ process: Int, _ node: Int, _ failure: NodeFailure) {
        self.perform(
            self.processes[process].cluster.statementFailed(node, failure, now: self.now, using: &self.dice), process)
    }

    // MARK: - The nodes' machine

    mutating func perform(_ actions: [ClusterStateMachine.Action], _ process: Int) {
        for action in actions {
            switch action {
            case .probe(let node, let deadline): self.probe(node, deadline, process)
            case .setTimer(let moment):
                guard self.processes[process].timer != moment else { continue }
                self.processes[process].timer = moment
                self.schedule(.timer(process: process, moment), at: moment.microseconds)
            case .changed(let node, let condition):
                self.note("p\(process) thinks n\(node) \(condition.text)")
            case .cut(let node):
                self.auditor.counts.cuts += 1
                self.note("p\(process) cuts n\(node)")
                for index in self.rpcs.indices
                where self.rpcs[index].isOpen && self.rpcs[index].node == node && self.rpcs[index].process == process {
                    self.schedule(.lost(rpc: index, .timedOut("was cut")), after: 0)
                }
            }
        }
    }

    mutating func timerFired(_ process: Int, _ moment: MonotonicInstant) {
        // Another one was set since.
        guard self.processes[process].timer == moment else { return }
        self.processes[process].timer = nil
        self.perform(self.processes[process].cluster.timerFired(now: self.now, using: &self.dice), process)
    }

    private mutating func probe(_ node: Int, _ deadline: MonotonicInstant, _ process: Int) {
        guard self.processes[process].probes[node] == nil else { return }
        if self.canary == .noSecondProbe, self.processes[process].failedProbes > 0 { return }
        self.processes[process].probes[node] = self.rpcs.count
        self.ask(node, .probe, process, deadline: deadline)
    }

    private mutating func waitForProbe(of node: Int, _ deadline: MonotonicInstant, _ call: Int) {
        let process = self.calls[call].process
        self.processes[process].waiting[node, default: []].append(call)
        self.probe(node, deadline, process)
    }

    private mutating func probeEnded(_ process: Int, _ node: Int) {
        self.processes[process].probes[node] = nil
        let waiting = self.processes[process].waiting.removeValue(forKey: node) ?? []
        for call in waiting { self.proceed(call) }
    }
}
