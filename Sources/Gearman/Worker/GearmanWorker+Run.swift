internal import CoreMetrics
internal import DispatchExecutor

/// A job of the handler form on its way to the event loop.
struct EndedJob: Sendable {
    let job: GearmanAssignedJobID
    /// None if it is to be given back.
    let replies: [GearmanJobReply.Result]
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
    public func run() async throws {
        try self.configuration.validate(functions: self.functions)
        guard !self.hasRun else { throw GearmanError(.closed, "A worker runs once") }
        self.hasRun = true
        guard !self.isClosed else { return }
        self.start()
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                while true {
                    let jobs = await withCheckedContinuation { self.inbox.read($0) }
                    if jobs.isEmpty && self.inbox.isClosed { break }
                    for job in jobs {
                        self.inbox.jobStarted(at: job.id.server)
                        let function = self.registered[job.function]
                        group.addTask {
                            let start = self.executor.now
                            let replies = await Self.run(job, function?.handler)
                            let time = start.duration(to: self.executor.now)
                            function?.time.recordNanoseconds(time.clampedNanoseconds)
                            self.post(EndedJob(job: job.id, replies: replies))
                        }
                    }
                }
                // The connections are closed: whatever still runs has nobody to answer.
                group.cancelAll()
            }
        } onCancel: {
            self.executor.execute { self.enter { $0.startDraining() } }
        }
    }

    /// - Returns: the replies to the job; none if it is to be given back.
    @concurrent
    private static func run(_ job: GearmanAssignedJob, _ handler: Handler?) async -> [GearmanJobReply.Result] {
        guard let handler else {
            return [.exception(Array("This worker does not offer the function".utf8))]
        }
        do {
            let result = try await handler(job)
            let limit = job.worker.configuration.limits.payloadSizeBytes
            guard result.count <= limit else {
                let text = "The result has \(result.count) bytes, more than the worker's limit of \(limit)"
                return [.warning(Array(text.utf8)), .fail]
            }
            return [.complete(result)]
        } catch let failure as GearmanJobFailure {
            return failure.warnings.map { .warning($0) } + [.fail]
        } catch is CancellationError where Task.isCancelled {
            return []
        } catch {
            return [.exception(Array(String(describing: error).utf8))]
        }
    }

    private nonisolated func post(_ job: EndedJob) {
        guard self.endedJobs.post(job) else { return }
        self.executor.execute { self.enter { $0.replyToEndedJobs() } }
    }

    private func replyToEndedJobs() {
        let jobs = self.endedJobs.takeAll()
        self.reply(jobs.flatMap { job in job.replies.map { GearmanJobReply(job: job.job, result: $0) } })
        for job in jobs where self.inbox.jobEnded(at: job.job.server, isGivenBack: job.replies.isEmpty) {
            self.abandonJobs(of: job.job.server)
        }
    }
}
