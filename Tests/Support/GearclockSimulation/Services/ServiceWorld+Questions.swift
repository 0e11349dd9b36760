internal import GearclockCore
internal import GearclockWorker

/// What clients ask, and the audit of what they are answered. It is compared with the account as it was when they asked
/// and as it is when they hear the answer: what held at both moments must be in it.
extension ServiceWorld {
    func planQuestions() {
        for number in 0..<self.swarm.services.questions {
            var dice = Dice(seed: self.seed, .question, number)
            self.schedule(at: dice.between(1000, self.swarm.horizon)) { $0.question(number) }
        }
    }

    private func question(_ number: Int) {
        guard self.phase != .stopping, !self.ledger.entries.isEmpty else { return }
        var dice = Dice(seed: self.seed, .question, number, 1)
        let index = dice.below(self.ledger.entries.count)
        let known = self.ledger.entries.indices.filter { self.isKept($0) }
        let client = dice.below(self.clients.count)
        switch dice.below(3) {
        case 0:
            let id = self.ledger[index].id
            self.ask(.get, "\"\(id)\"", by: client) { $0.checkRecord($1, of: index, wasKept: known.contains(index)) }
        case 1:
            let function = self.ledger[index].function
            let listed = known.filter { self.ledger[$0].function == function }
            self.ask(.list, "{\"function\":\"\(function)\",\"limit\":1000}", by: client) {
                $0.checkList($1, of: function, listed)
            }
        default:
            self.ask(.stats, "{}", by: client) { $0.checkCounts($1, known) }
        }
    }

    /// Whether it was acknowledged, and is stored.
    private func isKept(_ index: Int) -> Bool {
        self.ledger[index].isAcknowledged && self.ledger[index].shadow != nil && !self.ledger[index].isRevived
    }

    private func ask(
        _ function: IntakeFunction, _ workload: String, by number: Int,
        _ check: @escaping @Sendable (isolated ServiceWorld, Result<JSONValue, ClientFailure>) -> Void
    ) {
        let (process, client) = (self.clients[number].process, self.clients[number].client)
        self.start("question \(workload)", on: process) {
            let answer = await client.answer(to: function, Array(workload.utf8))
            self.enter { world in
                guard !world.isOver else { return }
                world.note("asks for \(function) \(workload): \(answer.story)", by: .client(number))
                check(world, answer)
            }
        }
    }

    // MARK: - The audit

    private func checkRecord(_ answer: Result<JSONValue, ClientFailure>, of index: Int, wasKept: Bool) {
        let name = self.ledger.name(index)
        switch answer {
        case .success(let record):
            guard let state = record.object?.text("state").flatMap(TaskState.init(name:)) else {
                return self.ledger.fail("A record of \(name) has no state")
            }
            self.checkEnd(index, state)
        case .failure(let failure):
            guard failure.code == "not_found", wasKept, self.isKept(index) else { return }
            self.ledger.fail("\(name) is stored, and is not found", breaks: .stored)
        }
    }

    private func checkList(_ answer: Result<JSONValue, ClientFailure>, of function: FunctionName, _ known: [Int]) {
        guard case .success(let page) = answer else { return }
        guard case .array(let tasks)? = page.object?["tasks"] else { return self.ledger.fail("A list without tasks") }
        let listed = Set(
            tasks.compactMap { $0.object?.text("id").flatMap(TaskID.init).flatMap { self.ledger.index(of: $0) } })
        if listed.count != tasks.count || listed.contains(where: { self.ledger[$0].function != function }) {
            self.ledger.fail("A list of \(function) has other tasks")
        }
        for index in known where self.isKept(index) && !listed.contains(index) {
            self.ledger.fail("\(self.ledger.name(index)) is missing in a list")
        }
    }

    private func checkCounts(_ answer: Result<JSONValue, ClientFailure>, _ known: [Int]) {
        guard case .success(let stats) = answer else { return }
        guard case .array(let stores)? = stats.object?["stores"], let counts = stores.first?.object else {
            return self.ledger.fail("Counts without a store")
        }
        // Of a store that did not answer there are none.
        if counts["error"] != nil { return }
        let sum = TaskState.allCases.reduce(0) { $0 + (counts.number($1.name) ?? 0) }
        let least = known.count { self.isKept($0) }
        let most = self.ledger.entries.count { $0.wasStored }
        if !(least...most).contains(sum) {
            self.ledger.fail("\(sum) tasks are counted, of at least \(least) and at most \(most)")
        }
    }

    /// The answer to a cancellation.
    func checkAnswer(_ answer: JSONValue, to function: IntakeFunction, about id: TaskID) {
        guard function == .cancel, let index = self.ledger.index(of: id) else { return }
        let state = answer.object?.text("state").flatMap(TaskState.init(name:))
        switch (answer.object?.text("result"), state) {
        case ("cancelled", _), ("cancelled_while_running", _): self.checkEnd(index, .cancelled)
        case ("already_final", let state?): self.checkEnd(index, state)
        case (_, _): self.ledger.fail("The cancellation of \(self.ledger.name(index)) is answered by \(answer)")
        }
    }

    private func checkEnd(_ index: Int, _ state: TaskState) {
        let entry = self.ledger[index]
        guard state.isFinal, !entry.isRevived, entry.end != state else { return }
        let end = entry.end.map { "\($0)" } ?? "nothing final"
        self.ledger.fail("\(self.ledger.name(index)) is said to be \(state), and is \(end)")
    }
}

extension JSONObject {
    func text(_ name: StaticString) -> String? { self[name]?.stringBytes.map { String(decoding: $0, as: UTF8.self) } }

    fileprivate func number(_ name: String) -> Int? {
        let member = self.members.first { $0.name.elementsEqual(name.utf8) }
        guard case .number(let number)? = member?.value else { return nil }
        return Int(number)
    }
}

extension Result<JSONValue, ClientFailure> {
    fileprivate var story: String {
        switch self {
        case .success: "answered"
        case .failure(let failure): failure.code ?? "no answer"
        }
    }
}
