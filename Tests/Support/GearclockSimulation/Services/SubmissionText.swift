internal import GearclockCore

extension JSONWriter {
    /// A submission as a client writes it, in the native form.
    static func bytes(of request: ServiceRequest) -> [UInt8] {
        var writer = JSONWriter()
        if request.isBulk {
            writer.array { writer in for task in request.tasks { writer.write(task) } }
        } else {
            writer.write(request.tasks[0])
        }
        return writer.bytes
    }

    private mutating func write(_ task: TaskTemplate) {
        self.object { writer in
            if let id = task.ownID { writer.member("id", id.description) }
            writer.member("func_name", "\(task.function)")
            writer.member("payload", "\(task.number)")
            writer.member("priority", task.priority.name)
            if task.after > .zero { writer.member("after", task.after) }
            if let expiry = task.expiresAfter { writer.member("expires_after", task.after + expiry) }
            if let timeout = task.timeout { writer.member("timeout", timeout) }
            if task.isCustom { writer.member("controller", "\(TaskTemplate.customController)") }
            writer.write(task.retry, isCustom: task.isCustom)
        }
    }

    private mutating func write(_ policy: RetryPolicy, isCustom: Bool) {
        if case .rounds(let immediate, let pause) = policy.backoff {
            self.member("retry_count", immediate)
            if let attempts = policy.maxAttempts { self.member("runner_retry_count", attempts) }
            return self.member("runner_retry_timeout", pause)
        }
        self.name("retry")
        self.object { writer in
            if let attempts = policy.maxAttempts {
                writer.member("max_attempts", attempts)
            } else {
                writer.member("max_attempts", "unlimited")
            }
            writer.member("jitter", Duration.fromSeconds(policy.jitter))
            writer.write(policy.backoff)
            writer.write(policy.outcomes)
        }
    }

    private mutating func write(_ backoff: RetryPolicy.Backoff) {
        switch backoff {
        case .exponential(let initial, let factor, let longest):
            self.member("backoff", "exponential")
            self.member("initial", initial)
            self.member("factor", Duration.fromSeconds(factor))
            self.member("max", longest)
        case .linear(let initial, let longest):
            self.member("backoff", "linear")
            self.member("initial", initial)
            self.member("max", longest)
        case .list(let waits):
            self.member("backoff", "list")
            self.name("delays")
            self.array { writer in for wait in waits { writer.value(.number(wait.inSeconds)) } }
        case .rounds:
            preconditionFailure("gearsloth's form has fields of its own")
        }
    }

    private mutating func write(_ outcomes: OutcomePolicy) {
        self.name("outcomes")
        var object = JSONObject()
        for kind in OutcomePolicy.Kind.allCases {
            guard let treatment = outcomes[kind] else { continue }
            switch kind {
            case .fail: object["fail"] = .text(treatment.rawValue)
            case .exception: object["exception"] = .text(treatment.rawValue)
            case .timeout: object["timeout"] = .text(treatment.rawValue)
            case .lost: object["lost"] = .text(treatment.rawValue)
            case .noWorker: object["no_worker"] = .text(treatment.rawValue)
            }
        }
        self.value(.object(object))
    }
}
