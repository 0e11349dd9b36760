/// The way of a task through the dispatcher: held, handed over, answered, and given back if it has to be.
extension DispatcherStateMachine {
    package mutating func handOverReplied(
        _ id: HandOverID, _ reply: Result<[HandOverAnswer], HandOverFailure>, now: Now,
        using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard let tasks = self.handOvers.removeValue(forKey: id)?.tasks else {
            let wasSilent = self.silent.removeValue(forKey: id) != nil
            // Whoever stops does not wait for ever.
            precondition(wasSilent || self.phase != .running, "No hand-over \(id)")
            return self.proceed(now)
        }
        let dueNow = self.dueNow(now)
        var (isAccepted, isDeferred) = (false, false)
        switch reply {
        case .success(let answers):
            var lanes: [Lane: (accepted: Int, deferred: Int)] = [:]
            for (index, task) in tasks.enumerated() {
                let lane = Lane(of: task.definition.function)
                // An answer that is too short is a controller's mistake: nobody knows what it means.
                switch index < answers.count ? answers[index] : .stale {
                case .accepted:
                    isAccepted = true
                    lanes[lane, default: (0, 0)].accepted += 1
                    self.letGo(task)
                case .stale:
                    self.letGo(task)
                case .deferred:
                    isDeferred = true
                    self.held.insert(task, dueBy: dueNow)
                case .deferredFunction:
                    lanes[lane, default: (0, 0)].deferred += 1
                    self.held.insert(task, dueBy: dueNow)
                }
            }
            for (lane, counts) in lanes.sorted(by: { $0.key < $1.key }) {
                self.gates.answered(
                    lane, accepted: counts.accepted, deferred: counts.deferred, now: now.monotonic, using: &random)
            }
        case .failure(.notDelivered):
            isDeferred = true
            for task in tasks { self.held.insert(task, dueBy: dueNow) }
        case .failure(.unknown):
            // A second hand-over might run them twice. If nobody has them, their leases run out.
            for task in tasks { self.letGo(task) }
        }
        self.handedBack(tasks)
        self.roomChanged()
        // Who accepts some has room again soon; who accepts none is left alone for longer and longer.
        self.deferrals = isDeferred ? (isAccepted ? 1 : min(self.deferrals + 1, 6)) : 0
        let pause = self.policy.deferralPause * (1 << max(0, self.deferrals - 1))
        self.pausedUntil = isDeferred ? now.monotonic.advanced(by: pause) : nil
        let isRefused = isDeferred && !isAccepted
        self.refused = isRefused ? (since: self.refused?.since ?? now.monotonic, latest: now.monotonic) : nil
        if self.isStuck(now) {
            for task in self.held.removeAll() { self.release(task) }
        }
        self.mayClaim = true
        return self.proceed(now)
    }

    // MARK: - The express lane

    /// Whether a worker daemon of this process may store tasks claimed for this dispatcher, and which; `nil`: not now.
    ///
    /// Half of the room is left for what is claimed in the ordinary way.
    package func expressClaim(now: Now) -> ExpressClaim? {
        guard self.phase == .running, self.knowsSettings, self.knowsClocks, self.backoff.notBefore == nil,
            self.deferrals == 0,
            2 * self.inHandCount < self.policy.heldTasks, 2 * self.inHandBytes < self.policy.heldBytes
        else { return nil }
        return ExpressClaim(
            owner: self.owner, dueBy: self.dueBy(now), leaseUntil: now.wall.advanced(by: self.policy.lease.lease))
    }

    /// Whether a function's tasks that are due then may take the express lane: they must not overtake those that are
    /// held back.
    ///
    /// Of a function that was deferred some are taken after a rest, while it has no others here: how they fare says
    /// whether it gets on again. Where there is no room for tasks that wait for their time, a claim fetches them later.
    package func admitsExpress(_ function: FunctionName, dueAt: Timestamp, now: Now) -> ExpressAdmission {
        let lane = Lane(of: function)
        guard self.gates.isFlowing(lane) else {
            let isTried = self.inHandOfLane[lane] == nil && self.gates.mayBeTried(lane) && !self.dueLanes.contains(lane)
            return isTried ? .now : .no
        }
        if dueAt > self.dueNow(now) { return self.upcomingRoom(lane) > 0 ? .now : .no }
        return self.dueInHand(lane) < self.gates.limit(lane) ? .now : .soon
    }

    /// Tasks of the lane that are due, and that no controller has accepted yet.
    func dueInHand(_ lane: Lane) -> Int {
        self.held.dueCount(lane) + self.handedOverOfLane[lane, default: 0]
    }

    /// How many tasks of the lane that are not due yet may be added. All of them together may take half of the room,
    /// and a lane as much as is free then: one alone gets half of that, two get a third each, and some is left for the
    /// next.
    func upcomingRoom(_ lane: Lane) -> Int {
        max(0, (self.policy.heldTasks + 1) / 2 - self.held.upcomingCount - self.held.upcomingCount(lane))
    }

