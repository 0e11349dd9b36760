internal import DispatchExecutor

// Questions to the servers: status and echo.
extension GearmanClient {
    /// What the server that holds the job knows about it.
    ///
    /// - Throws: ``GearmanError``: `notConnected`, `connectionLost`, `timedOut`, `serverError`, `closed`, and
    ///   `invalidRequest` for a handle of a server that this client does not know; or `CancellationError`.
    public func status(of handle: GearmanJobHandle) async throws -> GearmanJobStatus {
        try await self.decidedUnlessCancelled()
        guard let index = self.servers.firstIndex(of: handle.server) else {
            throw GearmanError(.invalidRequest, "\(handle.server) is not among the client's job servers")
        }
        return try Self.status(await self.askUnlessCancelled([(index, .handle(handle.inPlace))])[0])
    }

    /// What the servers know about the job with this unique ID.
    ///
    /// The answer of the server that the unique hashes to is needed; a job that was submitted while that server was
    /// away is found on the others.
    ///
    /// - Throws: ``GearmanError``: `notConnected`, `connectionLost`, `timedOut`, `serverError`, `closed`,
    ///   `invalidRequest`; or `CancellationError`.
    public func status(ofUnique unique: [UInt8]) async throws -> GearmanJobStatus {
        try await self.decidedUnlessCancelled()
        let order = self.router.order(of: unique)
        let results = try await self.askUnlessCancelled(order.map { ($0, .unique(unique)) })
        let known = results.first { (try? Self.status($0))?.isKnown == true }
        return try Self.status(known ?? results.first ?? nil)
    }

    /// Has any one server send the same bytes back.
    ///
    /// - Throws: ``GearmanError``: `notConnected`, `connectionLost`, `timedOut`, `closed`, `invalidRequest`; or
    ///   `CancellationError`.
    public func echo(_ bytes: [UInt8]) async throws -> [UInt8] {
        try await self.decidedUnlessCancelled()
        guard let index = self.router.conditions.firstIndex(of: .healthy) else {
            throw self.unreachable(self.connections.indices)
        }
        switch try await self.askUnlessCancelled([(index, .echo(bytes))])[0] {
        case .echo(let bytes): return bytes
        case .failed(let error): throw error
        case .status, nil: throw GearmanError(.notConnected, "No job server can be reached")
        }
    }

    /// Where the jobs with these unique IDs are: one that runs goes before one that waits. Nil: no server knows the
    /// job, and one of them did not answer.
    package func locations(ofUniques uniques: [[UInt8]]) async -> [GearmanJobLocation?] {
        await self.decided()
        let servers = self.connections.indices
        let results = await self.ask(uniques.flatMap { unique in servers.map { ($0, .unique(unique)) } })
        return uniques.indices.map { position in
            let statuses = servers.map { try? Self.status(results[position * servers.count + $0]) }
            let place =
                servers.first { statuses[$0]?.isRunning == true } ?? servers.first { statuses[$0]?.isKnown == true }
            if let place, let status = statuses[place] {
                return GearmanJobLocation(status: status, server: self.servers[place])
            }
            guard let status = statuses.first ?? nil, !statuses.contains(nil) else { return nil }
            return GearmanJobLocation(status: status, server: nil)
        }
    }

    /// By handle, of jobs that were started by ``start(_:)``. Nil: the job's connection is gone, or did not answer.
    package func statuses(ofJobs ids: [UInt64]) async -> [GearmanJobStatus?] {
        await self.decided()
        // Each machine answers for its own jobs and refuses the others without a question to the server.
        let count = self.connections.count
        let results = await self.ask(ids.flatMap { id in (0..<count).map { ($0, .job(id)) } })
        return ids.indices.map { position in
            results[position * count..<(position + 1) * count].lazy.compactMap { try? Self.status($0) }.first
        }
    }

    private typealias Question = (index: Int, subject: ClientQuestion.Subject)

    private func askUnlessCancelled(_ questions: [Question]) async throws -> [ClientAnswer.Result?] {
        let ids = self.questions.makeIDs(count: questions.count)
        let results = await withTaskCancellationHandler {
            await self.ask(questions, ids, isCancellable: true)
        } onCancel: {
            self.executor.execute { self.enter { $0.questions.cancel(ids) } }
        }
        try Task.checkCancellation()
        return results
    }

    private func ask(_ questions: [Question]) async -> [ClientAnswer.Result?] {
        await self.ask(questions, self.questions.makeIDs(count: questions.count), isCancellable: false)
    }

    /// Sends the questions, each to its server, and returns the answers in the same order. Nil: there is no connection.
    private func ask(
        _ questions: [Question], _ ids: Range<UInt64>, isCancellable: Bool
    ) async -> [ClientAnswer.Result?] {
        await withCheckedContinuation { continuation in
            self.questions.add(ids, continuation: continuation)
            var batches = [[ClientQuestion]](repeating: [], count: self.connections.count)
            var unanswerable: [ClientAnswer] = []
            for (id, question) in zip(ids, questions) {
                if self.connections.indices.contains(question.index), self.router.conditions[question.index] == .healthy
                {
                    batches[question.index].append(ClientQuestion(id: id, subject: question.subject))
                } else {
                    let servers = self.connections.indices.contains(question.index) ? [question.index] : []
                    unanswerable.append(ClientAnswer(id: id, result: .failed(self.unreachable(servers))))
                }
            }
            self.questions.answered(unanswerable)
            for (index, batch) in batches.enumerated() where !batch.isEmpty {
                let room = self.room(at: index)
                guard
                    let actions = self.connections[index].machine?.questionsAsked(
                        batch, room: room, now: self.executor.now)
                else { continue }
                self.perform(actions, at: index, isCallback: false)
            }
            if isCancellable && Task.isCancelled { self.questions.cancel(ids) }
        }
    }

    private static func status(_ result: ClientAnswer.Result?) throws(GearmanError) -> GearmanJobStatus {
        switch result {
        case .status(let status): return status
        case .failed(let error): throw error
        case .echo, nil: throw GearmanError(.notConnected, "No job server can be reached")
        }
    }
}
