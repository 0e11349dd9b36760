internal import GearclockCore
internal import GearclockWorker
internal import Gearman
internal import Logging

/// Somebody who submits tasks and asks about them, by a real Gearman client.
struct ServiceClient {
    let process: SimulatedProcess
    let client: GearmanClient
}

/// A submission, repeated until it is answered.
struct ServiceRequest {
    let client: Int
    let tasks: [TaskTemplate]
    let hasOwnIDs: Bool
    /// More than one task, or one in an array.
    let isBulk: Bool
    var tries = 0
    var isOver = false
}

extension ServiceWorld {
    func addClient() {
        let machine = self.nodes.count + self.targets.count + self.clients.count
        let process = self.makeProcess(clock: self.makeClock())
        let client = GearmanClient(
            servers: ServiceJobServer.addresses(count: self.swarm.servers),
            eventLoop: self.eventLoop(of: process, machine: machine),
            logger: Logger(label: "simulation", factory: { _ in SwiftLogNoOpLogHandler() }))
        self.clients.append(ServiceClient(process: process, client: client))
    }

    func endClient(_ client: Int) {
        let (process, connection) = (self.clients[client].process, self.clients[client].client)
        self.endStreams(of: process.number, noticedWithin: 0)
        self.start("end of client \(client)", on: process) { await connection.close() }
    }

    func planRequests() {
        var count = 0
        for index in 0..<self.swarm.requests {
            var dice = Dice(seed: self.seed, .request, index)
            let isMade = self.course.requests?.contains(index) ?? true
            let hasOwnIDs = dice.chance(0.6)
            let size = dice.chance(0.7) ? 1 : 1 + dice.below(5)
            let tasks = (1...size).map { position in
                TaskTemplate(
                    number: count + position, hasOwnID: hasOwnIDs, swarm: self.swarm, &dice,
                    strikes: { isMade && self.strikes($0) })
            }
            count += tasks.count
            self.requests.append(
                ServiceRequest(
                    client: dice.below(self.clients.count), tasks: tasks, hasOwnIDs: hasOwnIDs,
                    isBulk: size > 1 || dice.chance(0.1), isOver: !isMade))
            self.schedule(at: dice.between(1000, self.swarm.horizon * 4 / 5)) { $0.submit(index) }
        }
    }

    // MARK: - Submissions

    private func submit(_ index: Int) {
        guard !self.requests[index].isOver else { return }
        self.requests[index].tries += 1
        let (request, attempt) = (self.requests[index], self.requests[index].tries)
        for task in request.tasks {
            if let id = task.ownID { self.ledger.repeated(id) }
        }
        self.note(
            "submits request \(index): \(request.tasks.map { "T\($0.number)" }.story)", by: .client(request.client))
        let workload = JSONWriter.bytes(of: request)
        let (process, client) = (self.clients[request.client].process, self.clients[request.client].client)
        self.start("request \(index)", on: process) {
            let answer = await client.answer(to: .submit, workload)
            self.enter { $0.answered(index, attempt, answer) }
        }
    }

    private func answered(_ index: Int, _ attempt: Int, _ answer: Result<JSONValue, ClientFailure>) {
        guard !self.isOver, self.requests[index].tries == attempt else { return }
        self.ledger.now = self.trueNow
        let request = self.requests[index]
        let verdicts = self.verdicts(on: request, answer)
        self.note("hears of request \(index): \(verdicts.map { "\($0)" }.story)", by: .client(request.client))
        for (task, verdict) in zip(request.tasks, verdicts) {
            self.ledger.heard(self.ledger.index(of: verdict.id ?? task.ownID), verdict)
        }
        // All of them go one way, because they are stored together.
        switch verdicts[0] {
        case .stored:
            self.requests[index].isOver = true
        case .denied, .unsent:
            self.repeatLater(index)
        case .unknown:
            // Without ids of its own, a repetition might store the tasks twice.
            if request.hasOwnIDs { self.repeatLater(index) } else { self.requests[index].isOver = true }
        }
    }

    private func repeatLater(_ index: Int) {
        self.schedule(after: self.dice.between(10_000, 2_000_000)) { $0.submit(index) }
    }

