/// Which tasks a `gearclock_get` or `gearclock_cancel` is about.
package struct IDRequest: Equatable, Sendable {
    /// 1 ... ``Limits/idsPerRequest``.
    package let ids: [TaskID]
    /// An array was sent, and an array is the answer.
    package let isBulk: Bool

    /// Reads `"id"`, `["id", …]`, `{"id": "id"}` or `{"ids": ["id", …]}`.
    package static func parse(_ bytes: [UInt8]) -> Result<IDRequest, TaskError> {
        Result { () throws(TaskError) in try Self(Requests.value(bytes)) }
    }

    private init(_ value: JSONValue) throws(TaskError) {
        switch value {
        case .string:
            (self.ids, self.isBulk) = ([try Requests.id(value, field: nil)], false)
        case .array(let values):
            (self.ids, self.isBulk) = (try Self.ids(values, field: nil), true)
        case .object(let object):
            try Requests.check(object, ["id", "ids"])
            switch (object["id"], object["ids"]) {
            case (let id?, nil):
                (self.ids, self.isBulk) = ([try Requests.id(id, field: "id")], false)
            case (nil, .array(let values)?):
                (self.ids, self.isBulk) = (try Self.ids(values, field: "ids"), true)
            case (nil, _?):
                throw TaskError(.wrongType, "ids is an array of ids", field: "ids")
            case (_?, _?):
                throw TaskError(.conflictingFields, "id and ids exclude each other", field: "ids")
            case (nil, nil):
                throw TaskError(.missingField, "The request needs id or ids", field: "id")
            }
        case .null, .bool, .number, .numeral:
            throw TaskError(.notAnObject, "The request is an object with id or ids, an id, or an array of ids")
        }
    }

    private static func ids(_ values: [JSONValue], field: String?) throws(TaskError) -> [TaskID] {
        guard !values.isEmpty else { throw TaskError(.invalidValue, "There are no ids", field: field) }
        guard values.count <= Limits.idsPerRequest else {
            throw TaskError(.tooMany, "A request has at most \(Limits.idsPerRequest) ids", field: field)
        }
        var ids: [TaskID] = []
        for value in values { ids.append(try Requests.id(value, field: field)) }
        return ids
    }
}

extension ListFilter {
    /// Reads `{"function", "state", "after", "limit"}`, all of them optional, or nothing.
    ///
    /// `limit` is 1 ... ``Limits/listPage``, by default 100; `after` is `next` of the page before.
    package static func parse(_ bytes: [UInt8]) -> Result<ListFilter, TaskError> {
        Result { () throws(TaskError) in try Self(Requests.optionalObject(bytes)) }
    }

    private init(_ object: JSONObject) throws(TaskError) {
        try Requests.check(object, ["function", "state", "after", "limit"])
        self.init()
        if let value = object["function"], value != .null {
            self.function = try Requests.function(value, "function")
        }
        if let value = object["state"], value != .null {
            let name = value.stringBytes.map { String(decoding: $0, as: UTF8.self) }
            guard let state = name.flatMap(TaskState.init(name:)) else {
                let names = TaskState.allCases.map(\.name).joined(separator: ", ")
                throw TaskError(.invalidValue, "state is one of \(names)", field: "state")
            }
            self.state = state
        }
        if let value = object["after"], value != .null { self.after = try Requests.id(value, field: "after") }
        if let number = try object.finiteNumber("limit") {
            guard let limit = Int(exactly: number), (1...Limits.listPage).contains(limit) else {
                throw TaskError(.invalidValue, "limit is 1 to \(Limits.listPage)", field: "limit")
            }
            self.limit = limit
        }
    }
}

/// The workload of `gearclock_stats`: nothing, or an empty object.
package enum StatsRequest {
    package static func parse(_ bytes: [UInt8]) -> Result<Void, TaskError> {
        Result { () throws(TaskError) in try Requests.check(Requests.optionalObject(bytes), []) }
    }
}

/// What the requests have in common.
enum Requests {
    static func value(_ bytes: [UInt8]) throws(TaskError) -> JSONValue {
        guard bytes.count <= Limits.submissionBytes else {
            throw TaskError(.tooLarge, "A request has at most \(Limits.submissionBytes) bytes")
        }
        do {
            return try JSONParser.parse(bytes)
        } catch {
            throw TaskError(error)
        }
    }

    static func optionalObject(_ bytes: [UInt8]) throws(TaskError) -> JSONObject {
        if bytes.isEmpty { return JSONObject() }
        guard let object = try Self.value(bytes).object else {
            throw TaskError(.notAnObject, "The request is a JSON object, or nothing")
        }
        return object
    }

    static func check(_ object: JSONObject, _ known: Set<String>) throws(TaskError) {
        for member in object.members {
            let name = String(decoding: member.name.prefix(100), as: UTF8.self)
            if !known.contains(name) { throw TaskError(.unknownField, "There is no field \(name)", field: name) }
        }
    }

    static func function(_ value: JSONValue, _ field: String) throws(TaskError) -> FunctionName {
        guard let bytes = value.stringBytes, let function = FunctionName(bytes) else {
            throw TaskError(.invalidValue, "A function is a name of 1 to 512 bytes", field: field)
        }
        return function
    }

    /// A text that may be missing.
    static func text(_ object: JSONObject, _ field: StaticString) throws(TaskError) -> String? {
        guard let value = object[field], value != .null else { return nil }
        guard let bytes = value.stringBytes else {
            throw TaskError(.wrongType, "\(field) is a string, not \(value.kind)", field: field.description)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func id(_ value: JSONValue, field: String?) throws(TaskError) -> TaskID {
        guard let bytes = value.stringBytes, let id = TaskID(String(decoding: bytes, as: UTF8.self)) else {
            throw TaskError(.invalidValue, "An id is the text of a UUID", field: field)
        }
        return id
    }
}
