package import GearclockCore
package import Logging

/// Writes each event of the log as one line.
package struct LineLogHandler: LogHandler {
    /// Where lines go, and what time it is.
    package struct Output: Sendable {
        package var now: @Sendable () -> Timestamp
        /// Takes a line with its newline. It is called from any thread and must pass it on in one piece.
        package var write: @Sendable (String) -> Void

        package init(now: @escaping @Sendable () -> Timestamp, write: @escaping @Sendable (String) -> Void) {
            self.now = now
            self.write = write
        }
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let output: Output

    package init(label: String, level: Logger.Level, format: LogFormat, output: Output) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.output = output
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var metadata = self.metadata
        if let provided = self.metadataProvider?.get() {
            metadata.merge(provided) { _, later in later }
        }
        if let own = event.metadata {
            metadata.merge(own) { _, later in later }
        }
        if let error = event.error {
            metadata["error"] = "\(error)"
        }
        let line = LogLine(
            time: self.output.now(), level: event.level, label: self.label, message: event.message.description,
            metadata: metadata)
        self.output.write(line.rendered(as: self.format))
    }
}
