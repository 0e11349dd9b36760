/// What a `gearclock_pause`, `gearclock_resume` or `gearclock_limits` asks for: settings of functions.
package struct SettingsRequest: Equatable, Sendable {
    /// 1 ... ``Limits/functionsPerRequest``; empty: all that have settings, which is a question, not a change.
    package var functions: [FunctionName] = []
    package var change = FunctionChange()
    /// The name of the only store that is meant; `nil`: all of them.
    package var store: String?

    /// Reads `{"function": "f"}` or `{"functions": ["f", …]}`, and `"store"`.
    package static func pausing(_ bytes: [UInt8], _ isPaused: Bool) -> Result<SettingsRequest, TaskError> {
        Result { () throws(TaskError) in
            let object = try Requests.optionalObject(bytes)
            try Requests.check(object, ["function", "functions", "store"])
            var request = SettingsRequest(store: try Requests.text(object, "store"))
            request.functions = try Self.functions(object)
            request.change.isPaused = isPaused
            return request
        }
    }

    /// Reads `{"function", "in_flight", "per_second", "queue_watermark", "store"}`, all of them optional, or nothing.
    /// A limit that is `null` is removed, one that is not there stays; without any limit it is a question.
    package static func limits(_ bytes: [UInt8]) -> Result<SettingsRequest, TaskError> {
        Result { () throws(TaskError) in
            let object = try Requests.optionalObject(bytes)
            try Requests.check(object, ["function", "in_flight", "per_second", "queue_watermark", "store"])
            var request = SettingsRequest(store: try Requests.text(object, "store"))
            if let function = object["function"] { request.functions = [try Requests.function(function, "function")] }
            request.change.inFlight = try Self.count(object, "in_flight")
            request.change.perThousandSeconds = try Self.rate(object)
            request.change.queueWatermark = try Self.count(object, "queue_watermark")
            guard !request.functions.isEmpty || request.change == FunctionChange() else {
                throw TaskError(.missingField, "A limit is one of a function", field: "function")
            }
            return request
        }
    }

    private static func functions(_ object: JSONObject) throws(TaskError) -> [FunctionName] {
        switch (object["function"], object["functions"]) {
        case (let function?, nil):
            return [try Requests.function(function, "function")]
        case (nil, .array(let values)?):
            guard !values.isEmpty else { throw TaskError(.invalidValue, "There are no functions", field: "functions") }
            guard values.count <= Limits.functionsPerRequest else {
                let text = "A request has at most \(Limits.functionsPerRequest) functions"
                throw TaskError(.tooMany, text, field: "functions")
            }
            var functions: [FunctionName] = []
            for value in values { functions.append(try Requests.function(value, "functions")) }
            return functions
        case (nil, _?):
            throw TaskError(.wrongType, "functions is an array of names", field: "functions")
        case (_?, _?):
            throw TaskError(.conflictingFields, "function and functions exclude each other", field: "functions")
        case (nil, nil):
            throw TaskError(.missingField, "The request needs function or functions", field: "function")
        }
    }

    private static func count(_ object: JSONObject, _ field: StaticString) throws(TaskError) -> FunctionChange.Limit {
        guard object[field] != nil else { return .asItIs }
        guard let number = try object.finiteNumber(field) else { return .removed }
        guard let count = UInt32(exactly: number), count > 0 else {
            throw TaskError(.invalidValue, "\(field) is 1 to \(UInt32.max), or null", field: field.description)
        }
        return .set(count)
    }

    private static func rate(_ object: JSONObject) throws(TaskError) -> FunctionChange.Limit {
        guard object["per_second"] != nil else { return .asItIs }
        guard let rate = try object.finiteNumber("per_second") else { return .removed }
        guard let perThousandSeconds = UInt32(exactly: (rate * 1000).rounded()), perThousandSeconds > 0 else {
            throw TaskError(.invalidValue, "per_second is 0.001 to 4294967.295, or null", field: "per_second")
        }
        return .set(perThousandSeconds)
    }
}

extension SettingsRequest {
    /// Nothing changes.
    package var isQuestion: Bool { self.change == FunctionChange() }

    /// What is answered to a question: the settings of the functions that are meant.
    /// - Parameter present: all settings of one store.
    package func answer(from present: [FunctionSettings]) -> [FunctionSettings] {
        self.functions.isEmpty ? present : self.change.applied(to: self.functions, in: present)
    }
}
