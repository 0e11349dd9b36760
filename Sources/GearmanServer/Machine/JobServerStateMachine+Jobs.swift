internal import Gearman

/// The way of a job: its queue, its worker, its end.
extension JobServerStateMachine {
    /// Whether a job that waits for a worker would be run for nobody.
    func isUnwanted(_ job: JobSlot) -> Bool {
        if self.jobs[job].isCancelled { return true }
        if self.jobs[job].isBackground { return false }
        if self.jobs[job].clients.contains(where: self.isOpen) { return false }
        return self.journal.keeps[self.jobs[job].number] == nil
    }

    // MARK: Queues

    /// Puts a job whose place is `queued` at the end of its queue.
    mutating func enqueue(_ job: JobSlot) {
        let function = self.jobs[job].function
        self.jobs.append(job, to: &self.functions[function].queues[self.jobs[job].priority])
        self.wakeWorkers(of: function)
    }

    mutating func schedule(_ job: JobSlot, at nanoseconds: Int64) {
        let jobs = self.jobs
        self.functions[jobs[job].function].scheduled[jobs[job].priority] += 1
        self.dueTimes.insert(
            JobTimers.Entry(nanoseconds: nanoseconds, slot: job, number: jobs[job].number),
            liveCount: self.scheduledCount, isLive: jobs.isScheduled)
        self.scheduledCount += 1
    }

    /// The time of a scheduled job has come.
    mutating func becameDue(_ job: JobSlot) {
        self.leaveSchedule(job)
        self.jobs[job].place = .queued
        self.enqueue(job)
    }

    private mutating func leaveSchedule(_ job: JobSlot) {
        self.scheduledCount -= 1
        self.functions[self.jobs[job].function].scheduled[self.jobs[job].priority] -= 1
    }

    /// The next job of a function that somebody wants; those before it are dropped.
    private mutating func firstQueued(_ function: Int) -> JobSlot? {
        for priority in JobPriority.allCases {
            while true {
                let job = self.functions[function].queues[priority].first
                guard job >= 0 else { break }
                guard self.isUnwanted(job) else { return job }
                self.remove(job)
            }
        }
        return nil
    }

    /// Drops every job that would be run for nobody, to make room.
    mutating func dropUnwanted() {
        guard self.mayHaveUnwanted else { return }
        self.mayHaveUnwanted = false
        for job in self.jobs.all where !self.jobs[job].isRunning && self.isUnwanted(job) { self.remove(job) }
    }

    // MARK: Workers

    /// Takes the next job for a connection: of the function that it registered last, as long as there are some.
    mutating func take(for slot: Int, now: JobServerTime) -> JobSlot? {
        for index in self.connections[slot].registrations.indices.reversed() {
            let registration = self.connections[slot].registrations[index]
            guard let job = self.firstQueued(registration.function) else { continue }
            if self.configuration.isRoundRobin {
                self.connections[slot].registrations.remove(at: index)
                self.connections[slot].registrations.insert(registration, at: 0)
            }
            self.jobs.unlink(job, from: &self.functions[registration.function].queues[self.jobs[job].priority])
            self.functions[registration.function].running += 1
            self.counters[.assigned] += 1
            self.jobs[job].place = .running(on: self.connections[slot].id)
            self.jobs.append(job, to: &self.connections[slot].inHand)
            if registration.timeoutMilliseconds > 0 {
                self.setDeadline(now.monotonic.advanced(by: .milliseconds(registration.timeoutMilliseconds)), of: job)
            }
            return job
        }
        return nil
    }

    private mutating func setDeadline(_ deadline: GearmanInstant, of job: JobSlot) {
        self.jobs[job].deadline = deadline
        let jobs = self.jobs
        self.deadlines.insert(
            JobTimers.Entry(nanoseconds: deadline.nanoseconds, slot: job, number: jobs[job].number),
            liveCount: self.deadlineCount, isLive: jobs.hasDeadline)
        self.deadlineCount += 1
    }

    mutating func fellAsleep(_ slot: Int) {
        let hasWork = self.connections[slot].registrations.reversed().contains {
            self.firstQueued($0.function) != nil
        }
        if hasWork { self.send(.noop, to: slot) } else { self.setSleeping(true, slot) }
    }

    mutating func setSleeping(_ isSleeping: Bool, _ slot: Int) {
        let wasWakeable = self.connections[slot].isWakeable
        self.connections[slot].isSleeping = isSleeping
        if !isSleeping { self.connections[slot].isWoken = false }
        self.countSleeper(slot, wasWakeable: wasWakeable)
    }

