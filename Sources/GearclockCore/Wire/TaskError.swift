/// What a client is told when something was not done: the data of WORK_WARNING before WORK_FAIL, and an entry of a bulk
/// answer.
package struct TaskError: Error, Equatable, Sendable {
    /// Why. Clients may rely on the text of a code; new codes may come.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case invalidJSON = "invalid_json"
            case invalidUTF8 = "invalid_utf8"
            case notAnObject = "not_an_object"
            case missingField = "missing_field"
            case wrongType = "wrong_type"
            case invalidValue = "invalid_value"
            case invalidTime = "invalid_time"
            case conflictingFields = "conflicting_fields"
            case unknownField = "unknown_field"
            case unsupportedField = "unsupported_field"
            case tooLarge = "too_large"
            case tooMany = "too_many"
            case notFound = "not_found"
            case storeUnavailable = "store_unavailable"
            case tooFewCopies = "too_few_copies"
            case outcomeUnknown = "outcome_unknown"
            case busy
            case shuttingDown = "shutting_down"
        }

        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// `invalid_json`: the workload is not JSON (RFC 8259). Correct it; the message has the byte offset.
        package static let invalidJSON = Code(.invalidJSON)
        /// `invalid_utf8`: a text is not valid UTF-8. Send binary data in the `…_base64` fields.
        package static let invalidUTF8 = Code(.invalidUTF8)
        /// `not_an_object`: a task, or a request, is a JSON object. Wrap it in one.
        package static let notAnObject = Code(.notAnObject)
        /// `missing_field`: add the field that is named.
        package static let missingField = Code(.missingField)
        /// `wrong_type`: send the named field in the type that the message names.
        package static let wrongType = Code(.wrongType)
        /// `invalid_value`: the named field has a value that is not possible. Correct it.
        package static let invalidValue = Code(.invalidValue)
        /// `invalid_time`: the named field is no date, or one beyond the year 9999. Send ISO 8601 or milliseconds.
        package static let invalidTime = Code(.invalidTime)
        /// `conflicting_fields`: two fields say the same thing differently. Leave one of them out.
        package static let conflictingFields = Code(.conflictingFields)
        /// `unknown_field`: there is no such field. Correct its name; a field is never ignored.
        package static let unknownField = Code(.unknownField)
        /// `unsupported_field`: this version cannot do that yet. Leave the field out or use a newer version.
        package static let unsupportedField = Code(.unsupportedField)
        /// `too_large`: beyond a documented size. Store the data elsewhere and send a reference to it.
        package static let tooLarge = Code(.tooLarge)
        /// `too_many`: beyond a documented count. Split the request.
        package static let tooMany = Code(.tooMany)
        /// `not_found`: there is no such task: it never was, or it is over and no longer kept. Do not repeat.
        package static let notFound = Code(.notFound)
        /// `store_unavailable`: the store cannot be reached. Nothing happened; repeat the request after a while.
        package static let storeUnavailable = Code(.storeUnavailable)
        /// `too_few_copies`: fewer data nodes are well than copies were asked for. Nothing is stored; repeat the
        /// request after a while, or ask for fewer `copies`.
        package static let tooFewCopies = Code(.tooFewCopies)
        /// `outcome_unknown`: the request was given to the store, and its answer was lost. Repeat it with the same
        /// `id`: that is harmless. Without an `id` of your own a repetition may store the task twice.
        package static let outcomeUnknown = Code(.outcomeUnknown)
        /// `busy`: too much is waiting already. Nothing happened; repeat the request after a while.
        package static let busy = Code(.busy)
        /// `shutting_down`: this daemon is stopping. Nothing happened; repeat the request, another daemon will take it.
        package static let shuttingDown = Code(.shuttingDown)

        /// The text of the code in JSON.
        package var description: String { self.value.rawValue }

        /// Whether the same request can succeed later.
        package var isRetryable: Bool {
            switch self.value {
            case .storeUnavailable, .tooFewCopies, .outcomeUnknown, .busy, .shuttingDown: true
            case .invalidJSON, .invalidUTF8, .notAnObject, .missingField, .wrongType, .invalidValue, .invalidTime,
                .conflictingFields, .unknownField, .unsupportedField, .tooLarge, .tooMany, .notFound:
                false
            }
        }
    }

    /// Whether the task stands in the store, or the change was made.
    package enum Stored: String, Sendable {
        case no
        /// Ask, or repeat with the same id.
        case unknown
    }

    package let code: Code
    /// One sentence for a person. It never contains a payload.
    package let message: String
    /// The field that the error is about.
    package let field: String?

    package init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }

    /// Why a store did not do it.
    package init(_ error: TaskStoreError) {
        switch error {
        case .unavailable(let text, .away): self.init(.storeUnavailable, "The store cannot be reached: \(text)")
        case .unavailable(let text, .tooFewCopies): self.init(.tooFewCopies, "Nothing is stored: \(text)")
        case .conflict: self.init(.storeUnavailable, "The store is busy: \(error.text)")
        case .outcomeUnknown(let text): self.init(.outcomeUnknown, "The store's answer was lost: \(text)")
        }
    }

    /// A task that the database cannot take.
    package static func tooLargeForStore(_ limitBytes: Int) -> TaskError {
        TaskError(.tooLarge, "The task is larger than the \(limitBytes) bytes that the store takes at once")
    }

    /// Why a text is no request.
    package init(_ error: JSONError) {
        switch error.code {
        case .unexpectedEnd, .unexpectedByte, .invalidString, .tooDeep: self.init(.invalidJSON, error.message)
        case .invalidUTF8, .loneSurrogate: self.init(.invalidUTF8, error.message)
        case .tooManyValues: self.init(.tooLarge, error.message)
        }
    }

    package var isRetryable: Bool { self.code.isRetryable }

    package var stored: Stored { self.code == .outcomeUnknown ? .unknown : .no }

    /// `{"code","message","retryable","stored","field"?}`
    package var json: [UInt8] {
        var writer = JSONWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("code", self.code.description)
            writer.member("message", self.message)
            writer.member("retryable", self.isRetryable)
            writer.member("stored", self.stored.rawValue)
            if let field { writer.member("field", field) }
        }
    }
}