    /// A worker daemon of this process waits for a better answer than `soon`.
    package mutating func roomAwaited() {
        self.room = .awaited
    }

    /// Lets it ask again when some tasks have gone, or are not expected to go.
    mutating func offerRoom(_ actions: inout [Action]) {
        switch self.room {
        case .unwanted, .awaited: return
        case .changed:
            self.room = .unwanted
            actions.append(.offerRoom)
        }
    }

    private mutating func roomChanged() {
        switch self.room {
        case .unwanted: break
        case .awaited, .changed: self.room = .changed
        }
    }

    /// A worker daemon of this process stored tasks claimed for this dispatcher. For which there is no room by now goes
    /// back at once.
    package mutating func expressStored(_ tasks: [ClaimedTask], now: Now) -> [Action] {
        // Who has stopped leaves them to their leases.
        if self.phase == .stopped { return [] }
        var room = self.policy.heldTasks - self.inHandCount
        let dueNow = self.dueNow(now)
        if case .claiming(let shares) = self.poll { room -= shares.reduce(0) { $0 + $1.limit } }
        for task in tasks {
            let lane = Lane(of: task.definition.function)
            if room > 0, self.inHandBytes < self.policy.heldBytes,
                self.gates.isOpen(lane) || self.gates.isFlowing(lane)
            {
                room -= 1
                self.hold(task, dueBy: dueNow)
            } else {
                self.releases.append(Settlement(task.claim, .release(at: task.dueAt)))
            }
        }
        return self.proceed(now)
    }

    // MARK: - Decisions

    mutating func handOverDue(_ now: Now, _ actions: inout [Action]) {
        let dueNow = self.dueNow(now)
        self.held.ripen(by: dueNow)
        for lane in self.gates.reopen(now: now.monotonic) {
            self.held.unblock(lane)
            self.mayClaim = true
        }
        if let pausedUntil = self.pausedUntil, pausedUntil > now.monotonic { return }
        let startBy = now.wall.advanced(by: self.policy.lease.startMargin)
        let fewWaitUntil = self.fewWaitUntil(now)
        let controllers = self.limits.isEmpty ? 1 : self.membership?.members(.controller).count ?? 1
        self.admitCrowd()
        var batches: [(lane: Lane?, tasks: [ClaimedTask], bytes: Int)] = []
        // Mostly the next task is of the same lane.
        var last: (lane: Lane, limit: Int?, address: Lane?)?
        while let next = self.held.takeFirst(dueBy: dueNow) {
            if next.leaseUntil < startBy {
                self.release(next)
                continue
            }
            let lane = Lane(of: next.definition.function)
            if last?.lane != lane {
                last = (lane, self.gates.handOverLimit(lane), self.isAddressed(lane, controllers) ? lane : nil)
            }
            if let limit = last?.limit, self.handedOverOfLane[lane, default: 0] >= limit {
                // Until what is on its way is answered.
                self.held.block(lane)
                self.held.insert(next, dueBy: dueNow)
                continue
            }
            let address = last?.address
            let bytes = next.definition.weightBytes
            if let batch = batches.lastIndex(where: { $0.lane == address }),
                batches[batch].tasks.count < Limits.handOverBatch,
                batches[batch].bytes + bytes <= Limits.handOverBatchBytes
            {
                batches[batch].tasks.append(next)
                batches[batch].bytes += bytes
            } else if self.mayHandOver(besides: batches.count), address != nil || fewWaitUntil == nil {
                if address != nil, self.laneHandOverRoom <= batches.count(where: { $0.lane != nil }) {
                    self.held.block(lane)
                    self.held.insert(next, dueBy: dueNow)
                    self.crowd.insert(now.monotonic, lane)
                    continue
                }
                batches.append((address, [next], bytes))
            } else {
                self.held.putBack(next)
                break
            }
            self.handedOverOfLane[lane, default: 0] += 1
        }
        let silentAt = now.monotonic.advanced(by: self.policy.handOverPatience)
        for batch in batches {
            self.handOvers[self.nextHandOver] = HandOver(
                tasks: batch.tasks, lane: batch.lane, since: now.monotonic, silentAt: silentAt)
            actions.append(.handOver(self.nextHandOver, batch.tasks, in: batch.lane))
            self.nextHandOver += 1
        }
    }

    /// These are with a controller no longer, or nobody waits for them.
    private mutating func handedBack(_ tasks: [ClaimedTask]) {
        var lanes: [Lane: Int] = [:]
        for task in tasks { lanes[Lane(of: task.definition.function), default: 0] += 1 }
        for (lane, count) in lanes.sorted(by: { $0.key < $1.key }) {
            let rest = self.handedOverOfLane[lane, default: count] - count
            self.handedOverOfLane[lane] = rest > 0 ? rest : nil
            if self.gates.isOpen(lane) { self.held.unblock(lane) } else { self.trim(lane) }
        }
    }

    /// Whether its tasks are for whoever takes hand-overs of this lane: because not every controller has a part of its
    /// limit, or because one was full, while others may have room in their parts.
    private func isAddressed(_ lane: Lane, _ controllers: Int) -> Bool {
        guard let limit = self.limits[lane] else { return false }
        return limit < controllers || controllers > 1 && !self.gates.isFlowing(lane)
    }