    private func verdicts(
        on request: ServiceRequest, _ answer: Result<JSONValue, ClientFailure>
    ) -> [SubmissionVerdict] {
        switch answer {
        case .success(.array(let answers)) where request.isBulk && answers.count == request.tasks.count:
            return answers.map(SubmissionVerdict.init)
        case .success(let answer) where !request.isBulk:
            return [SubmissionVerdict(answer)]
        case .success(let answer):
            self.ledger.fail("A submission of \(request.tasks.count) tasks is answered by \(answer)")
            return request.tasks.map { _ in .unknown }
        case .failure(let failure):
            return request.tasks.map { _ in failure.verdict }
        }
    }

    // MARK: - Other questions

    /// Asks once more when nobody knows whether it was heard.
    func ask(_ function: IntakeFunction, about id: TaskID, by number: Int) {
        let (process, client) = (self.clients[number].process, self.clients[number].client)
        self.start("\(function) of \(id)", on: process) {
            let answer = await client.answer(to: function, Array("{\"id\":\"\(id)\"}".utf8))
            self.enter { world in
                guard !world.isOver else { return }
                switch answer {
                case .success(let answer): world.checkAnswer(answer, to: function, about: id)
                case .failure: world.schedule(after: 500_000) { $0.ask(function, about: id, by: number) }
                }
            }
        }
    }
}

/// What a client learns about one of its tasks.
enum SubmissionVerdict: Equatable {
    case stored(TaskID, isFinal: Bool)
    /// A daemon says that it is not stored.
    case denied
    /// No daemon has heard of it.
    case unsent
    case unknown

    var id: TaskID? {
        switch self {
        case .stored(let id, _): id
        case .denied, .unsent, .unknown: nil
        }
    }

    /// Reads a receipt, or an error.
    init(_ answer: JSONValue) {
        let object = answer.object
        if let text = object?["id"]?.stringBytes, object?["stored"] == .text("yes"),
            let id = TaskID(String(decoding: text, as: UTF8.self))
        {
            let state = object?["state"]?.stringBytes.map { String(decoding: $0, as: UTF8.self) }
            self = .stored(id, isFinal: state.flatMap(TaskState.init(name:))?.isFinal ?? false)
        } else {
            let error = object?["error"]?.object ?? object
            self = error?["stored"] == .text("no") ? .denied : .unknown
        }
    }
}

/// Why a client has no answer.
struct ClientFailure: Error {
    let verdict: SubmissionVerdict
    /// What the worker daemon says.
    var code: String?
}

extension GearmanClient {
    /// - Returns: the answer of a worker daemon, or what its failure, or that of the way to it, means.
    @concurrent
    func answer(to function: IntakeFunction, _ workload: [UInt8]) async -> Result<JSONValue, ClientFailure> {
        do {
            let bytes = try await self.perform(GearmanJobRequest(function: function.rawValue, workload: workload))
            if bytes.isEmpty { return .success(.null) }
            return .success(try JSONParser.parse(bytes))
        } catch let error as GearmanError where error.code == .jobFailed {
            let warning = error.warnings.first.flatMap { try? JSONParser.parse($0) }
            return .failure(
                ClientFailure(
                    verdict: warning.map(SubmissionVerdict.init) ?? .unknown, code: warning?.object?.text("code")))
        } catch let error as GearmanError where error.code == .notConnected {
            return .failure(ClientFailure(verdict: .unsent))
        } catch {
            return .failure(ClientFailure(verdict: .unknown))
        }
    }
}

extension Ledger {
    fileprivate func index(of id: TaskID?) -> Int? { id.flatMap { self.index(of: $0) } }

    /// A client submits a task that may be stored already.
    fileprivate func repeated(_ id: TaskID) {
        guard let index = self.index(of: id) else { return }
        self[index].submissions += 1
        self[index].isDenied = false
    }

    /// A client hears of its submission.
    fileprivate func heard(_ index: Int?, _ verdict: SubmissionVerdict) {
        switch verdict {
        case .stored(let id, let isFinal):
            guard let index else { return self.fail("\(id) is acknowledged and was never stored", breaks: .stored) }
            let receipt = Receipt(
                id: id, store: "main", nodes: [], dueAt: .epoch, duplicate: isFinal ? .completed : nil)
            self.answered([index], [.success(receipt)])
        case .denied:
            // Nothing is known of it if no daemon got as far as the store.
            guard let index else { return }
            self.answered([index], [.failure(TaskError(.storeUnavailable, ""))])
        case .unsent, .unknown:
            break
        }
    }
}
