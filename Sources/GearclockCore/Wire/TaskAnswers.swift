/// The answers of `gearclock_get`, `_list`, `_cancel`, `_stats`, `_pause`, `_resume` and `_limits`.
package enum TaskAnswers {
    /// A task, and the name of the store that has it.
    package struct LocatedRecord: Equatable, Sendable {
        package var record: TaskRecord
        package var store: String

        package init(_ record: TaskRecord, store: String) {
            self.record = record
            self.store = store
        }
    }

    /// A store that did not answer, and why.
    package struct StoreFailure: Equatable, Sendable {
        package var store: String
        package var error: TaskError

        package init(store: String, error: TaskError) {
            self.store = store
            self.error = error
        }
    }

    /// There is no such task, neither in its home nor anywhere else.
    package static let notFound = TaskError(
        .notFound, "There is no such task: it never was, or it is over and no longer kept", field: "id")

    /// One task as it was asked for by one id.
    package static func record(_ located: LocatedRecord) -> [UInt8] {
        var writer = JSONWriter()
        located.record.write(to: &writer, store: located.store)
        return writer.bytes
    }

    /// Several tasks as they were asked for: a record, or `{"id", "error": …}`, for each id, in their order.
    package static func records(_ results: [Result<LocatedRecord, TaskError>], of ids: [TaskID]) -> [UInt8] {
        Self.array(results, of: ids) { located, _, writer in
            located.record.write(to: &writer, store: located.store)
        }
    }

    /// A page: `{"tasks": […], "next": id?, "errors": [{"store", "error": …}]?}`. With `next` as `after` the following
    /// page is asked for. Tasks of stores that did not answer are missing.
    package static func list(_ tasks: [LocatedRecord], limit: Int, failures: [StoreFailure] = []) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("tasks")
            writer.array { writer in
                for task in tasks { task.record.write(to: &writer, store: task.store, withPayload: false) }
            }
            if tasks.count >= limit, let last = tasks.last { writer.member("next", last.record.id.description) }
            guard !failures.isEmpty else { return }
            writer.name("errors")
            writer.array { writer in
                for failure in failures { Self.write(failure, to: &writer) }
            }
        }
        return writer.bytes
    }

    /// What became of one cancellation.
    package static func cancelled(_ outcome: CancelOutcome, _ id: TaskID) -> [UInt8] {
        var writer = JSONWriter()
        Self.write(outcome, id, to: &writer)
        return writer.bytes
    }

    /// What became of several: `{"id","result","state"?}`, or `{"id","error"}`, for each id, in their order.
    ///
    /// The results: `cancelled`; `cancelled_while_running`, where the current attempt may still end; and
    /// `already_final`, with the state.
    package static func cancelled(_ results: [Result<CancelOutcome, TaskError>], of ids: [TaskID]) -> [UInt8] {
        Self.array(results, of: ids) { outcome, id, writer in Self.write(outcome, id, to: &writer) }
    }

    /// `{"stores": [{"store", "scheduled", …, "overdue", "oldest_due_at"?}]}`; of a store that did not answer
    /// `{"store", "error": …}`.
    package static func stats(_ counts: [StoreReply<TaskCounts>]) -> [UInt8] {
        Self.stores(counts) { counts, writer in counts.write(to: &writer) }
    }

    /// `{"stores": [{"store", "functions": […]}]}`, each function as
    /// `{"function", "paused", "in_flight"?, "per_second"?, "queue_watermark"?}`; of a store that did not answer
    /// `{"store", "error": …}`.
    package static func settings(_ settings: [StoreReply<[FunctionSettings]>]) -> [UInt8] {
        Self.stores(settings) { settings, writer in
            writer.name("functions")
            writer.array { writer in
                for setting in settings { setting.write(to: &writer) }
            }
        }
    }

    /// What one of the stores answered.
    package typealias StoreReply<Success> = (store: String, reply: Result<Success, TaskError>)

    private static func stores<Success>(
        _ replies: [StoreReply<Success>], _ write: (Success, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("stores")
            writer.array { writer in
                for (store, reply) in replies {
                    switch reply {
                    case .success(let success):
                        writer.object { writer in
                            writer.member("store", store)
                            write(success, &writer)
                        }
                    case .failure(let error):
                        Self.write(StoreFailure(store: store, error: error), to: &writer)
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func array<Success>(
        _ results: [Result<Success, TaskError>], of ids: [TaskID],
        _ write: (Success, TaskID, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.array { writer in
            for (id, result) in zip(ids, results) {
                switch result {
                case .success(let success):
                    write(success, id, &writer)
                case .failure(let error):
                    writer.object { writer in
                        writer.member("id", id.description)
                        writer.name("error")
                        error.write(to: &writer)
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ failure: StoreFailure, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("store", failure.store)
            writer.name("error")
            failure.error.write(to: &writer)
        }
    }

    private static func write(_ outcome: CancelOutcome, _ id: TaskID, to writer: inout JSONWriter) {
        let result: String
        var state: TaskState?
        switch outcome {
        case .cancelled: result = "cancelled"
        case .cancelledWhileRunning: result = "cancelled_while_running"
        case .alreadyFinal(let reached): (result, state) = ("already_final", reached)
        case .notFound: preconditionFailure("What is not there has no outcome")
        }
        writer.object { writer in
            writer.member("id", id.description)
            writer.member("result", result)
            if let state { writer.member("state", state.name) }
        }
    }
}

extension TaskRecord {
    /// The task as JSON: times in ISO 8601, spans in seconds; bytes as text if they are UTF-8, else as `…_base64`.
    ///
    /// - Parameter withPayload: lists go without payload, document and history.
    func write(to writer: inout JSONWriter, store: String, withPayload: Bool = true) {
        let definition = self.definition
        writer.object { writer in
            writer.member("id", self.id.description)
            writer.member("store", store)
            writer.text(definition.function.bytes, "func_name", "func_name_base64")
            writer.member("state", self.state.name)
            writer.member("priority", definition.priority.name)
            writer.member("due_at", definition.dueAt)
            writer.member("created_at", definition.createdAt)
            if let time = definition.expiresAt { writer.member("expires_at", time) }
            if let timeout = definition.timeout { writer.member("timeout", timeout) }
            writer.member("attempt", self.attempt)
            writer.member("failures", self.failures)
            if let owner { writer.member("owner", owner.description) }
            if let leaseUntil { writer.member("lease_until", leaseUntil) }
            if let finishedAt { writer.member("finished_at", finishedAt) }
            if let removeAt { writer.member("kept_until", removeAt) }
            writer.name("retry")
            definition.retry.write(to: &writer)
            if let controller = definition.gearsloth?.controller {
                writer.text(controller.bytes, "controller", "controller_base64")
            }
            guard withPayload else { return }
            writer.text(definition.payload, "payload", "payload_base64")
            if let document = definition.gearsloth?.document { writer.text(document, "document", "document_base64") }
            writer.name("history")
            writer.array { writer in
                for attempt in self.history { attempt.write(to: &writer) }
            }
        }
    }
}

extension AttemptRecord {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("attempt", self.attempt)
            switch self.outcome {
            case .leaseExpired: writer.member("lease_until", self.startedAt)
            case .cancelled: writer.member("due_at", self.startedAt)
            case .failed, .exception, .timedOut, .handedOut, .lost, .noWorker, .expired:
                writer.member("started_at", self.startedAt)
            }
            writer.member("ended_at", self.endedAt)
            writer.member("outcome", self.outcome.name)
            // For people: cut to its limit it may end within a character.
            if !self.message.isEmpty { writer.member("message", String(decoding: self.message, as: UTF8.self)) }
        }
    }
}

extension RetryPolicy {
    /// In the fields of the native form; `rounds` is what gearsloth's fields become.
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            if let maxAttempts {
                writer.member("max_attempts", maxAttempts)
            } else {
                writer.member("max_attempts", "unlimited")
            }
            if let maxAge { writer.member("max_age", maxAge) }
            switch self.backoff {
            case .exponential(let initial, let factor, let longest):
                writer.member("backoff", "exponential")
                writer.member("initial", initial)
                writer.name("factor")
                writer.value(.number(factor))
                writer.member("max", longest)
            case .linear(let initial, let longest):
                writer.member("backoff", "linear")
                writer.member("initial", initial)
                writer.member("max", longest)
            case .list(let delays):
                writer.member("backoff", "list")
                writer.name("delays")
                writer.array { writer in
                    for delay in delays { writer.value(.number(delay.inSeconds)) }
                }
            case .rounds(let immediate, let pause):
                writer.member("backoff", "rounds")
                writer.member("immediate", immediate)
                writer.member("pause", pause)
            }
            writer.name("jitter")
            writer.value(.number(self.jitter))
            guard !self.outcomes.isUsual else { return }
            writer.name("outcomes")
            writer.object { writer in
                let text = { (kind: OutcomePolicy.Kind) in self.outcomes[kind]?.rawValue ?? "wait" }
                writer.member("fail", text(.fail))
                writer.member("exception", text(.exception))
                writer.member("timeout", text(.timeout))
                writer.member("lost", text(.lost))
                writer.member("no_worker", text(.noWorker))
            }
        }
    }
}

extension TaskCounts {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.member("scheduled", self.scheduled)
        writer.member("running", self.running)
        writer.member("completed", self.completed)
        writer.member("discarded", self.discarded)
        writer.member("cancelled", self.cancelled)
        writer.member("expired", self.expired)
        writer.member("overdue", self.overdue)
        if let oldestDue { writer.member("oldest_due_at", oldestDue) }
    }
}

extension FunctionSettings {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.text(self.function.bytes, "function", "function_base64")
            writer.member("paused", self.isPaused)
            if let inFlight { writer.member("in_flight", inFlight) }
            if let perThousandSeconds {
                writer.name("per_second")
                writer.value(.number(Double(perThousandSeconds) / 1000))
            }
            if let queueWatermark { writer.member("queue_watermark", queueWatermark) }
        }
    }
}

extension JSONWriter {
    /// Bytes as text if they are UTF-8, else in base64 under the other name.
    fileprivate mutating func text(_ bytes: [UInt8], _ name: StaticString, _ base64Name: StaticString) {
        if bytes.firstInvalidUTF8 == nil {
            self.name(name)
            self.value(.string(bytes))
        } else {
            self.member(base64Name, Base64.encode(bytes))
        }
    }
}

extension TaskState {
    package init?(name: String) {
        guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }

    /// The word for it in JSON and on the command line.
    package var name: String {
        switch self {
        case .scheduled: "scheduled"
        case .running: "running"
        case .completed: "completed"
        case .discarded: "discarded"
        case .cancelled: "cancelled"
        case .expired: "expired"
        }
    }
}

extension AttemptOutcome {
    /// The word for it in JSON.
    package var name: String {
        switch self {
        case .failed: "failed"
        case .exception: "exception"
        case .timedOut: "timed_out"
        case .handedOut: "handed_out"
        case .leaseExpired: "lease_expired"
        case .lost: "lost"
        case .noWorker: "no_worker"
        case .expired: "expired"
        case .cancelled: "cancelled"
        }
    }
}
