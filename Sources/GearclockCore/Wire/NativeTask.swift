/// One task object in the native form.
///
/// A field that is `null` counts as absent, except `payload`, which then is the text `null`. Spans are seconds, as a
/// number or as numeric text, and may have fractions.
struct NativeTask {
    private let object: JSONObject
    private let context: SubmissionContext

    init(_ object: JSONObject, _ context: SubmissionContext) throws(TaskError) {
        self.object = object
        self.context = context
        for member in object.members { try NativeField.check(member.name) }
    }

    func task(using random: inout some RandomNumberGenerator) throws(TaskError) -> SubmittedTask {
        let clientID = try self.id()
        let dueAt = try self.dueAt()
        let controller = try self.controller()
        var task = TaskDefinition(
            id: clientID ?? TaskID(cluster: self.context.cluster, now: self.context.now, using: &random),
            function: try self.function(), payload: try self.payload(), priority: try self.priority(), dueAt: dueAt,
            createdAt: self.context.now, expiresAt: try self.expiresAt(dueAt: dueAt), timeout: try self.timeout(),
            retry: try self.retry(hasController: controller != nil))
        if clientID != nil { task.retain = self.context.retention.completedWithClientID }
        if let controller {
            let document = JSONWriter.stringify(.object(self.object), .asWritten)
            guard document.count <= Limits.documentBytes else {
                throw TaskError(.tooLarge, "With a controller a task has at most \(Limits.documentBytes) bytes of JSON")
            }
            task.gearsloth = GearslothPart(controller: controller, document: document)
        }
        return SubmittedTask(task, hasOwnID: clientID != nil, copies: try self.copies())
    }

    /// How many are possible is known where the task is stored.
    private func copies() throws(TaskError) -> CopiesDemand {
        guard let number = try self.seconds("copies") else { return .configured }
        guard let count = Int(exactly: number), count >= 1 else {
            throw TaskError(.invalidValue, "copies is an integer, 1 or more", field: "copies")
        }
        return .atLeast(count)
    }

    // MARK: - What to run

    private func id() throws(TaskError) -> TaskID? {
        guard let text = try self.text("id") else { return nil }
        guard let id = TaskID(String(decoding: text, as: UTF8.self)), id != TaskID(high: 0, low: 0) else {
            throw TaskError(.invalidValue, "id is a UUID, other than all zeros", field: "id")
        }
        return id
    }

    private func function() throws(TaskError) -> FunctionName {
        if let bytes = try self.base64("func_name_base64") { return try self.name(bytes, "func_name_base64") }
        guard let bytes = try self.text("func_name") else {
            throw TaskError(.missingField, "A task needs func_name, the Gearman function to run", field: "func_name")
        }
        return try self.name(bytes, "func_name")
    }

    private func controller() throws(TaskError) -> FunctionName? {
        guard let bytes = try self.text("controller") else { return nil }
        let name = try self.name(bytes, "controller")
        return name == GearslothTask.defaultController ? nil : name
    }

    private func name(_ bytes: [UInt8], _ field: StaticString) throws(TaskError) -> FunctionName {
        guard let name = FunctionName(bytes) else {
            throw TaskError(
                .invalidValue, "\(field) has 1 to \(Limits.functionNameBytes) bytes without NUL",
                field: field.description)
        }
        return name
    }

    private func payload() throws(TaskError) -> [UInt8] {
        let payload: [UInt8]
        if let bytes = try self.base64("payload_base64") {
            payload = bytes
        } else if let value = self.object["payload"] {
            payload = value.stringBytes ?? JSONWriter.stringify(value, .asWritten)
        } else {
            payload = []
        }
        guard payload.count <= Limits.payloadBytes else {
            throw TaskError(
                .tooLarge, "A payload has at most \(Limits.payloadBytes) bytes, not \(payload.count)", field: "payload")
        }
        return payload
    }

    private func priority() throws(TaskError) -> TaskPriority {
        guard let text = try self.text("priority") else { return .normal }
        guard let priority = TaskPriority(name: String(decoding: text, as: UTF8.self)) else {
            throw TaskError(.invalidValue, "priority is high, normal or low", field: "priority")
        }
        return priority
    }

    // MARK: - When

    /// `after` supersedes `at`, as with gearsloth; a time in the past means now.
    private func dueAt() throws(TaskError) -> Timestamp {
        let at = try self.time("at")
        if let after = try self.seconds("after") {
            return try self.later(by: max(0, after), "after")
        }
        return max(at ?? self.context.now, self.context.now)
    }

    private func expiresAt(dueAt: Timestamp) throws(TaskError) -> Timestamp? {
        let at = try self.time("expires_at")
        let after = try self.seconds("expires_after")
        if at != nil, after != nil {
            throw TaskError(
                .conflictingFields, "expires_at and expires_after exclude each other", field: "expires_after")
        }
        let expiry: Timestamp
        if let after {
            expiry = try self.later(by: after, "expires_after")
        } else if let at {
            expiry = at
        } else {
            return nil
        }
        guard expiry >= dueAt else {
            throw TaskError(
                .invalidValue, "It would expire at \(expiry.iso8601), before it is due at \(dueAt.iso8601)",
                field: at != nil ? "expires_at" : "expires_after")
        }
        return expiry
    }

    private func timeout() throws(TaskError) -> Duration? {
        guard let seconds = try self.seconds("timeout") else { return nil }
        guard seconds >= 0.001, seconds <= Limits.longestSpan.inSeconds else {
            throw TaskError(.invalidValue, "timeout is 0.001 seconds to ten years", field: "timeout")
        }
        return .fromSeconds(seconds)
    }

