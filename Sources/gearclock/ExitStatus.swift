internal import GearclockCore

/// How the program ends. Scripts depend on these numbers; they never change their meaning.
package enum ExitStatus: Int32, Sendable {
    /// Done; a daemon was asked to stop and finished what it had in hand.
    case done = 0
    /// It was tried and did not work.
    case failed = 1
    /// The command line, the environment or the configuration file is wrong. Nothing was tried.
    case usage = 2
    /// A task that was named does not exist.
    case notFound = 3
    /// No job server could be reached, or no worker daemon answered; no node of a store.
    case unreachable = 4
}

/// What ends a command early: a sentence for people, and how the program ends.
package struct CommandFailure: Error, Equatable, CustomStringConvertible {
    package var status: ExitStatus
    /// For the person at the keyboard; may span lines.
    package var message: String
    /// The error as the worker daemon reported it, a JSON object; `nil`: it did not come from there.
    package var report: [UInt8]?
    /// Whether a program reads it, so that it is written as JSON.
    package var isForPrograms = false

    package init(_ status: ExitStatus, _ message: String, report: [UInt8]? = nil) {
        self.status = status
        self.message = message
        self.report = report
    }

    package var description: String { self.message }

    /// What is written to standard error.
    package var rendered: String {
        guard self.isForPrograms else { return "Error: \(self.message)" }
        if let report { return String(decoding: report, as: UTF8.self) }
        var writer = JSONWriter()
        writer.object { error in
            error.member("code", self.status.name)
            error.member("message", self.message)
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension ExitStatus {
    /// The code of errors that this program reports itself.
    fileprivate var name: String {
        switch self {
        case .done: "done"
        case .failed: "failed"
        case .usage: "usage"
        case .notFound: "not_found"
        case .unreachable: "unreachable"
        }
    }
}
