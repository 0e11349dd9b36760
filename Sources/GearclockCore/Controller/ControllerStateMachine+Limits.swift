/// What may be started: limits of functions, their queues at job servers, and missing workers.
extension ControllerStateMachine {
    // MARK: - Events

    package mutating func settingsReplied(
        _ reply: Result<[FunctionSettings], TaskStoreError>, now: Now
    ) -> [Action] {
        precondition(self.isReadingSettings, "Nobody asked for settings")
        self.isReadingSettings = false
        switch reply {
        case .success(let settings):
            let old = self.settings ?? [:]
            self.settings = Dictionary(settings.map { ($0.function, $0) }) { first, _ in first }
            for setting in settings {
                self.functions[setting.function, default: FunctionInHand()].apply(setting, now.monotonic)
            }
            for name in old.keys where self.settings![name] == nil {
                self.functions[name]?.apply(FunctionSettings(function: name), now.monotonic)
                self.forgetIfIdle(name)
            }
        case .failure:
            // What was wanted before holds on; the next beat asks again.
            break
        }
        var work = Work()
        work.served = self.lanesToServe()
        self.releaseShut()
        self.freeAll()
        return self.proceed(work, now)
    }

    package mutating func beatReplied(
        _ reply: Result<[Member], TaskStoreError>, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        var work = Work()
        self.perform(self.membership.beatReplied(reply, now: now.monotonic, using: &random), now, &work)
        work.served = self.lanesToServe()
        self.releaseShut()
        self.freeAll()
        return self.proceed(work, now)
    }

    package mutating func leaveReplied(now: Now) -> [Action] {
        self.membership.leaveReplied()
        return self.proceed(Work(), now)
    }

    /// - Parameter report: `nil` if no server answered.
    package mutating func serversReplied(
        _ report: ServerReport?, now: Now, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        precondition(self.isAskingServers, "Nobody asked the job servers")
        self.isAskingServers = false
        self.servers = report
        for (name, setting) in self.settings ?? [:] {
            let queued = report.map { $0.functions[name]?.queued ?? 0 }
            let watermark = setting.queueWatermark.map { self.share($0, name) }
            self.functions[name]!.serversReported(queued: queued, watermark: watermark)
        }
        var work = Work()
        for run in self.workerless.sorted() {
            guard case .workerless(let unique, let since) = self.runs[run]!.phase else { continue }
            let task = self.runs[run]!
            if let change = self.refusal(ofStarting: task, now) {
                self.end(run, change)
            } else if !self.isWithoutWorker(task) {
                self.enqueue(run, task, unique: unique, now: now, &work)
            } else if task.task.definition.retry.outcomes[.noWorker] != nil, report?.isComplete ?? true,
                since.duration(to: now.monotonic) >= self.policy.workerGrace
            {
                self.endAttempt(run, .noWorker, now: now, using: &random)
            }
        }
        self.freeAll()
        return self.proceed(work, now)
    }

    /// What the embedded machine of the membership wants done.
    mutating func perform(_ actions: [MembershipStateMachine.Action], _ now: Now, _ work: inout Work) {
        for action in actions {
            switch action {
            case .beat:
                work.beats = true
                self.forgetProofs(now)
            case .leave: work.leaves = true
            case .setTimer(let moment): self.membershipTimer = moment
            }
        }
    }

    // MARK: - Limits

    /// How many jobs of a function may be started now.
    private func free(_ name: FunctionName, _ function: FunctionInHand, _ now: Now) -> Int {
        guard self.isConnected else { return 0 }
        guard let setting = self.settings?[name] else { return .max }
        if setting.isPaused { return 0 }
        var free = Int.max
        if let inFlight = setting.inFlight { free = min(free, self.share(inFlight, name) - function.submitted) }
        if let bucket = function.bucket, let rate = setting.perThousandSeconds {
            free = min(free, bucket.tokens(rate: self.share(rate, name), now: now.monotonic))
        }
        if let credit = function.credit { free = min(free, credit) }
        return max(0, free)
    }

    private func share(_ limit: UInt32, _ name: FunctionName) -> Int {
        self.membership.share(of: Int(limit), in: Lane(of: name))
    }

    /// Nothing of it can start here until an operator, or the number of controllers, changes that.
    func isShut(_ name: FunctionName) -> Bool {
        self.settings?[name]?.isPaused == true || !self.hasPart(of: name)
    }

    /// Whether some of it may start here. Not so if a limit is smaller than the number of controllers, and others have
    /// all of it.
    private func hasPart(of name: FunctionName) -> Bool {
        self.settings?[name]?.smallestLimit.map { self.share($0, name) > 0 } ?? true
    }

    /// - Returns: the lanes of which it takes hand-overs, if they have changed.
    mutating func lanesToServe() -> [Lane]? {
        for (name, setting) in self.settings ?? [:] where setting.isLimited {
            self.limited.insert(name)
        }
        let lanes = Set(self.limited.filter { self.hasPart(of: $0) }.map { Lane(of: $0) }).sorted()
        if lanes == self.served { return nil }
        self.served = lanes
        return lanes
    }

    /// Whether a task of this function may be accepted, to be started now or to wait for it.
    func mayWait(_ name: FunctionName, _ function: FunctionInHand, _ now: Now) -> Bool {
        guard let setting = self.settings?[name] else { return true }
        if self.isShut(name) { return false }
        let perSecond = setting.perThousandSeconds.map { self.share($0, name) / 1000 } ?? 0
        let waiting = max(self.policy.waitingPerFunction, perSecond, setting.inFlight.map { self.share($0, name) } ?? 0)
        let free = self.free(name, function, now)
        return free == .max || function.unstarted < free + waiting
    }

