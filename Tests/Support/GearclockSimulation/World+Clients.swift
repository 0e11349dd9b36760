internal import GearclockCore

/// What a client wants stored.
struct TaskTemplate {
    /// A client that chooses the id may repeat its submission.
    var ownID: TaskID?
    var function: FunctionName
    var priority: TaskPriority
    var after: Duration
    var expiresAfter: Duration?
    var timeout: Duration?
    var retry: RetryPolicy
    var retain: Duration
    var isCustom: Bool
    var isCancelled: Bool

    static let customController = FunctionName("custom")!

    func definition(id: TaskID, ledger index: Int, now: Timestamp) -> TaskDefinition {
        let dueAt = now.advanced(by: self.after)
        let payload = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: index >> $0) }
        return TaskDefinition(
            id: id, function: self.function, payload: payload, priority: self.priority, dueAt: dueAt, createdAt: now,
            expiresAt: self.expiresAfter.map { dueAt.advanced(by: $0) }, timeout: self.timeout, retry: self.retry,
            retain: self.retain,
            gearsloth: self.isCustom ? GearslothPart(controller: Self.customController, document: []) : nil)
    }
}

/// A submission, repeated until it is answered.
struct ClientRequest {
    let client: Int
    let tasks: [TaskTemplate]
    let hasOwnIDs: Bool
    var tries = 0
    /// The connection over which the latest try went.
    var connection: ConnectionID?
    var isOver = false
}

extension World {
    mutating func plan(_ clients: [Int]) {
        for index in 0..<self.swarm.requests {
            let hasOwnIDs = self.dice.chance(0.6)
            let tasks = (0..<(self.dice.chance(0.7) ? 1 : 1 + self.dice.below(5))).map { _ in
                self.drawTemplate(hasOwnIDs: hasOwnIDs)
            }
            self.requests.append(ClientRequest(client: self.dice.pick(clients), tasks: tasks, hasOwnIDs: hasOwnIDs))
            self.schedule(.clientSubmits(index), after: self.dice.between(1000, self.swarm.horizon * 4 / 5))
        }
    }

    private mutating func drawTemplate(hasOwnIDs: Bool) -> TaskTemplate {
        let letter = UInt8(97 + self.dice.below(self.swarm.functions))
        let isCustom = self.dice.chance(self.swarm.customs)
        return TaskTemplate(
            ownID: hasOwnIDs ? TaskID(high: self.dice.next(), low: self.dice.next()) : nil,
            function: FunctionName([letter])!, priority: self.dice.pick(TaskPriority.allCases),
            after: self.dice.chance(0.4) ? .zero : .microseconds(self.dice.between(0, 10_000_000)),
            expiresAfter: self.dice.chance(0.1) ? .microseconds(self.dice.between(1000, 10_000_000)) : nil,
            timeout: self.dice.chance(0.15) ? .microseconds(self.dice.between(10_000, 5_000_000)) : nil,
            retry: self.drawOutcomes(self.drawRetry(isCustom: isCustom)),
            retain: hasOwnIDs ? .seconds(3600) : self.dice.pick([.zero, .seconds(2)]),
            isCustom: isCustom, isCancelled: self.dice.chance(self.swarm.cancels))
    }

    private mutating func drawRetry(isCustom: Bool) -> RetryPolicy {
        let attempts: UInt32? = self.dice.chance(0.3) ? nil : UInt32(1 + self.dice.below(5))
        if isCustom {
            return RetryPolicy(maxAttempts: attempts, backoff: .rounds(immediate: 0, pause: .seconds(3)))
        }
        switch self.dice.below(5) {
        case 0: return RetryPolicy(maxAttempts: attempts, backoff: .list([.zero]))
        case 1:
            return RetryPolicy(maxAttempts: attempts, backoff: .list([.milliseconds(100), .seconds(3)]), jitter: 0.5)
        case 2: return RetryPolicy(maxAttempts: attempts, backoff: .linear(initial: .seconds(1), longest: .seconds(3)))
        case 3: return RetryPolicy(maxAttempts: attempts, backoff: .rounds(immediate: 2, pause: .seconds(2)))
        default:
            let backoff = RetryPolicy.Backoff.exponential(initial: .milliseconds(50), factor: 3, longest: .seconds(10))
            return RetryPolicy(maxAttempts: attempts, backoff: backoff, jitter: 0.1)
        }
    }

    private mutating func drawOutcomes(_ policy: RetryPolicy) -> RetryPolicy {
        var policy = policy
        guard self.dice.chance(0.2) else { return policy }
        for kind in OutcomePolicy.Kind.allCases where self.dice.chance(0.4) {
            policy.outcomes[kind] = self.dice.pick(OutcomePolicy.Treatment.allCases)
        }
        return policy
    }

    // MARK: - Events

    mutating func clientSubmits(_ index: Int) {
        guard !self.requests[index].isOver else { return }
        let connections = self.open(self.requests[index].client)
        guard !connections.isEmpty else { return self.schedule(.clientSubmits(index), after: 200_000) }
        self.requests[index].tries += 1
        let attempt = self.requests[index].tries
        let connection = self.dice.pick(connections)
        self.requests[index].connection = connection
        let job = SubmittedJob(
            function: .submit, unique: Array("\(index)-\(attempt)".utf8), priority: .normal, isBackground: false,
            workload: .submission(index))
        self.send(.submit(job, .submission(index, try: attempt)), on: connection)
    }

    mutating func submitterReceived(_ message: EndpointMessage, on connection: ConnectionID) {
        guard case .ended(.submission(let index, let attempt), .stored(_, let results)) = message else { return }
        guard self.requests[index].tries == attempt, !self.requests[index].isOver else { return }
        // All of them go one way, because they are stored together.
        switch results[0] {
        case .success:
            self.requests[index].isOver = true
        case .failure(let error) where error.stored == .no:
            self.repeatLater(index)
        case .failure:
            // Without ids of its own, a repetition might store the tasks twice.
            if self.requests[index].hasOwnIDs { self.repeatLater(index) } else { self.requests[index].isOver = true }
        }
    }

    mutating func submitterLost(_ connection: ConnectionID) {
        for index in self.requests.indices
        where self.requests[index].connection == connection && !self.requests[index].isOver {
            self.requests[index].connection = nil
            if self.requests[index].hasOwnIDs { self.repeatLater(index) } else { self.requests[index].isOver = true }
        }
    }

    private mutating func repeatLater(_ index: Int) {
        self.schedule(.clientSubmits(index), after: self.dice.between(10_000, 2_000_000))
    }

    mutating func clientCancels(_ index: Int) {
        self.ask(.cancel([self.ledger[index].id], removeAt: self.trueNow.advanced(by: .seconds(86_400))))
    }
}
