internal import GearclockCore
internal import GearclockEnvironment
internal import Logging

/// The log of this process: standard error.
enum Log {
    /// Sets it up. Once per process, before anybody makes a logger.
    static func bootstrap(level: Logger.Level, format: LogFormat, clock: SystemClock) {
        let output = LineLogHandler.Output(now: { clock.now.wall }, write: { Terminal.writeError(lines: $0) })
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, level: level, format: format, output: output)
        }
    }
}
