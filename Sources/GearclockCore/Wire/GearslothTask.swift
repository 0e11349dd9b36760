/// One task object as gearsloth's injector takes it: the same fields, conversions and error texts.
///
/// It differs where gearsloth lost a task, or ended its process: there is a clear error instead. And in these points:
/// - a task with only `func_name_base64` is taken, as its README says; its code refuses it;
/// - times are UTC, not the machine's local time; fractions of a second count;
/// - `"1e3"` seconds are a thousand, not one; `runner_retry_timeout` is at least one second;
/// - `runner_retry_count` counts what failed, so that a task whose last hand-out succeeds is not listed as failed.
struct GearslothTask {
    /// The controller that gearsloth's runner chooses where none is named. Whoever names it means ours.
    static let defaultController = FunctionName("retryController")

    private let object: JSONObject
    private let document: [UInt8]
    private let context: SubmissionContext

    init(_ object: JSONObject, document: [UInt8], _ context: SubmissionContext) {
        self.object = object
        self.document = document
        self.context = context
    }

    func definition(using random: inout some RandomNumberGenerator) throws(GearslothError) -> TaskDefinition {
        // In the injector's order, so that of two mistakes the same one is named.
        let dueAt = try self.dueAt()
        let function = try self.function()
        let payload = try self.payload()
        let controller = try self.controller()
        return TaskDefinition(
            id: TaskID(cluster: self.context.cluster, now: self.context.now, using: &random), function: function,
            payload: payload, dueAt: dueAt, createdAt: self.context.now, retry: self.retry(isCustom: controller != nil),
            gearsloth: try self.part(controller))
    }

    // MARK: - When

    private func dueAt() throws(GearslothError) -> Timestamp {
        let at = try self.at()
        let after = try self.after()
        let dueAt = after ?? at ?? self.context.now
        guard dueAt <= Timestamp.latestDue else { throw .injector("a time beyond the year 9999 cannot be stored.") }
        return max(dueAt, self.context.now)
    }

    /// What `new Date(at)` makes of it.
    private func at() throws(GearslothError) -> Timestamp? {
        guard let value = self.object["at"] else { return nil }
        let time: Timestamp?
        switch value {
        case .null, .bool: time = .epoch
        case .number, .numeral: time = value.double.flatMap(JavaScriptDate.fromMilliseconds)
        case .string(let text): time = JavaScriptDate.parse(text)
        case .array, .object: time = nil
        }
        guard let time else { throw .injector("invalid date format.") }
        return time
    }

    /// Superseded by `at` only where it is `0`, `""`, `null` or `false`.
    private func after() throws(GearslothError) -> Timestamp? {
        guard let value = self.object["after"] else { return nil }
        let seconds: Double?
        switch value {
        case .null, .bool(false), .string([]): return nil
        case .number, .numeral: seconds = value.double
        case .string(let text): seconds = JavaScriptNumber.parse(text, allowsEmpty: false)
        case .bool(true), .array, .object: seconds = nil
        }
        guard let seconds, seconds.isFinite else { throw .injector("invalid 'after' format.") }
        if seconds == 0, value.stringBytes == nil { return nil }
        // More seconds than from 1970 to 9999 end beyond it from any time on.
        let microseconds = Int64((min(max(seconds, 0), 3e11) * 1_000_000).rounded())
        return Timestamp(microseconds: self.context.now.microseconds.addingSaturated(microseconds))
    }

    // MARK: - What

    private func function() throws(GearslothError) -> FunctionName {
        let bytes: [UInt8]
        if let value = self.object["func_name_base64"] {
            guard let text = value.stringBytes, let decoded = Base64.decode(text) else {
                throw .injector("func_name_base64 is not base64.")
            }
            bytes = decoded
        } else if let value = self.object["func_name"] {
            guard let text = value.stringBytes else { throw .injector("func_name is not a string.") }
            bytes = text
        } else {
            throw .injector("no function name (func_name) defined in task.")
        }
        guard let name = FunctionName(bytes) else {
            throw .injector("a function name has 1 to \(Limits.functionNameBytes) bytes without NUL.")
        }
        return name
    }

