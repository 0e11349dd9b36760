internal import GearclockCore

/// The audit of time: nothing is early, and where a bound is known, nothing is late.
extension Ledger {
    /// A dispatcher hands tasks over: by no clock of a database node are they early, as far as it could find out.
    /// - Parameter play: how long it took to ask the nodes for their time.
    func handedOver(_ tasks: [ClaimedTask], clocks: [Timestamp], play: Duration) {
        guard let slowest = clocks.min()?.advanced(by: play + .microseconds(2)) else { return }
        for task in tasks where task.dueAt > slowest {
            let early = slowest.duration(to: task.dueAt)
            self.fail(
                "\(self.names([task.id])) is handed over \(early) early by a node's clock", breaks: .neverEarly)
        }
    }

    /// The first job of a task is given to a worker.
    func checkLateness(_ index: Int) {
        guard let bound = self.latenessBound, self.isJudged(index) else { return }
        let lateness = self[index].readyAt.duration(to: self.now)
        if lateness > bound {
            self.fail("\(self.name(index)) is \(lateness) late, and may be \(bound)", breaks: self.punctuality)
        }
    }

    /// What should have been started by now, and was not.
    func checkPunctuality() {
        if let bound = self.latenessBound {
            for index in self.entries.indices where self.entries[index].jobs == 0 && self.isJudged(index) {
                guard self.entries[index].shadow?.state.isFinal == false else { continue }
                if self.entries[index].readyAt.advanced(by: bound) < self.now {
                    self.fail("\(self.name(index)) is more than \(bound) late", breaks: self.punctuality)
                }
            }
        }
        guard let bound = self.idleBound, let healedAt = self.healedAt, healedAt.advanced(by: bound) < self.now
        else { return }
        for index in self.entries.indices {
            guard let shadow = self.entries[index].shadow, !shadow.state.isFinal,
                self.entries[index].function != self.pausedFunction
            else { continue }
            if (shadow.leaseUntil ?? shadow.dueAt).advanced(by: bound) < self.now {
                self.fail("\(self.name(index)) lies in the store as \(shadow.state) for \(bound)", breaks: .punctual)
            }
        }
    }

    /// Where one function has no worker, what is late is late because of it.
    private var punctuality: Promise { self.stalledFunction == nil ? .punctual : .fair }

    /// While daemons start and find each other, nothing is promised.
    private func isJudged(_ index: Int) -> Bool {
        !self.entries[index].isStalled && self.entries[index].function != self.pausedFunction
            && self.entries[index].readyAt.microseconds >= SimulatedClock.start + Swarm.warmUp
    }
}
