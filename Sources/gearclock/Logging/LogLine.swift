package import GearclockCore
package import Logging

/// One event of the log, and how it is written down: always as one line, whatever stands in it.
package struct LogLine {
    package var time: Timestamp
    package var level: Logger.Level
    package var label: String
    package var message: String
    package var metadata: Logger.Metadata

    package init(time: Timestamp, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) {
        self.time = time
        self.level = level
        self.label = label
        self.message = message
        self.metadata = metadata
    }

    /// The line with its newline.
    package func rendered(as format: LogFormat) -> String {
        switch format {
        case .text: self.text
        case .json: self.json
        }
    }

    private var sortedMetadata: [(key: String, value: Logger.Metadata.Value)] {
        // A dictionary has another order in each process; a log should not.
        self.metadata.sorted { $0.key < $1.key }
    }

    private var text: String {
        var line = "\(self.time.iso8601) \(self.level.rawValue) \(self.label): "
        line += self.message.unicodeScalars.contains { $0.value < 0x20 } ? jsonQuoted(self.message) : self.message
        for (key, value) in self.sortedMetadata {
            line += " \(Self.word(key))=\(Self.word(Self.plain(value)))"
        }
        return line + "\n"
    }

    private var json: String {
        var line = "{\"time\":\"\(self.time.iso8601)\",\"level\":\"\(self.level.rawValue)\""
        line += ",\"label\":\(jsonQuoted(self.label)),\"message\":\(jsonQuoted(self.message))"
        if !self.metadata.isEmpty {
            line += ",\"metadata\":" + Self.json(self.sortedMetadata)
        }
        return line + "}\n"
    }

    /// Quoted only where a reader, or a program that splits at spaces and equal signs, would be misled.
    private static func word(_ text: String) -> String {
        let misleads = text.isEmpty || text.unicodeScalars.contains { $0.value <= 0x20 || $0 == "\"" || $0 == "=" }
        return misleads ? jsonQuoted(text) : text
    }

    private static func plain(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): text
        case .stringConvertible(let value): value.description
        case .array, .dictionary: Self.json(value)
        }
    }

    private static func json(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): jsonQuoted(text)
        case .stringConvertible(let value): jsonQuoted(value.description)
        case .array(let values): "[" + values.map(Self.json).joined(separator: ",") + "]"
        case .dictionary(let metadata): Self.json(metadata.sorted { $0.key < $1.key })
        }
    }

    private static func json(_ metadata: [(key: String, value: Logger.Metadata.Value)]) -> String {
        "{" + metadata.map { "\(jsonQuoted($0.key)):\(Self.json($0.value))" }.joined(separator: ",") + "}"
    }
}

/// A text as a JSON string, in quotes.
package func jsonQuoted(_ text: String) -> String {
    var writer = JSONWriter()
    writer.string(text)
    return String(decoding: writer.bytes, as: UTF8.self)
}