    /// How many more hand-overs may be addressed to lanes: the others are for everybody, however many lanes there are.
    private var laneHandOverRoom: Int {
        let underWay = self.handOvers.values.count { $0.lane != nil }
        let silent = self.silent.values.count { $0 != nil }
        return min(
            (self.policy.handOversAtOnce + 1) / 2 - underWay,
            (self.policy.handOversUnanswered + 1) / 2 - underWay - silent)
    }

    /// Lets as many lanes go as there is room for, those that have waited longest.
    private mutating func admitCrowd() {
        var room = self.laneHandOverRoom
        while room > 0, let lane = self.crowd.removeFirst()?.value {
            guard self.gates.isOpen(lane) else { continue }
            self.held.unblock(lane)
            if self.held.dueCount(lane) > 0 { room -= 1 }
        }
    }

    /// Those that were unanswered for too long block no others, but there is an end to their number as well.
    ///
    /// - Parameter count: hand-overs that are about to begin.
    func mayHandOver(besides count: Int = 0) -> Bool {
        self.handOvers.count + count < self.policy.handOversAtOnce
            && self.handOvers.count + count + self.silent.count < self.policy.handOversUnanswered
    }

    /// Until when due tasks wait for the answers to hand-overs under way, because they are few; `nil`: not any longer.
    func fewWaitUntil(_ now: Now) -> MonotonicInstant? {
        guard self.held.readyCount < self.policy.handOverCrowd,
            let latest = self.handOvers.values.filter({ $0.lane == nil }).map(\.since).max()?
                .advanced(by: self.policy.handOverRound)
        else { return nil }
        return latest > now.monotonic ? latest : nil
    }

    /// A controller that is frozen, or cut off, must not keep others from these tasks until their leases run out. If
    /// it wakes, it starts nothing with a claim so old before the store has extended it.
    mutating func silence(_ now: Now) {
        for (id, handOver) in self.handOvers.sorted(by: { $0.key < $1.key }) where handOver.silentAt <= now.monotonic {
            self.handOvers[id] = nil
            self.silent[id] = .some(handOver.lane)
            for task in handOver.tasks { self.release(task) }
            self.handedBack(handOver.tasks)
            self.mayClaim = true
        }
    }

    /// Where there is no controller, a hand-over lies in the job server's queue and is not answered. If somebody takes
    /// it after all, he has it; if not, the leases of its tasks run out.
    mutating func abandonHandOvers(_ now: Now) {
        guard let deadline = self.drainDeadline, deadline <= now.monotonic else { return }
        self.drainDeadline = nil
        for task in self.handOvers.values.flatMap(\.tasks) { self.letGo(task) }
        self.handOvers = [:]
    }

    /// What no controller took while its lease lasted was never handed over: others may have it at once.
    mutating func sweep(_ now: Now) {
        guard self.nextSweep <= now.monotonic else { return }
        self.nextSweep = now.monotonic.advanced(by: self.policy.rescueInterval)
        let startBy = now.wall.advanced(by: self.policy.lease.startMargin)
        for task in self.held.removeAll(leaseEndingBefore: startBy) { self.release(task) }
        let (dueLanes, inHandOfLane) = (self.dueLanes, self.inHandOfLane)
        self.gates.sweep(now: now.monotonic) { dueLanes.contains($0) || inHandOfLane[$0] != nil }
    }

    mutating func hold(_ task: ClaimedTask, dueBy moment: Timestamp) {
        self.inHandCount += 1
        self.inHandBytes += task.definition.weightBytes
        self.inHandOfLane[Lane(of: task.definition.function), default: 0] += 1
        self.held.insert(task, dueBy: moment)
    }

    /// Gives back what a lane that is not open may not keep. What is not due yet stays, unless the lane is paused: by
    /// then it may get on, and if not, it goes back piece by piece.
    mutating func trim(_ lane: Lane) {
        if self.gates.isOpen(lane) { return }
        self.held.block(lane)
        if self.gates.isPaused(lane) {
            for task in self.held.removeAll(lane) { self.release(task) }
        } else if let kept = self.gates.kept(lane) {
            for task in self.held.trim(lane, toDue: kept) { self.release(task) }
        }
    }

    /// Gives a task that was not handed over back to the store, due as before: its lateness counts from there.
    mutating func release(_ task: ClaimedTask) {
        self.letGo(task)
        self.releases.append(Settlement(task.claim, .release(at: task.dueAt)))
    }

    private mutating func letGo(_ task: ClaimedTask) {
        self.roomChanged()
        self.inHandCount -= 1
        self.inHandBytes -= task.definition.weightBytes
        guard let place = self.inHandOfLane.index(forKey: Lane(of: task.definition.function)) else { return }
        self.inHandOfLane.values[place] -= 1
        if self.inHandOfLane.values[place] == 0 { self.inHandOfLane.remove(at: place) }
    }
}
