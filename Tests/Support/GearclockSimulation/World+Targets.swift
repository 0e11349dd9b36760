internal import GearclockCore

/// A worker of the users' functions, and of custom controllers.
struct Target {
    let endpoint: Int
    /// How many jobs it runs at once.
    var slots = 1
    var isUp = false
    var incarnation = 0
    /// Jobs that it will never end.
    var hangs = false

    init(endpoint: Int) {
        self.endpoint = endpoint
    }
}

extension World {
    mutating func startTarget(_ target: Int) {
        guard !self.targets[target].isUp else { return }
        self.targets[target].isUp = true
        self.targets[target].incarnation += 1
        self.targets[target].slots = self.swarm.targetSlots
        self.startEndpoint(self.targets[target].endpoint)
    }

    mutating func killTarget(_ target: Int) {
        guard self.targets[target].isUp else { return }
        self.note("dies", by: .target(target))
        for connection in self.open(self.targets[target].endpoint) {
            self.closeFromEndpoint(connection, noticedWithin: 100_000)
        }
        self.targets[target].isUp = false
        self.targets[target].hangs = false
        self.schedule(.startTarget(target), after: self.dice.between(10_000, 3_000_000))
    }

    mutating func targetReceived(_ message: EndpointMessage, on connection: ConnectionID, _ target: Int) {
        guard case .assigned(let handle, _, .task(let index)) = message else { return }
        if !self.ledger[index].isRevived, let due = self.ledger[index].dueOfAttempt.min(),
            due > self.trueNow.advanced(by: .microseconds(self.swarm.clockLimit))
        {
            self.ledger.fail("\(self.ledger.name(index)) runs early", breaks: .neverEarly)
        }
        let (verdict, duration) = self.drawVerdict(index, by: target)
        let incarnation = self.targets[target].incarnation
        switch verdict {
        case .success, .failure, .exception, .death:
            self.schedule(
                .jobDone(target: target, incarnation: incarnation, connection, handle, verdict, ledger: index),
                after: duration)
        case .hang:
            self.targets[target].hangs = true
        }
    }

    /// What becomes of a job, and how long it takes; drawn for its number among the jobs of its task.
    private mutating func drawVerdict(_ index: Int, by target: Int) -> (Verdict, duration: Int64) {
        guard self.phase == .faults else { return (.success, self.dice.between(Swarm.calmJobs)) }
        let (number, copy, job) = (self.ledger[index].number, self.ledger[index].copy, self.ledger[index].jobs)
        var dice = Dice(seed: self.seed, .job, number, copy, job)
        let duration = dice.between(self.swarm.jobs)
        guard let verdict = dice.weighted(self.swarm.verdicts).flatMap({ Verdict(rawValue: $0) }), verdict != .success
        else { return (.success, duration) }
        let name = FaultName(.job, number, copy, job)
        guard self.strikes(name) else { return (.success, duration) }
        self.note("will end the job of \(self.ledger.name(index)) by \(verdict)", by: .target(target), name)
        return (verdict, duration)
    }

    mutating func jobDone(
        _ target: Int, _ incarnation: Int, _ connection: ConnectionID, _ handle: Handle, _ verdict: Verdict,
        _ index: Int
    ) {
        guard self.targets[target].isUp, self.targets[target].incarnation == incarnation else { return }
        let result: JobResult
        switch verdict {
        case .success:
            self.ledger[index].successes += 1
            result = .completed
        case .failure: result = .failed
        case .exception: result = .exception
        case .hang, .death: return self.killTarget(target)
        }
        self.note("job \(handle), \(self.ledger.name(index)): \(result)", by: .target(target))
        if self.ledger[index].isCustom {
            let (number, copy, job) = (self.ledger[index].number, self.ledger[index].copy, self.ledger[index].jobs)
            var dice = Dice(seed: self.seed, .forgotten, number, copy, job)
            let isForgotten = self.phase == .faults && dice.chance(0.3)
            if !isForgotten || !self.strikes(FaultName(.forgotten, number, copy, job)) {
                self.schedule(.customControllerActs(ledger: index), after: dice.between(self.swarm.jobs))
            }
        }
        guard self.connections[connection].isOpenAtEndpoint else { return }
        self.send(.result(handle, result), on: connection)
        self.send(.grab(.target, 1), on: connection)
    }

    /// A custom controller has run the task in its own way, and says so.
    mutating func customControllerActs(_ index: Int) {
        self.ledger[index].isEjected = true
        self.ask(.eject([self.ledger[index].id]))
    }
}
