internal import Gearman

/// Background jobs that a journal keeps. Its caller performs ``JobServerActions/change`` and reports what became of it.
///
/// A background job is answered, and may run, when it is written; until then it waits, for as long as the configuration
/// says, and then it is refused. What comes while a change is under way is the next change. A job that ended is
/// forgotten with the next change; if the server is killed before, it runs again.
extension JobServerStateMachine {
    // MARK: Events

    /// Jobs of an earlier server were read, in the order of their numbers. Called before there are connections.
    ///
    /// - Parameter lastNumber: the highest number that any job ever had.
    package mutating func restored(
        _ jobs: [GearmanKeptJob], lastNumber: UInt64, now: JobServerTime
    ) -> JobServerActions {
        self.lastNumber = max(self.lastNumber, lastNumber, jobs.last?.number ?? 0)
        for kept in jobs {
            let function = self.functions.index(of: kept.function) ?? self.functions.insert(name: kept.function)
            var job = ServedJob(
                number: kept.number, function: function, priority: JobPriority(kept.priority), unique: kept.unique[...],
                reducer: kept.reducer, workload: kept.workload[...], place: .queued, isBackground: true)
            job.retries = kept.retries
            job.isKept = true
            self.journal.keptCount += 1
            let slot = self.jobs.insert(job)
            self.begin(slot, dueNanoseconds: kept.epochSeconds.map(Self.nanoseconds(ofSeconds:)))
        }
        return self.finish(now)
    }

    /// The change is durable.
    ///
    /// - Parameter refused: the numbers of jobs that are too large for the journal.
    package mutating func changeWritten(refused: Set<UInt64>, now: JobServerTime) -> JobServerActions {
        self.advance(now)
        let (_, kept) = self.changeEnded(.idle)
        for number in kept {
            if refused.contains(number) { self.refuse(number, .jobTooLarge) } else { self.wasKept(number) }
        }
        self.serveAnswered(now)
        return self.finish(now)
    }

    /// The change was not made, or nobody knows.
    package mutating func changeFailed(now: JobServerTime) -> JobServerActions {
        let (forgotten, kept) = self.changeEnded(.pausing(until: now.monotonic.advanced(by: JournalQueue.pause)))
        self.journal.toForget = forgotten + self.journal.toForget
        self.journal.toKeep = kept + self.journal.toKeep
        self.advance(now)
        return self.finish(now)
    }

    /// Another server has the jobs now: this one must not give them out any more.
    package mutating func journalSuperseded(now: JobServerTime) -> JobServerActions {
        _ = self.changeEnded(.idle)
        for number in self.journal.keeps.keys.sorted() { self.refuse(number, .superseded) }
        self.keepsJobs = false
        self.journal.toKeep = []
        self.journal.toForget = []
        self.shutDown(isGraceful: false)
        return self.finish(now)
    }

    /// Whether all jobs that have ended are forgotten.
    package var isJournalQuiet: Bool { self.journal.isQuiet }

    // MARK: Keeping

    /// A background job that was just submitted, and a submission that waits for it.
    mutating func keep(_ job: JobSlot, submittedBy slot: Int, now: JobServerTime) {
        self.functions[self.jobs[job].function].scheduled[self.jobs[job].priority] += 1
        self.awaitKeeping(job, for: slot, isBackground: true, now: now)
    }

    /// One more submission of a job; it is answered at once unless that job waits for the journal, or has to.
    mutating func answerJoined(_ job: JobSlot, to slot: Int, isBackground: Bool, now: JobServerTime) {
        let number = self.jobs[job].number
        let hasToWait = self.keepsJobs && isBackground && !self.jobs[job].isKept
        if hasToWait || self.journal.keeps[number] != nil {
            self.awaitKeeping(job, for: slot, isBackground: isBackground, now: now)
        } else {
            if isBackground { self.jobs[job].isBackground = true }
            self.send(.jobCreated, to: slot, aboutJob: number)
        }
    }

    private mutating func awaitKeeping(_ job: JobSlot, for slot: Int, isBackground: Bool, now: JobServerTime) {
        let number = self.jobs[job].number
        if self.journal.keeps[number] == nil {
            let deadline = now.monotonic.advanced(by: self.configuration.journalPatience)
            self.journal.add(job, number: number, deadline: deadline)
        }
        self.touch(slot)
        let answer = self.connections[slot].held.append(after: self.connections[slot].output)
        self.connections[slot].output = []
        self.journal.keeps[number]?.waiters.append(
            JournalQueue.Waiter(connection: self.connections[slot].id, answer: answer, isBackground: isBackground))
    }

