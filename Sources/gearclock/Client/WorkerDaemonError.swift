internal import GearclockCore

/// An error as the worker daemon reports it: `{"code","message","retryable","stored","field"?}`.
package struct WorkerDaemonError {
    private let bytes: [UInt8]
    private let object: JSONObject?

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        self.object = (try? JSONParser.parse(bytes, loneSurrogates: .replace))?.object
    }

    package var failure: CommandFailure {
        guard let object, let message = object["message"]?.text else {
            let text = self.bytes.isEmpty ? "no reason was given" : String(decoding: self.bytes, as: UTF8.self)
            return CommandFailure(.failed, "The worker daemon did not do it: \(printable(text))")
        }
        var text = printable(message)
        if let field = object["field"]?.text { text += " (field \(printable(field)))" }
        return CommandFailure(Self.status(ofCode: object["code"]?.text), text, report: self.bytes)
    }

    private static func status(ofCode code: String?) -> ExitStatus {
        switch code {
        case "not_found":
            .notFound
        case "missing_field", "wrong_type", "invalid_value", "invalid_time", "conflicting_fields", "unknown_field",
            "unsupported_field", "invalid_json", "invalid_utf8", "not_an_object", "too_large", "too_many":
            .usage
        default:
            .failed
        }
    }
}

extension JSONValue {
    /// A string; `nil` for anything else.
    var text: String? {
        self.stringBytes.map { String(decoding: $0, as: UTF8.self) }
    }

    /// For people: a string as it is, anything else as JSON.
    var shown: String {
        printable(self.text ?? String(decoding: JSONWriter.stringify(self, .asWritten), as: UTF8.self))
    }
}

/// The text without characters that would make a terminal do something: names come from anybody.
package func printable(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0: scalars.append("\u{fffd}")
        default: scalars.append(scalar)
        }
    }
    return String(scalars)
}