    private mutating func countSleeper(_ slot: Int, wasWakeable: Bool) {
        let isWakeable = self.connections[slot].isWakeable
        guard isWakeable != wasWakeable else { return }
        for registration in self.connections[slot].registrations {
            self.functions[registration.function].sleepers += isWakeable ? 1 : -1
        }
    }

    /// A job waits: sends a NOOP to those that can do it and sleep, to each only one until it grabs.
    private mutating func wakeWorkers(of function: Int) {
        let count = self.functions[function].workers.count
        var index = self.functions[function].nextToWake
        var woken = 0
        for _ in 0..<count {
            guard self.functions[function].sleepers > 0,
                self.configuration.workerWakeup == 0 || woken < self.configuration.workerWakeup
            else { break }
            let slot = self.functions[function].workers[index % count].slot
            index = (index + 1) % count
            guard self.connections[slot].isWakeable else { continue }
            self.connections[slot].isWoken = true
            self.countSleeper(slot, wasWakeable: true)
            self.send(.noop, to: slot)
            woken += 1
        }
        self.functions[function].nextToWake = index
    }

    /// The connection cannot do the function any more: all its registrations of it end, and its jobs are given back.
    mutating func unregister(_ function: Int, of slot: Int) {
        let id = self.connections[slot].id
        let registrations = self.connections[slot].registrations.count { $0.function == function }
        guard registrations > 0 else { return }
        // The newest one first, as gearmand does; and whoever sleeps is told of a job that he gives back himself.
        for job in self.jobs.slots(of: self.connections[slot].inHand).reversed()
        where self.jobs[job].function == function {
            self.attemptLost(job)
        }
        self.connections[slot].registrations.removeAll { $0.function == function }
        if self.connections[slot].isWakeable { self.functions[function].sleepers -= registrations }
        self.functions[function].workers.removeAll { $0 == id }
        self.functions[function].nextToWake = 0
    }

    mutating func unregisterAll(of slot: Int) {
        while let registration = self.connections[slot].registrations.last {
            self.unregister(registration.function, of: slot)
        }
    }

    /// Takes everything from a connection that ends.
    mutating func release(_ slot: Int) {
        self.setSleeping(false, slot)
        self.unregisterAll(of: slot)
        self.mayHaveUnwanted = true
    }

    // MARK: Ends

    /// Who ran the job is lost, or its time is: it is queued again, unless that was its last attempt.
    mutating func attemptLost(_ job: JobSlot) {
        self.counters[.lost] += 1
        self.leaveWorker(job)
        self.jobs[job].numerator = 0
        self.jobs[job].denominator = 0
        self.jobs[job].place = .queued
        // Who ends a server takes no attempt from the jobs that it keeps.
        guard !self.isStopped else { return self.enqueue(job) }
        self.jobs[job].retries &+= 1
        guard self.configuration.jobRetries == 0 || self.jobs[job].retries != self.configuration.jobRetries else {
            self.fail(job)
            self.forget(job)
            return self.jobs.remove(job)
        }
        self.enqueue(job)
        self.noteRetry(of: job)
    }

    /// Tells all who wait for a job that it failed.
    mutating func fail(_ job: JobSlot) {
        let number = self.jobs[job].number
        for client in self.jobs[job].clients where self.isOpen(client) {
            self.send(.workFail, to: client.slot, aboutJob: number)
        }
    }

    private mutating func leaveWorker(_ job: JobSlot) {
        guard case .running(let connection) = self.jobs[job].place else { return }
        self.jobs.unlink(job, from: &self.connections[connection.slot].inHand)
        self.functions[self.jobs[job].function].running -= 1
        if self.jobs[job].deadline != nil {
            self.jobs[job].deadline = nil
            self.deadlineCount -= 1
        }
    }

    /// Takes a job from wherever it is, and forgets it.
    mutating func remove(_ job: JobSlot) {
        self.forget(job)
        switch self.jobs[job].place {
        case .unkept: self.functions[self.jobs[job].function].scheduled[self.jobs[job].priority] -= 1
        case .scheduled: self.leaveSchedule(job)
        case .queued:
            self.jobs.unlink(job, from: &self.functions[self.jobs[job].function].queues[self.jobs[job].priority])
        case .running: self.leaveWorker(job)
        }
        self.jobs.remove(job)
    }

    /// Somebody wants a job not to run. A running one goes on, and its result still comes; a queued one keeps its place
    /// until a worker would get it, as in gearmand.
    mutating func cancel(_ job: JobSlot) {
        self.counters[.cancelled] += 1
        self.fail(job)
        self.forget(job)
        switch self.jobs[job].place {
        case .running: self.jobs[job].isCancelled = true
        case .queued:
            self.jobs[job].isCancelled = true
            self.jobs.hollow(job)
            self.mayHaveUnwanted = true
        case .unkept, .scheduled: self.remove(job)
        }
    }
}