    /// A job begins its way; its place is `queued`.
    private mutating func begin(_ job: JobSlot, dueNanoseconds: Int64?) {
        guard let dueNanoseconds else { return self.enqueue(job) }
        self.jobs[job].place = .scheduled(atNanoseconds: dueNanoseconds)
        self.schedule(job, at: dueNanoseconds)
    }

    private mutating func wasKept(_ number: UInt64) {
        // Without a submission that waits it was kept before, or nobody wants it any more.
        guard let keep = self.journal.keeps.removeValue(forKey: number), let job = self.jobs.slot(number: number)
        else { return }
        self.jobs[job].isKept = true
        self.jobs[job].isBackground = true
        self.journal.keptCount += 1
        for waiter in keep.waiters { self.answer(waiter, nil, number) }
        self.leaveUnkept(job)
    }

    /// Those who wanted the job kept are told why it is not. For those who wait for its result it runs all the same.
    private mutating func refuse(_ number: UInt64, _ error: ServerError) {
        guard let keep = self.journal.keeps.removeValue(forKey: number), let job = self.jobs.slot(number: number)
        else { return }
        if keep.wasSent { self.journal.toForget.append(number) }
        for waiter in keep.waiters { self.answer(waiter, waiter.isBackground ? error : nil, number) }
        switch self.jobs[job].place {
        case .unkept:
            self.jobs[job].isBackground = false
            if self.isUnwanted(job) { self.remove(job) } else { self.leaveUnkept(job) }
        case .scheduled, .queued, .running: break
        }
    }

    /// A job that waited for the journal begins its way.
    private mutating func leaveUnkept(_ job: JobSlot) {
        switch self.jobs[job].place {
        case .unkept(let dueNanoseconds):
            self.functions[self.jobs[job].function].scheduled[self.jobs[job].priority] -= 1
            self.jobs[job].place = .queued
            self.begin(job, dueNanoseconds: dueNanoseconds)
        case .scheduled, .queued, .running: break
        }
    }

    private mutating func answer(_ waiter: JournalQueue.Waiter, _ error: ServerError?, _ number: UInt64) {
        guard self.isOpen(waiter.connection) else { return }
        let slot = waiter.connection.slot
        // It is made as any other packet, and then put where it belongs.
        let output = self.connections[slot].output
        self.connections[slot].output = []
        if let error { self.send(error, to: slot) } else { self.send(.jobCreated, to: slot, aboutJob: number) }
        self.connections[slot].held.setAnswer(waiter.answer, self.connections[slot].output)
        self.connections[slot].output = output
        self.answered.append(slot)
    }

    /// Connections that were not served, because too much waited for an answer, are served again.
    private mutating func serveAnswered(_ now: JobServerTime) {
        guard !self.answered.isEmpty else { return }
        let answered = self.answered
        self.answered = []
        for slot in answered where self.connections[slot].isHeldUp {
            self.connections[slot].held.release()
            self.serve(slot, now: now)
        }
    }

    // MARK: Forgetting

    /// The job has ended, or was cancelled. Submissions that still wait for it are answered: it was taken.
    mutating func forget(_ job: JobSlot) {
        guard self.keepsJobs || self.jobs[job].isKept else { return }
        let number = self.jobs[job].number
        if let keep = self.journal.keeps.removeValue(forKey: number) {
            if keep.wasSent { self.journal.toForget.append(number) }
            for waiter in keep.waiters { self.answer(waiter, nil, number) }
        }
        guard self.jobs[job].isKept else { return }
        self.jobs[job].isKept = false
        self.journal.keptCount -= 1
        // Whoever took over has it now.
        if self.keepsJobs { self.journal.toForget.append(number) }
    }

    /// The job lost an attempt, which counts after a restart too.
    mutating func noteRetry(of job: JobSlot) {
        guard self.jobs[job].isKept, self.configuration.jobRetries > 0 else { return }
        self.journal.toKeep.append(self.jobs[job].number)
    }

    /// Whether a job is to be found in the journal.
    private func isWanted(_ number: UInt64) -> Bool {
        guard let job = self.jobs.slot(number: number) else { return false }
        return self.jobs[job].isKept || self.journal.keeps[number] != nil
    }

    // MARK: Changes