    /// Gives back what cannot be started here any more. Its due time stays, so that it keeps its place.
    private mutating func releaseShut() {
        let shut = Set(self.functions.filter { $0.value.unstarted > 0 && self.isShut($0.key) }.keys)
        if shut.isEmpty { return }
        for run in self.runs.keys.sorted() where shut.contains(self.runs[run]!.task.definition.function) {
            switch self.runs[run]!.phase {
            case .early, .proving, .workerless, .queued: self.giveBack(run)
            // Its job may run already; it is joined if it does.
            case .asking, .submitted, .orphaned, .ended: break
            }
        }
    }

    // MARK: - Queues

    /// Submits a new job as soon as its function may start one.
    mutating func enqueue(_ run: RunID, _ task: TaskRun, unique: [UInt8], now: Now, _ work: inout Work) {
        let definition = task.task.definition
        if self.functions[definition.function]!.queued == 0, self.takeStart(definition.function, now) {
            return self.submit(run, task, unique: unique, now: now, &work)
        }
        self.move(run, to: .queued(unique: unique))
        self.functions[definition.function]!.queue.insert(.init(dueAt: definition.dueAt, run: run), run)
    }

    mutating func freeAll() {
        self.freed += self.functions.filter { $0.value.queued > 0 }.keys
    }

    /// Starts what waits and may start now, the oldest of each function first.
    mutating func startFreed(_ now: Now, _ work: inout Work) {
        guard !self.freed.isEmpty else { return }
        let names = Set(self.freed).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        self.freed = []
        for name in names { self.startQueued(name, now, &work) }
    }

    private mutating func startQueued(_ name: FunctionName, _ now: Now, _ work: inout Work) {
        while let function = self.functions[name], function.queued > 0, let first = function.queue.first {
            if let run = self.runs[first.value], case .queued(let unique) = run.phase {
                if let change = self.refusal(ofStarting: run, now) {
                    self.end(first.value, change)
                } else if self.takeStart(name, now) {
                    self.submit(first.value, run, unique: unique, now: now, &work)
                } else {
                    return
                }
            }
            _ = self.functions[name]!.queue.removeFirst()
        }
        _ = self.functions[name]?.queue.removeAll()
    }

    /// Whether one job of a function may start; if so, it is counted. If not, something will look again.
    private mutating func takeStart(_ name: FunctionName, _ now: Now) -> Bool {
        guard let function = self.functions[name] else { preconditionFailure("Nothing of \(name) is in hand") }
        let isFree = self.free(name, function, now) > 0
        if function.credit.map({ $0 <= 0 }) ?? false { self.wantsServers = true }
        guard let limit = self.settings?[name]?.perThousandSeconds, function.bucket != nil else { return isFree }
        let rate = self.share(limit, name)
        if isFree {
            self.functions[name]!.bucket!.take(rate: rate, now: now.monotonic)
        } else if let moment = function.bucket!.nextToken(rate: rate, now: now.monotonic), moment > now.monotonic,
            function.tokenAt.map({ moment < $0 }) ?? true
        {
            self.functions[name]!.tokenAt = moment
            self.tokenTimers.insert(moment, name)
        }
        return isFree
    }

    mutating func tokensCame(_ now: Now) {
        while let first = self.tokenTimers.first, first.moment <= now.monotonic {
            _ = self.tokenTimers.removeFirst()
            guard self.functions[first.value]?.tokenAt == first.moment else { continue }
            self.functions[first.value]!.tokenAt = nil
            self.freed.append(first.value)
        }
    }

    // MARK: - Job servers

    /// Whether a task has to wait before its job is submitted: its policy wants to know of missing workers, or it may
    /// expire, and nobody takes it back out of the queue of a job server.
    func mustAwaitWorker(_ run: TaskRun, _ now: Now) -> Bool {
        let definition = run.task.definition
        guard definition.retry.outcomes[.noWorker] != nil || definition.expiresAt != nil else { return false }
        let age = self.serversAskedAt.map { $0.duration(to: now.monotonic) }
        return self.servers == nil || age.map { $0 > .seconds(2) } ?? true || self.isWithoutWorker(run)
    }

    /// Whether no worker is known. If the job servers cannot say, the task goes to them; if none is there, it waits. If
    /// only some of them say something, a task that may expire goes by their word.
    private func isWithoutWorker(_ run: TaskRun) -> Bool {
        guard let servers = self.servers else { return !self.isConnected }
        let isTheirWordEnough = servers.isComplete || run.task.definition.expiresAt != nil
        return isTheirWordEnough && servers.functions[run.jobFunction]?.workers ?? 0 == 0
    }

    /// When the job servers are to be asked next; `nil`: nobody wants to know.
    var serversDue: MonotonicInstant? {
        guard !self.isAskingServers, self.phase == .running else { return nil }
        let isWanted = self.settings?.values.contains { $0.queueWatermark != nil } ?? false
        guard isWanted || !self.workerless.isEmpty else { return nil }
        guard let askedAt = self.serversAskedAt else { return MonotonicInstant(microseconds: .min) }
        return askedAt.advanced(by: self.wantsServers ? .milliseconds(100) : .seconds(1))
    }

    mutating func askServers(_ now: Now) -> Bool {
        guard let due = self.serversDue, due <= now.monotonic else { return false }
        self.isAskingServers = true
        self.wantsServers = false
        self.serversAskedAt = now.monotonic
        return true
    }
}
