internal import GearclockCore

/// What a client wants stored.
struct TaskTemplate {
    /// T1, T2 … in stories.
    let number: Int
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
    /// Each request has dice of its own: it stays as it is when others are left out.
    mutating func plan(_ clients: [Int]) {
        var count = 0
        for index in 0..<self.swarm.requests {
            var dice = Dice(seed: self.seed, .request, index)
            let isMade = self.course.requests?.contains(index) ?? true
            let hasOwnIDs = dice.chance(0.6)
            let tasks = (1...(dice.chance(0.7) ? 1 : 1 + dice.below(5))).map { position in
                self.drawTemplate(count + position, hasOwnIDs: hasOwnIDs, isMade: isMade, &dice)
            }
            count += tasks.count
            self.requests.append(
                ClientRequest(client: dice.pick(clients), tasks: tasks, hasOwnIDs: hasOwnIDs, isOver: !isMade))
            self.schedule(.clientSubmits(index), after: dice.between(1000, self.swarm.horizon * 4 / 5))
        }
    }

    private mutating func drawTemplate(
        _ number: Int, hasOwnIDs: Bool, isMade: Bool, _ dice: inout Dice
    ) -> TaskTemplate {
        let task = TaskTemplate(number: number, hasOwnID: hasOwnIDs, swarm: self.swarm, &dice) {
            isMade && self.strikes($0)
        }
        if task.isCancelled { self.note("will cancel T\(number)", FaultName(.cancel, number)) }
        if task.isCustom { self.note("T\(number) is for a custom controller", FaultName(.custom, number)) }
        return task
    }

    /// Functions are named by one letter.
    static func functionName(_ number: Int) -> FunctionName {
        FunctionName([UInt8(97 + number)])!
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
        let request = self.requests[index]
        self.note(
            "submits request \(index) on connection \(connection): \(request.tasks.map { "T\($0.number)" }.story)",
            by: self.endpoints[request.client].owner.actor)
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

extension TaskTemplate {
    /// - Parameter strikes: whether a fault that is drawn strikes.
    init(
        number: Int, hasOwnID: Bool, swarm: Swarm, _ dice: inout Dice, strikes: (FaultName) -> Bool
    ) {
        let isCustom = dice.chance(swarm.customs) && strikes(FaultName(.custom, number))
        let isCancelled = dice.chance(swarm.cancels) && strikes(FaultName(.cancel, number))
        self.init(
            number: number,
            ownID: hasOwnID ? TaskID(high: dice.next(), low: dice.next()) : nil,
            function: World.functionName(dice.below(swarm.functions)), priority: dice.pick(TaskPriority.allCases),
            after: dice.chance(0.4) ? .zero : .microseconds(dice.between(0, 10_000_000)),
            expiresAfter: dice.chance(0.1) ? .microseconds(dice.between(1000, 10_000_000)) : nil,
            timeout: dice.chance(0.15) ? .microseconds(dice.between(10_000, 5_000_000)) : nil,
            retry: Self.drawOutcomes(Self.drawRetry(isCustom: isCustom, &dice), &dice),
            retain: hasOwnID ? .seconds(3600) : dice.pick([.zero, .seconds(2)]),
            isCustom: isCustom, isCancelled: isCancelled)
    }

    private static func drawRetry(isCustom: Bool, _ dice: inout Dice) -> RetryPolicy {
        let attempts: UInt32? = dice.chance(0.3) ? nil : UInt32(1 + dice.below(5))
        if isCustom {
            return RetryPolicy(maxAttempts: attempts, backoff: .rounds(immediate: 0, pause: .seconds(3)))
        }
        switch dice.below(5) {
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

    private static func drawOutcomes(_ policy: RetryPolicy, _ dice: inout Dice) -> RetryPolicy {
        var policy = policy
        guard dice.chance(0.2) else { return policy }
        for kind in OutcomePolicy.Kind.allCases where dice.chance(0.4) {
            policy.outcomes[kind] = dice.pick(OutcomePolicy.Treatment.allCases)
        }
        return policy
    }
}
