/// The names of fields in the native form.
enum NativeField {
    /// Refuses a name that is not understood, so that nothing a client asks for is ignored.
    static func check(_ name: [UInt8]) throws(TaskError) {
        let text = String(decoding: name, as: UTF8.self)
        if Self.known.contains(text) { return }
        if Self.unsupported.contains(text) {
            throw TaskError(.unsupportedField, "\(text) is not supported by this version", field: text)
        }
        // A name may be as long as a submission; an answer need not.
        let shown = String(text.prefix(100))
        let hint = Self.hints[text].map { "; did you mean \($0)?" } ?? ""
        throw TaskError(.unknownField, "There is no field \(shown)\(hint)", field: shown)
    }

    static let known: Set<String> = [
        "func_name", "func_name_base64", "at", "after", "payload", "payload_base64", "controller",
        "runner_retry_timeout",
        "runner_retry_count", "retry_count", "id", "priority", "retry", "timeout", "expires_at", "expires_after",
        "copies",
    ]

    /// Fields that are planned: their names are taken.
    static let unsupported: Set<String> = [
        "unique_key", "on_conflict", "every", "cron", "timezone", "retain", "on_success", "on_failure",
    ]

    /// What other systems call our fields.
    private static let hints: [String: String] = [
        "function": "func_name", "func": "func_name", "funcname": "func_name", "name": "func_name",
        "function_name": "func_name", "arg": "payload", "args": "payload", "data": "payload", "workload": "payload",
        "run_at": "at", "due_at": "at", "when": "at", "eta": "at", "time": "at", "delay": "after", "run_after": "after",
        "countdown": "after", "uuid": "id", "task_id": "id", "unique": "id", "retries": "retry_count",
        "max_attempts": "retry.max_attempts", "max_retries": "retry.max_attempts", "backoff": "retry.backoff",
        "expires": "expires_at", "ttl": "expires_after",
    ]
}

/// The object `retry` of the native form.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `max_attempts` | 20 | attempts that may fail, 1 ... 1,000,000, or `"unlimited"` |
/// | `max_age` | none | seconds after its submission in which a retry may begin |
/// | `backoff` | `"exponential"` | or `"linear"`, or `"list"` |
/// | `initial` | 5 | seconds to the first retry (exponential, linear) |
/// | `factor` | 2 | how much longer each wait is than the one before, 1 ... 100 (exponential) |
/// | `max` | 3600 | the longest wait in seconds (exponential, linear) |
/// | `delays` | – | the waits in seconds, one after the other; the last repeats (list) |
/// | `jitter` | 0.1 | the share of a wait that is drawn at random, 0 ... 1 |
/// | `outcomes` | – | what `fail`, `exception`, `timeout`, `lost` and `no_worker` count as (``OutcomePolicy``) |
struct NativeRetry {
    private let object: JSONObject

    init(_ object: JSONObject) throws(TaskError) {
        self.object = object
        for member in object.members {
            let name = String(decoding: member.name.prefix(100), as: UTF8.self)
            if Self.known.contains(name) { continue }
            throw TaskError(.unknownField, "There is no field retry.\(name)", field: "retry.\(name)")
        }
    }

    func policy() throws(TaskError) -> RetryPolicy {
        RetryPolicy(
            maxAttempts: try self.maxAttempts(), maxAge: try self.span("max_age", least: 0.001),
            backoff: try self.backoff(),
            jitter: try self.number("jitter", 0...1) ?? RetryPolicy.standard.jitter, outcomes: try self.outcomes())
    }

    private func outcomes() throws(TaskError) -> OutcomePolicy {
        var policy = OutcomePolicy()
        guard let value = self.object["outcomes"], value != .null else { return policy }
        guard case .object(let outcomes) = value else {
            throw TaskError(.wrongType, "retry.outcomes is an object, not \(value.kind)", field: "retry.outcomes")
        }
        for member in outcomes.members {
            let name = String(decoding: member.name.prefix(100), as: UTF8.self)
            guard let kind = OutcomePolicy.Kind(rawValue: name) else {
                throw TaskError(
                    .unknownField, "There is no field retry.outcomes.\(name)", field: "retry.outcomes.\(name)")
            }
            policy[kind] = try self.treatment(member.value, of: kind)
        }
        return policy
    }

