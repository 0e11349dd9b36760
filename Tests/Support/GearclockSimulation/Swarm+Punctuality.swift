internal import GearclockCore

/// Worlds in which little goes wrong or nothing, so that tasks must be on time.
extension Swarm {
    /// Nothing fails, there is room for everything and a worker for every job. Once, one daemon, a job server or the
    /// store may be lost; or one of several functions has no worker, and must not delay the others.
    mutating func calmDown(_ dice: inout Dice) {
        self.isCalm = true
        self.simplify(.room)
        self.simplify(.jobs)
        self.targetSlots = 128
        self.horizon = dice.between(12_000_000, 20_000_000)
        self.network = dice.pick([Self.calmNetwork, 100...20_000])
        self.store = dice.pick([Self.calmStore, 1000...50_000])
        self.clockLimit = dice.pick([0, 1000, self.controller.lease.rescueMargin.microseconds / 20])
        self.storeFates = StoreFate.Weights()
        self.verdicts = self.verdicts.map { _ in 0 }
        self.customs = 0
        self.faults = self.faults.map { _ in 0 }
        if let loss = dice.pick([nil, .killNode, .killNode, .stopNode, .killServer, .storeOutage] as [Fault?]) {
            self.faults[loss.rawValue] = 1
            self.nodes += self.nodes.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        } else if self.functions > 1 {
            self.stalledFunction = 0
        }
    }

    /// A daemon finds its job servers, and its peers, in this time.
    static let warmUp: Int64 = 3_000_000
    /// How long the store is away in a calm world, at most.
    static let calmOutage: Int64 = 3_000_000
    /// How long a job server is away, at most.
    static let serverOutage: Int64 = 5_000_000
    /// The longest pause before a lost connection is tried again.
    static let reconnect: Int64 = 500_000

    /// How late a job of a task may be given to a worker in a calm world, counted from the moment in which the task is
    /// due and stored, in microseconds; `nil` in other worlds.
    var latenessBound: Int64? {
        guard self.isCalm else { return nil }
        // Ours and those of the database's nodes, of which the slowest decides; it was measured a while ago.
        let clocks = 4 * self.clockLimit
        if self.faults[Fault.killNode.rawValue] > 0 { return clocks + 2 * self.wayToJob + self.takeover }
        // Who stops gives back what it has not started. Controllers that are going defer, and dispatchers pause then.
        if self.faults[Fault.stopNode.rawValue] > 0 {
            return clocks + 2 * self.wayToJob + self.dispatcher.deferralPause.microseconds * 64
        }
        // While it cannot be asked for an earlier job, the question is put again.
        if self.faults[Fault.killServer.rawValue] > 0 {
            let questions = self.controller.lostJobPause * (self.controller.unansweredQuestions + 2)
            let away = Self.serverOutage + 2 * Self.reconnect + questions.microseconds
            return clocks + 2 * self.wayToJob + self.takeover + away
        }
        if self.faults[Fault.storeOutage.rawValue] > 0 {
            let away = Self.calmOutage + StoreBackoff.longest.microseconds
            return clocks + 2 * self.wayToJob + self.takeover + away
        }
        return clocks + self.wayToJob
    }

    /// How long a task that is in nobody's hands takes to its job: a poll that just missed it, the pause after that,
    /// another poll and the claim; the hand-over, behind others if all controllers are busy with them; the job, after
    /// two questions for an earlier one.
    private var wayToJob: Int64 {
        let (store, network) = (self.store.upperBound, self.network.upperBound)
        // Worker daemons hand over what they store for soon.
        let dispatchers = self.nodes.count { !$0.isDisjoint(with: [.dispatcher, .intake]) }
        let handOvers = dispatchers * self.dispatcher.handOversAtOnce
        let rounds = 1 + handOvers / (2 * self.nodes.count { $0.contains(.controller) })
        // By bytes a worker is woken before it asks for a job.
        let hops = Int64(2 * rounds + 6) * (self.isWired ? 3 : 1)
        return 3 * store + self.longestPoll + hops * network
    }

    /// How long a dispatcher rests between two polls: longer where they take long.
    private var longestPoll: Int64 {
        let rest = min(10 * self.store.upperBound, self.dispatcher.longestPollInterval.microseconds)
        return max(self.dispatcher.pollInterval.microseconds, rest)
    }

    /// How long a task stays in the hands of somebody who died: until its lease has ended and is taken back, and until
    /// others know that he is dead and take his buckets.
    private var takeover: Int64 {
        let lease = self.dispatcher.lease
        let span = self.dispatcher.lookAhead + lease.lease + lease.rescueMargin + self.dispatcher.rescueInterval
        let membership = self.dispatcher.membership
        let death = membership.deadAfter + membership.interval * 2
        return max(span, death).microseconds + 2 * self.store.upperBound
    }

    /// How long after everything healed, and after it is due, a task may lie in the store unclaimed, or with a lease
    /// that ended; in microseconds. `nil` where limits keep tasks waiting.
    var idleBound: Int64? {
        guard self.hasRoom, self.operations.isEmpty else { return nil }
        // What was slow when it healed takes its time: a call eight seconds, a lost connection one to be noticed and a
        // half to be replaced; then there are pauses of stores, hand-overs and questions.
        let aftermath: Int64 = 15_000_000
        return self.takeover + self.longestPoll + 2 * self.clockLimit + aftermath
    }

    /// Whether the limits of daemons are so wide that no task of a simulation meets them.
    private var hasRoom: Bool {
        var plain = self
        plain.simplify(.room)
        return plain.dispatcher == self.dispatcher && plain.controller == self.controller
    }
}
