internal import CoreMetrics
internal import DispatchExecutor

/// What handlers have done, on its way to the event loop.
struct EndedJobs: Sendable {
    var replies: [GearmanJobReply] = []
    /// For each job its server, and whether it is to be given back.
    var jobs: [(server: Int, isGivenBack: Bool)] = []
}

// The handler form, over the pipelined one.
extension GearmanWorker {
    /// Works until the task is cancelled or ``drain()`` is called: then it takes no more jobs, finishes those in hand,
    /// and closes.
    ///
    /// Handlers are child tasks, so they notice a cancellation. A handler that ends with a `CancellationError` then
    /// gives its job back to the server. Call ``drain()`` instead to let handlers finish undisturbed.
    ///
    /// A worker runs once. If ``drain()`` came first, this returns at once.
    ///
    /// - Throws: ``GearmanError``: `invalidRequest` if a function's name or the client ID is impossible, `closed` if
    ///   the worker runs or ran already. An `async let` tells of that only where it is awaited.
    @concurrent
    public nonisolated func run() async throws {
        guard let functions = try await self.begin() else { return }
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                while true {
                    let batches = await withCheckedContinuation { continuation in
                        self.executor.execute { self.enter { $0.inbox.read(continuation) } }
                    }
                    if batches.isEmpty { break }
                    // The tasks are made here, not on the event loop, so that their memory is used where it was used.
                    for job in batches.lazy.joined() {
                        let function = functions[job.function]
                        group.addTask { await self.run(job, function) }
                    }
                }
                // The connections are closed: whatever still runs has nobody to answer.
                group.cancelAll()
            }
        } onCancel: {
            self.executor.execute { self.enter { $0.startDraining() } }
        }
    }

    /// - Returns: what is registered; nil if the worker is closed already.
    private func begin() throws -> [[UInt8]: RegisteredFunction]? {
        try self.configuration.validate(functions: self.functions)
        guard !self.hasRun else { throw GearmanError(.closed, "A worker runs once") }
        self.hasRun = true
        guard !self.isClosed else { return nil }
        self.start()
        return self.registered
    }

    private nonisolated func run(_ job: GearmanAssignedJob, _ function: RegisteredFunction?) async {
        let start = self.executor.now
        let end = await Self.end(of: job, function?.handler)
        function?.time.recordNanoseconds(start.duration(to: self.executor.now).clampedNanoseconds)
        let isFirst = self.endedJobs.post { ended in
            for text in end.warnings { ended.replies.append(GearmanJobReply(job: job.id, result: .warning(text))) }
            if let result = end.result { ended.replies.append(GearmanJobReply(job: job.id, result: result)) }
            ended.jobs.append((job.id.server, isGivenBack: end.result == nil))
        }
        if isFirst { self.executor.execute { self.enter { $0.replyToEndedJobs() } } }
    }

    /// How a job ended.
    private struct End {
        /// Nil: it is to be given back.
        var result: GearmanJobReply.Result?
        var warnings: [[UInt8]] = []
    }

    private static func end(of job: GearmanAssignedJob, _ handler: Handler?) async -> End {
        guard let handler else {
            return End(result: .exception(Array("This worker does not offer the function".utf8)))
        }
        do {
            let result = try await handler(job)
            let limit = job.worker.configuration.limits.payloadSizeBytes
            guard result.count <= limit else {
                let text = "The result has \(result.count) bytes, more than the worker's limit of \(limit)"
                return End(result: .fail, warnings: [Array(text.utf8)])
            }
            return End(result: .complete(result))
        } catch let failure as GearmanJobFailure {
            return End(result: .fail, warnings: failure.warnings)
        } catch is CancellationError where Task.isCancelled {
            return End(result: nil)
        } catch {
            return End(result: .exception(Array(String(describing: error).utf8)))
        }
    }

    private func replyToEndedJobs() {
        let ended = self.endedJobs.takeAll()
        self.reply(ended.replies)
        for (server, isGivenBack) in ended.jobs
        where self.inbox.jobEnded(at: server, isGivenBack: isGivenBack) {
            self.abandonJobs(of: server)
        }
    }
}