    /// `nil` is `"wait"`, which a missing worker may count as.
    private func treatment(
        _ value: JSONValue, of kind: OutcomePolicy.Kind
    ) throws(TaskError) -> OutcomePolicy.Treatment? {
        let text = value.stringBytes.map { String(decoding: $0, as: UTF8.self) }
        if kind == .noWorker, text == "wait" { return nil }
        guard let treatment = text.flatMap(OutcomePolicy.Treatment.init(rawValue:)) else {
            let also = kind == .noWorker ? ", wait" : ""
            throw Self.invalid("outcomes.\(kind.rawValue)", "is retry, release\(also) or discard")
        }
        return treatment
    }

    private func maxAttempts() throws(TaskError) -> UInt32? {
        if self.object["max_attempts"] == .text("unlimited") { return nil }
        guard let number = try self.object.finiteNumber("max_attempts", in: "retry.") else {
            return RetryPolicy.standard.maxAttempts
        }
        guard let count = UInt32(exactly: number), (1...Limits.attempts).contains(count) else {
            throw Self.invalid("max_attempts", "is an integer, 1 to \(Limits.attempts), or \"unlimited\"")
        }
        return count
    }

    private func backoff() throws(TaskError) -> RetryPolicy.Backoff {
        let value = self.object["backoff"] ?? .null
        guard let name = value == .null ? StaticString("exponential").bytes : value.stringBytes else {
            throw TaskError(.wrongType, "retry.backoff is a string, not \(value.kind)", field: "retry.backoff")
        }
        switch String(decoding: name, as: UTF8.self) {
        case "exponential":
            try self.exclude("delays", "exponential")
            let (initial, longest) = try self.bounds()
            return .exponential(initial: initial, factor: try self.number("factor", 1...100) ?? 2, longest: longest)
        case "linear":
            try self.exclude("delays", "linear")
            try self.exclude("factor", "linear")
            let (initial, longest) = try self.bounds()
            return .linear(initial: initial, longest: longest)
        case "list":
            for field in ["initial", "factor", "max"] as [StaticString] { try self.exclude(field, "list") }
            return .list(try self.delays())
        default:
            throw Self.invalid("backoff", "is exponential, linear or list")
        }
    }

    private func bounds() throws(TaskError) -> (initial: Duration, longest: Duration) {
        let initial = try self.span("initial", least: 0) ?? .seconds(5)
        let longest = try self.span("max", least: 0) ?? max(initial, .seconds(3600))
        guard initial <= longest else { throw Self.invalid("max", "is not less than retry.initial") }
        return (initial, longest)
    }

    private func delays() throws(TaskError) -> [Duration] {
        guard case .array(let values)? = self.object["delays"], (1...Limits.backoffEntries).contains(values.count)
        else {
            throw Self.invalid("delays", "is an array of 1 to \(Limits.backoffEntries) numbers of seconds")
        }
        var delays: [Duration] = []
        for value in values {
            guard let seconds = value.double, (0...Limits.longestSpan.inSeconds).contains(seconds) else {
                throw Self.invalid("delays", "has numbers of seconds, zero to ten years")
            }
            delays.append(.fromSeconds(seconds))
        }
        return delays
    }

    private func span(_ field: StaticString, least: Double) throws(TaskError) -> Duration? {
        try self.number(field, least...Limits.longestSpan.inSeconds).map { .fromSeconds($0) }
    }

    private func number(_ field: StaticString, _ range: ClosedRange<Double>) throws(TaskError) -> Double? {
        guard let number = try self.object.finiteNumber(field, in: "retry.") else { return nil }
        guard range.contains(number) else {
            throw Self.invalid(field.description, "is \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private func exclude(_ field: StaticString, _ backoff: String) throws(TaskError) {
        guard let value = self.object[field], value != .null else { return }
        throw TaskError(
            .conflictingFields, "retry.\(field) has no meaning with a \(backoff) backoff", field: "retry.\(field)")
    }

    private static func invalid(_ field: String, _ text: String) -> TaskError {
        TaskError(.invalidValue, "retry.\(field) \(text)", field: "retry.\(field)")
    }

    static let known: Set<String> = [
        "max_attempts", "max_age", "backoff", "initial", "factor", "max", "delays", "jitter", "outcomes",
    ]
}
