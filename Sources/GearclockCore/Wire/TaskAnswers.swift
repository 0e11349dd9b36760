/// The answers of `gearclock_get`, `_list`, `_cancel` and `_stats`.
package enum TaskAnswers {
    /// One task as it was asked for by one id; `not_found` where there is none.
    package static func record(_ record: TaskRecord?) -> Result<[UInt8], TaskError> {
        guard let record else { return .failure(Self.notFound) }
        var writer = JSONWriter()
        record.write(to: &writer)
        return .success(writer.bytes)
    }

    /// Several tasks as they were asked for: a record, or `{"id", "error": …}`, for each id, in their order.
    package static func records(_ records: [TaskRecord?], of ids: [TaskID]) -> [UInt8] {
        var writer = JSONWriter()
        writer.array { writer in
            for (id, record) in zip(ids, records) {
                if let record { record.write(to: &writer) } else { Self.writeNotFound(id, to: &writer) }
            }
        }
        return writer.bytes
    }

    /// A page: `{"tasks": […], "next": id?}`. With `next` as `after` the following page is asked for.
    package static func list(_ records: [TaskRecord], limit: Int) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("tasks")
            writer.array { writer in
                for record in records { record.write(to: &writer, withPayload: false) }
            }
            if records.count >= limit, let last = records.last { writer.member("next", last.id.description) }
        }
        return writer.bytes
    }

    /// What became of one cancellation; `not_found` where there is no such task.
    package static func cancelled(_ outcome: CancelOutcome, _ id: TaskID) -> Result<[UInt8], TaskError> {
        if case .notFound = outcome { return .failure(Self.notFound) }
        var writer = JSONWriter()
        Self.write(outcome, id, to: &writer)
        return .success(writer.bytes)
    }

    /// What became of several: `{"id","result","state"?}`, or `{"id","error"}`, for each id, in their order.
    ///
    /// The results: `cancelled`; `cancelled_while_running`, where the current attempt may still end; and
    /// `already_final`, with the state.
    package static func cancelled(_ outcomes: [CancelOutcome], of ids: [TaskID]) -> [UInt8] {
        var writer = JSONWriter()
        writer.array { writer in
            for (id, outcome) in zip(ids, outcomes) { Self.write(outcome, id, to: &writer) }
        }
        return writer.bytes
    }

    /// `{"stores": [{"store", "scheduled", …, "overdue", "oldest_due_at"?}]}`
    package static func stats(_ counts: [(store: String, counts: TaskCounts)]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("stores")
            writer.array { writer in
                for (store, counts) in counts {
                    writer.object { writer in
                        writer.member("store", store)
                        counts.write(to: &writer)
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func write(_ outcome: CancelOutcome, _ id: TaskID, to writer: inout JSONWriter) {
        let result: String
        var state: TaskState?
        switch outcome {
        case .cancelled: result = "cancelled"
        case .cancelledWhileRunning: result = "cancelled_while_running"
        case .alreadyFinal(let reached): (result, state) = ("already_final", reached)
        case .notFound: return Self.writeNotFound(id, to: &writer)
        }
        writer.object { writer in
            writer.member("id", id.description)
            writer.member("result", result)
            if let state { writer.member("state", state.name) }
        }
    }

    private static func writeNotFound(_ id: TaskID, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", id.description)
            writer.name("error")
            Self.notFound.write(to: &writer)
        }
    }

    private static let notFound = TaskError(
        .notFound, "There is no such task: it never was, or it is over and no longer kept", field: "id")
}

extension TaskRecord {
    /// The task as JSON: times in ISO 8601, spans in seconds; bytes as text if they are UTF-8, else as `…_base64`.
    ///
    /// - Parameter withPayload: lists go without payload, document and history.
    func write(to writer: inout JSONWriter, withPayload: Bool = true) {
        let definition = self.definition
        writer.object { writer in
            writer.member("id", self.id.description)
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
            writer.member("started_at", self.startedAt)
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
        }
    }
}