    private func payload() throws(GearslothError) -> [UInt8] {
        let payload: [UInt8]
        if let value = self.object["payload_base64"] {
            guard let text = value.stringBytes, let decoded = Base64.decode(text) else {
                throw .injector("payload_base64 is not base64.")
            }
            payload = decoded
        } else {
            payload = self.converted(self.object["payload"])
        }
        guard payload.count <= Limits.payloadBytes else {
            throw .injector("a payload has at most \(Limits.payloadBytes) bytes.")
        }
        return payload
    }

    /// What the client library of gearsloth's controller makes of a payload.
    private func converted(_ value: JSONValue?) -> [UInt8] {
        switch value {
        case nil, .bool(false): []
        case .string(let bytes): bytes
        case let value? where value.double == 0: []
        case let value?: JSONWriter.stringify(value)
        }
    }

    private func controller() throws(GearslothError) -> FunctionName? {
        switch self.object["controller"] {
        case nil, .null, .bool(false), .string([]): return nil
        case let value? where value.double == 0: return nil
        case .string(let bytes):
            guard let name = FunctionName(bytes) else {
                throw .injector("a controller has 1 to \(Limits.functionNameBytes) bytes without NUL.")
            }
            return name == Self.defaultController ? nil : name
        default: throw .injector("controller is not a string.")
        }
    }

    /// The document is kept where somebody may ask for it.
    private func part(_ controller: FunctionName?) throws(GearslothError) -> GearslothPart? {
        let hasOtherFields = self.object.members.contains {
            !Self.ownFields.contains(String(decoding: $0.name, as: UTF8.self))
        }
        guard controller != nil || hasOtherFields else { return nil }
        guard self.document.count <= Limits.documentBytes else {
            throw .injector(
                "a task with a controller or other fields has at most \(Limits.documentBytes) bytes.")
        }
        return GearslothPart(controller: controller, document: self.document)
    }

    /// The fields that gearsloth itself uses. It overwrites `id`.
    private static let ownFields: Set<String> = [
        "func_name", "func_name_base64", "at", "after", "payload", "payload_base64", "controller",
        "runner_retry_timeout",
        "runner_retry_count", "retry_count", "id",
    ]

    // MARK: - Again

    private func retry(isCustom: Bool) -> RetryPolicy {
        .gearsloth(
            retries: self.count("retry_count") ?? 0, handOuts: self.count("runner_retry_count"),
            pause: self.number("runner_retry_timeout").map { max(.seconds(1), .fromSeconds($0)) }, isCustom: isCustom)
    }

    /// What is not a positive integer never counts down to zero there.
    private func count(_ field: StaticString) -> UInt32? {
        guard let number = self.number(field), number >= 1 else { return nil }
        return UInt32(exactly: number)
    }

    /// `Number(value)`; `nil` where it is `NaN`, or the field is absent.
    private func number(_ field: StaticString) -> Double? {
        switch self.object[field] {
        case nil, .array, .object: nil
        case .null, .bool(false): 0
        case .bool(true): 1
        case .string(let text): JavaScriptNumber.parse(text)
        case let value?: value.double
        }
    }
}

extension RetryPolicy {
    /// The policy of gearsloth's runner and retry controller together.
    ///
    /// - Parameters:
    ///   - retries: immediate retries after each hand-out.
    ///   - handOuts: how often the task is handed out; `nil`: any number. A product beyond ``Limits/attempts`` is none.
    ///   - pause: from one hand-out to the next; `nil`: 1000 s, as there.
    ///   - isCustom: another controller runs the task, and each hand-out counts as one failure until it ejects it.
    static func gearsloth(retries: UInt32, handOuts: UInt32?, pause: Duration?, isCustom: Bool) -> RetryPolicy {
        let immediate = isCustom ? 0 : min(retries, Limits.attempts)
        let attempts = handOuts.map { UInt64($0) * (UInt64(immediate) + 1) }
        return RetryPolicy(
            maxAttempts: attempts.flatMap { $0 <= Limits.attempts ? UInt32($0) : nil },
            backoff: .rounds(immediate: immediate, pause: pause ?? .seconds(1000)))
    }
}
