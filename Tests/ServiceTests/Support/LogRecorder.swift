import Logging
import Synchronization

/// A logger that keeps what it is told from info upwards.
final class LogRecorder: Sendable {
    struct Entry: Equatable, CustomStringConvertible {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]

        var description: String { "\(self.level): \(self.message) \(self.metadata)" }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let entry = Entry(
                level: event.level, message: "\(event.message)",
                metadata: (event.metadata ?? [:]).mapValues { "\($0)" })
            self.recorder.entries.withLock { $0.append(entry) }
        }
    }

    private let entries = Mutex<[Entry]>([])

    var logger: Logger { Logger(label: "test", factory: { _ in Handler(recorder: self) }) }

    /// What came since the last call.
    func take() -> [Entry] {
        self.entries.withLock { entries in
            defer { entries = [] }
            return entries
        }
    }
}
