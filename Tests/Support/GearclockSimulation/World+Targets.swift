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
        self.note("target \(target) dies")
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
            self.ledger.fail("task \(index) runs early")
        }
        var verdict = Verdict.success
        var duration = self.dice.between(100, 5000)
        if self.phase == .faults {
            verdict = self.dice.weighted(self.swarm.verdicts).flatMap { Verdict(rawValue: $0) } ?? .success
            duration = self.dice.between(self.swarm.jobs)
        }
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
        self.note("target \(target): job \(handle), task \(index): \(result)")
        if self.ledger[index].isCustom {
            let fails = self.phase == .faults && self.dice.chance(0.3)
            let delay = self.dice.between(self.swarm.jobs)
            self.schedule(.customControllerActs(ledger: index, fails: fails), after: delay)
        }
        guard self.connections[connection].isOpenAtEndpoint else { return }
        self.send(.result(handle, result), on: connection)
        self.send(.grab(.target, 1), on: connection)
    }

    /// A custom controller has run the task in its own way, and says so, or forgets to.
    mutating func customControllerActs(_ index: Int, fails: Bool) {
        if fails { return }
        self.ledger[index].isEjected = true
        self.ask(.eject([self.ledger[index].id]))
    }
}
