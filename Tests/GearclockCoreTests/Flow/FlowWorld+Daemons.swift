import GearclockCore

/// What the services do, without their failures.
extension FlowWorld {
    mutating func perform(_ actions: [DispatcherStateMachine.Action]) {
        for action in actions {
            switch action {
            case .askDueLanes:
                self.ask { $0.dispatcher.dueLanesReplied(.success($0.dueLanes), now: $0.now, using: &$0.random) }
            case .claimDue(let request):
                self.ask { world in
                    let tasks = world.claim(request)
                    return world.dispatcher.claimReplied(.success(tasks), now: world.now, using: &world.random)
                }
            case .rescueExpired:
                self.ask { $0.dispatcher.rescueReplied(.success(0), now: $0.now, using: &$0.random) }
            case .settle(let settlements):
                self.released += settlements.count
                self.ask { world in
                    for settlement in settlements { world.settle(settlement) }
                    let outcomes = settlements.map { _ in FencedOutcome.done }
                    return world.dispatcher.settleReplied(.success(outcomes), now: world.now, using: &world.random)
                }
            case .beat(let owner):
                self.ask { world in
                    let members = world.beat(owner, .dispatcher)
                    return world.dispatcher.beatReplied(.success(members), now: world.now, using: &world.random)
                }
            case .askSettings: self.ask { $0.dispatcher.settingsReplied(.success($0.settings), now: $0.now) }
            case .askClocks: self.ask { $0.dispatcher.clocksReplied(.success([]), now: $0.now) }
            case .handOver(let id, let tasks, let lane): self.handOver(id, tasks, in: lane)
            case .setTimer(let moment):
                self.setTimer(.dispatcher, moment) { $0.perform($0.dispatcher.timerFired(now: $0.now)) }
            case .offerRoom, .leave, .stopped: break
            }
        }
    }

    private mutating func ask(_ answer: @escaping @Sendable (inout FlowWorld) -> [DispatcherStateMachine.Action]) {
        self.after(Self.storeTime) { world in
            let actions = answer(&world)
            world.perform(actions)
        }
    }

    private mutating func ask(
        _ number: Int, _ answer: @escaping @Sendable (inout FlowWorld) -> [ControllerStateMachine.Action]
    ) {
        self.after(Self.storeTime) { world in
            let actions = answer(&world)
            world.perform(actions, number)
        }
    }

    /// By way of the job server, to any controller that takes it, and back.
    private mutating func handOver(_ id: UInt64, _ tasks: [ClaimedTask], in lane: Lane?) {
        self.handOvers += 1
        let cost = Self.handOverTime + 2 * Int64(tasks.count)
        self.at(.dispatcher, cost: cost) { world in
            world.at(.jobServer, cost: Self.handOverTime) { world in
                let able = world.served.indices.filter { lane == nil || world.served[$0].contains(lane!) }
                // Where nobody takes it, it stays.
                guard let number = able.randomElement(using: &world.random) else { return }
                world.at(.controller(number), cost: cost) { world in
                    let (answers, actions) = world.controllers[number].handedOver(tasks, now: world.now)
                    let accepted = answers.count { $0 == .accepted }
                    world.accepted += accepted
                    world.refused += answers.count - accepted
                    world.at(.jobServer, cost: Self.handOverTime) { world in
                        world.at(.dispatcher, cost: cost) { world in
                            let actions = world.dispatcher.handOverReplied(
                                id, .success(answers), now: world.now, using: &world.random)
                            world.perform(actions)
                        }
                    }
                    world.perform(actions, number)
                }
            }
        }
    }

    mutating func perform(_ actions: [ControllerStateMachine.Action], _ number: Int) {
        for action in actions {
            switch action {
            case .askStatus(let questions):
                self.at(.jobServer, cost: Self.handOverTime) { world in
                    for question in questions {
                        let status = ControllerStateMachine.JobStatus(isKnown: false, isRunning: false, clients: 0)
                        let actions = world.controllers[number].statusReplied(question.run, status, now: world.now)
                        world.perform(actions, number)
                    }
                }
            case .submit(let jobs):
                for job in jobs { self.at(.jobServer, cost: 5) { $0.submitted(job, number) } }
            case .extend(let claims, _):
                self.ask(number) { world in
                    let outcomes = claims.map { _ in FencedOutcome.done }
                    return world.controllers[number].extendReplied(
                        .success(outcomes), now: world.now, using: &world.random)
                }
            case .settle(let settlements):
                self.ask(number) { world in
                    for settlement in settlements { world.settle(settlement) }
                    let outcomes = settlements.map { _ in FencedOutcome.done }
                    return world.controllers[number].settleReplied(
                        .success(outcomes), now: world.now, using: &world.random)
                }
            case .beat:
                self.ask(number) { world in
                    let members = world.beat(world.controllers[number].owner, .controller)
                    return world.controllers[number].beatReplied(
                        .success(members), now: world.now, using: &world.random)
                }
            case .readSettings:
                self.ask(number) { $0.controllers[number].settingsReplied(.success($0.settings), now: $0.now) }
            case .serve(let lanes): self.served[number] = Set(lanes)
            case .setTimer(let moment):
                self.setTimer(.controller(number), moment) { world in
                    let actions = world.controllers[number].timerFired(now: world.now, using: &world.random)
                    world.perform(actions, number)
                }
            case .checkJobs, .abandon, .askServers, .leave, .stopped: break
            }
        }
    }

    // MARK: - Workers

    private mutating func submitted(_ job: ControllerStateMachine.JobSubmission, _ number: Int) {
        let lane = Lane(of: job.function)
        let dueAt = Timestamp(microseconds: Int64(String(decoding: job.payload, as: UTF8.self))!)
        self.functions[lane]!.latenesses.append(dueAt.duration(to: self.now.wall).microseconds)
        self.functions[lane]!.started += 1
        self.functions[lane]!.queued.append((number, job.run))
        self.work(lane)
    }

    private mutating func work(_ lane: Lane) {
        while let function = self.functions[lane], function.running < function.workers, !function.queued.isEmpty {
            let (number, run) = self.functions[lane]!.queued.removeFirst()
            self.functions[lane]!.running += 1
            self.after(function.duration) { world in
                world.functions[lane]!.running -= 1
                let actions = world.controllers[number].jobEnded(
                    run, .completed, now: world.now, using: &world.random)
                world.perform(actions, number)
                world.work(lane)
            }
        }
    }
}