    /// ISO 8601 as text, or milliseconds since 1970 as a number, as in JavaScript.
    private func time(_ field: StaticString) throws(TaskError) -> Timestamp? {
        guard let value = self.object[field], value != .null else { return nil }
        let time: Timestamp?
        switch value {
        case .string(let text):
            time = Timestamp(iso8601: text)
        case .number, .numeral:
            time = value.double.flatMap(JavaScriptDate.fromMilliseconds)
        case .null, .bool, .array, .object:
            throw TaskError(
                .wrongType, "\(field) is text (ISO 8601) or a number (milliseconds), not \(value.kind)",
                field: field.description)
        }
        guard let time else {
            throw TaskError(
                .invalidTime,
                "\(field) is an ISO 8601 time such as 2026-08-21T10:00:00Z, or a number of milliseconds since 1970",
                field: field.description)
        }
        return try self.representable(time, field)
    }

    private func later(by seconds: Double, _ field: StaticString) throws(TaskError) -> Timestamp {
        // 3e11 seconds are more than from 1970 to 9999.
        let microseconds = Int64((min(max(seconds, -3e11), 3e11) * 1_000_000).rounded())
        return try self.representable(
            Timestamp(microseconds: self.context.now.microseconds.addingSaturated(microseconds)), field)
    }

    private func representable(_ time: Timestamp, _ field: StaticString) throws(TaskError) -> Timestamp {
        guard time <= Timestamp.latestDue else {
            throw TaskError(.invalidTime, "\(field) is beyond the year 9999", field: field.description)
        }
        return time
    }

    // MARK: - Again

    private func retry(hasController: Bool) throws(TaskError) -> RetryPolicy {
        let rounds = try self.rounds(hasController: hasController)
        guard let value = self.object["retry"], value != .null else {
            let isUnnamed = rounds == nil && hasController
            return isUnnamed ? .gearsloth(retries: 0, handOuts: nil, pause: nil, isCustom: true) : rounds ?? .standard
        }
        if rounds != nil {
            throw TaskError(
                .conflictingFields, "retry excludes retry_count, runner_retry_count and runner_retry_timeout",
                field: "retry")
        }
        guard case .object(let object) = value else {
            throw TaskError(.wrongType, "retry is an object, not \(value.kind)", field: "retry")
        }
        return try NativeRetry(object).policy()
    }

    /// What gearsloth's fields ask for; `nil` where there is none of them.
    private func rounds(hasController: Bool) throws(TaskError) -> RetryPolicy? {
        let retries = try self.count("retry_count", 0...Limits.attempts)
        let handOuts = try self.count("runner_retry_count", 1...Limits.attempts)
        let pause = try self.seconds("runner_retry_timeout")
        if retries == nil, handOuts == nil, pause == nil { return nil }
        if let pause, pause < 1 || pause > Limits.longestSpan.inSeconds {
            throw TaskError(
                .invalidValue, "runner_retry_timeout is one second to ten years", field: "runner_retry_timeout")
        }
        return .gearsloth(
            retries: retries ?? 0, handOuts: handOuts, pause: pause.map { .fromSeconds($0) }, isCustom: hasController)
    }

    private func count(_ field: StaticString, _ range: ClosedRange<UInt32>) throws(TaskError) -> UInt32? {
        guard let number = try self.seconds(field) else { return nil }
        guard let count = UInt32(exactly: number), range.contains(count) else {
            throw TaskError(
                .invalidValue, "\(field) is an integer, \(range.lowerBound) to \(range.upperBound)",
                field: field.description)
        }
        return count
    }

    // MARK: - Types

    private func text(_ field: StaticString) throws(TaskError) -> [UInt8]? {
        guard let value = self.object[field], value != .null else { return nil }
        guard case .string(let bytes) = value else {
            throw TaskError(.wrongType, "\(field) is a string, not \(value.kind)", field: field.description)
        }
        return bytes
    }

    private func base64(_ field: StaticString) throws(TaskError) -> [UInt8]? {
        guard let text = try self.text(field) else { return nil }
        guard let bytes = Base64.decode(text) else {
            throw TaskError(.invalidValue, "\(field) is not base64", field: field.description)
        }
        return bytes
    }

    private func seconds(_ field: StaticString) throws(TaskError) -> Double? {
        try self.object.finiteNumber(field)
    }
}

extension JSONObject {
    /// A number, or text that is one. Errors name the field.
    func finiteNumber(_ field: StaticString, in parent: String = "") throws(TaskError) -> Double? {
        guard let value = self[field], value != .null else { return nil }
        let name = parent + field.description
        let number: Double?
        switch value {
        case .number, .numeral: number = value.double
        case .string(let text): number = JavaScriptNumber.parse(text, allowsEmpty: false)
        case .null, .bool, .array, .object:
            throw TaskError(.wrongType, "\(name) is a number, not \(value.kind)", field: name)
        }
        guard let number, number.isFinite else {
            throw TaskError(.invalidValue, "\(name) is not a number", field: name)
        }
        return number
    }
}

extension TaskPriority {
    package init?(name: String) {
        switch name {
        case "high": self = .high
        case "normal": self = .normal
        case "low": self = .low
        default: return nil
        }
    }

    /// The word for it in JSON.
    package var name: String {
        switch self {
        case .high: "high"
        case .normal: "normal"
        case .low: "low"
        }
    }
}
