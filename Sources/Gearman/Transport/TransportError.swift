import Foundation

/// Why a stream could not be opened or ended.
package struct TransportError: Error, Equatable, CustomStringConvertible {
    /// What was tried: a system call or a step of connecting.
    package var operation: String
    /// What the operating system or the resolver says about it.
    package var reason: String

    package init(operation: String, reason: String) {
        self.operation = operation
        self.reason = reason
    }

    package init(operation: String, errorNumber: Int32) {
        self.init(operation: operation, reason: String(cString: strerror(errorNumber)))
    }

    /// The error of the system call that has just failed.
    static func current(_ operation: String) -> TransportError {
        TransportError(operation: operation, errorNumber: errno)
    }

    package var description: String { "\(self.operation): \(self.reason)" }
}
