package import GearclockCore

/// What `gearclock submit` asks for.
package struct SubmissionRequest: Equatable, Sendable {
    /// A moment: so long from now, or a time.
    package enum Moment: Equatable, Sendable {
        case after(DecimalSeconds)
        case at(Timestamp)
    }

    package var function: FunctionName
    package var payload: [UInt8]?
    package var due: Moment?
    package var id: TaskID?
    package var priority: TaskPriority?
    package var timeout: DecimalSeconds?
    package var maxAttempts: UInt32?
    package var expiry: Moment?
    package var copies: Int?

    package init(function: FunctionName) {
        self.function = function
    }

    /// In the native form of `gearclock_submit`. What was not asked for is left to the worker daemon.
    package var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { task in
            task.member("func_name", self.function.description)
            if let payload { Self.write(payload, to: &task) }
            switch self.due {
            case .after(let seconds): task.member("after", seconds)
            case .at(let time): task.member("at", time)
            case nil: break
            }
            if let id { task.member("id", id.description) }
            if let priority { task.member("priority", "\(priority)") }
            if let timeout { task.member("timeout", timeout) }
            if let maxAttempts {
                task.name("retry")
                task.object { $0.member("max_attempts", maxAttempts) }
            }
            if let copies { task.member("copies", copies) }
            switch self.expiry {
            case .after(let seconds): task.member("expires_after", seconds)
            case .at(let time): task.member("expires_at", time)
            case nil: break
            }
        }
        return writer.bytes
    }

    /// What the user must know if no answer comes.
    package var doubt: String {
        self.id == nil
            ? "The task may be stored or not; submitted again it may run twice, unless it has an --id."
            : "The task may be stored or not; submitting it again with the same --id is safe."
    }

    /// As text if it is text: somebody may look at it on its way.
    private static func write(_ payload: [UInt8], to task: inout JSONWriter) {
        if payload.firstInvalidUTF8 == nil {
            task.name("payload")
            task.value(.string(payload))
        } else {
            task.member("payload_base64", Base64.encode(payload))
        }
    }
}

extension JSONWriter {
    /// Seconds, digit by digit as they were written.
    fileprivate mutating func member(_ name: StaticString, _ seconds: DecimalSeconds) {
        self.name(name)
        self.value(.numeral(Array(seconds.text.utf8)))
    }
}
