// Questions to the servers: status and echo.
extension GearmanClient {
    /// What the server that holds the job knows about it.
    ///
    /// - Throws: ``GearmanError``: `notConnected`, `connectionLost`, `timedOut`, `serverError`, and `invalidRequest`
    ///   for a handle of a server that this client does not know.
    public func status(of handle: GearmanJobHandle) async throws -> GearmanJobStatus {
        await self.decided()
        guard let index = self.servers.firstIndex(of: handle.server) else {
            throw GearmanError(.invalidRequest, "\(handle.server) is not among the client's job servers")
        }
        return try Self.status(await self.ask([(index, .handle(handle.inPlace))])[0])
    }

    /// What the servers know about the job with this unique ID.
    ///
    /// The answer of the server that the unique hashes to is needed; a job that was submitted while that server was
    /// away is found on the others.
    ///
    /// - Throws: ``GearmanError``: `notConnected`, `connectionLost`, `timedOut`, `serverError`, `invalidRequest`.
    public func status(ofUnique unique: [UInt8]) async throws -> GearmanJobStatus {
        try Self.status(await self.results(ofUniques: [unique])[0])
    }

    /// Has any one server send the same bytes back.
    ///
    /// - Throws: ``GearmanError``: `notConnected`, `connectionLost`, `timedOut`, `invalidRequest`.
    public func echo(_ bytes: [UInt8]) async throws -> [UInt8] {
        await self.decided()
        let index = self.router.conditions.firstIndex(of: .healthy) ?? 0
        switch await self.ask([(index, .echo(bytes))])[0] {
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

    private func results(ofUniques uniques: [[UInt8]]) async -> [ClientAnswer.Result?] {
        await self.decided()
        let orders = uniques.map { self.router.order(of: $0) }
        let count = self.connections.count
        let results = await self.ask(
            zip(uniques, orders).flatMap { unique, order in order.map { ($0, .unique(unique)) } })
        return uniques.indices.map { position in
            let answers = results[position * count..<(position + 1) * count]
            return answers.first { (try? Self.status($0))?.isKnown == true } ?? answers.first ?? nil
        }
    }

    /// Sends the questions, each to its server, and returns the answers in the same order. Nil: there is no connection.
    private func ask(
        _ questions: [(index: Int, subject: ClientQuestion.Subject)]
    ) async -> [ClientAnswer.Result?] {
        await withCheckedContinuation { continuation in
            let ids = self.questions.add(count: questions.count, continuation: continuation)
            var batches = [[ClientQuestion]](repeating: [], count: self.connections.count)
            var unanswerable: [ClientAnswer] = []
            for (id, question) in zip(ids, questions) {
                if self.connections.indices.contains(question.index), self.router.conditions[question.index] == .healthy
                {
                    batches[question.index].append(ClientQuestion(id: id, subject: question.subject))
                } else {
                    let error = GearmanError(.notConnected, "The job server cannot be reached")
                    unanswerable.append(ClientAnswer(id: id, result: .failed(error)))
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