    /// What is to be written next; nil: nothing, or not now.
    mutating func nextChange(_ now: JobServerTime) -> GearmanJournalChange? {
        guard self.journal.isFree(now: now.monotonic) else { return nil }
        self.journal.state = .idle
        // At the end only what has ended is still worth a change.
        if self.isStopped { self.journal.toKeep = [] }
        while !(self.journal.toKeep.isEmpty && self.journal.toForget.isEmpty) {
            let ended = self.journal.toForget.prefix(JournalQueue.changeJobs)
            self.journal.toForget.removeFirst(ended.count)
            let forgotten = ended.filter { !self.isWanted($0) }
            let kept = self.takeJobsToKeep()
            guard !forgotten.isEmpty || !kept.isEmpty else { continue }
            self.journal.state = .writing(forgotten: forgotten, kept: kept.map(\.number))
            return GearmanJournalChange(forgotten: forgotten, kept: kept, lastNumber: self.lastNumber)
        }
        return nil
    }

    private mutating func takeJobsToKeep() -> [GearmanKeptJob] {
        var kept: [GearmanKeptJob] = []
        var seen: Set<UInt64> = []
        var sizeBytes = 0
        var count = 0
        for number in self.journal.toKeep {
            guard self.isWanted(number), seen.insert(number).inserted, let slot = self.jobs.slot(number: number) else {
                count += 1
                continue
            }
            sizeBytes += self.jobs[slot].sizeBytes
            guard kept.isEmpty || (sizeBytes <= JournalQueue.changeBytes && kept.count < JournalQueue.changeJobs)
            else { break }
            count += 1
            self.journal.keeps[number]?.wasSent = true
            kept.append(self.keptJob(slot))
        }
        self.journal.toKeep.removeFirst(count)
        return kept
    }

    private func keptJob(_ slot: JobSlot) -> GearmanKeptJob {
        let job = self.jobs[slot]
        let dueNanoseconds: Int64? =
            switch job.place {
            case .unkept(let nanoseconds): nanoseconds
            case .scheduled(let nanoseconds): nanoseconds
            case .queued, .running: nil
            }
        return GearmanKeptJob(
            number: job.number, function: self.functions[job.function].name, unique: Array(job.unique),
            reducer: job.reducer, priority: GearmanPriority(job.priority), workload: Array(job.workload),
            epochSeconds: dueNanoseconds.map { $0 / 1_000_000_000 }, retries: job.retries)
    }

    private mutating func changeEnded(_ next: JournalQueue.State) -> (forgotten: [UInt64], kept: [UInt64]) {
        switch self.journal.state {
        case .writing(let forgotten, let kept):
            self.journal.state = next
            return (forgotten, kept)
        case .idle, .pausing: preconditionFailure("A change ended that nobody was asked to make")
        }
    }

    /// Refuses the submissions that waited for too long.
    mutating func refuseLate(_ now: JobServerTime) {
        while let entry = self.journal.deadlines.first, entry.nanoseconds <= now.monotonic.nanoseconds {
            self.journal.deadlines.popFirst()
            guard self.journal.keeps[entry.number]?.deadline.nanoseconds == entry.nanoseconds else { continue }
            self.refuse(entry.number, .journalAway)
        }
        self.serveAnswered(now)
    }

    /// The nanoseconds of a moment in seconds, as near as 64 bits allow.
    static func nanoseconds(ofSeconds seconds: Int64) -> Int64 {
        let (nanoseconds, isBeyond) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isBeyond ? (seconds < 0 ? .min : .max) : nanoseconds
    }
}

extension JobServerStateMachine {
    /// Closes the connections for which more is held than may wait for one.
    mutating func closeOverfull(_ touched: [Int]) {
        for slot in touched where self.connections[slot].held.sizeBytes > self.configuration.limits.unsentBytes {
            if self.isOpen(self.connections[slot].id) { self.close(slot, isAfterFlush: false) }
        }
    }
}

extension ServedConnection {
    /// So much waits for an answer that its requests wait too.
    var isHeldUp: Bool { self.held.sizeBytes >= StreamLimits.writeBufferHighBytes }
}

extension JobPriority {
    init(_ priority: GearmanPriority) {
        switch priority {
        case .high: self = .high
        case .normal: self = .normal
        case .low: self = .low
        }
    }
}

extension GearmanPriority {
    fileprivate init(_ priority: JobPriority) {
        switch priority {
        case .high: self = .high
        case .normal: self = .normal
        case .low: self = .low
        }
    }
}
