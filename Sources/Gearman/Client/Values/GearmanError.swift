/// What can go wrong in this module. ``code`` says what the caller should do about it.
public struct GearmanError: Error, Sendable {
    /// What happened, and with it what to do.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case invalidRequest, notConnected, connectionLost, timedOut, serverError, protocolViolation
            case jobFailed, jobException, closed, tooManyRequests, unsupportedReply
        }
        private let value: Value

        /// The name of the code, for logs.
        public var description: String { self.value.rawValue }

        /// The request breaks a rule of the protocol or a limit (see ``GearmanLimits``) and was not sent. Correct it;
        /// sending it again as it is fails again.
        public static let invalidRequest = Code(value: .invalidRequest)

        /// No job server could be reached, and nothing was sent. Repeat it later; that is safe.
        public static let notConnected = Code(value: .notConnected)

        /// The connection ended after the request was written: whether the server acted on it is unknown. Repeat it
        /// if its function may run twice, or with the unique ID of the first.
        public static let connectionLost = Code(value: .connectionLost)

        /// The server did not answer in time, and the connection was given up. As ``connectionLost``.
        public static let timedOut = Code(value: .timedOut)

        /// The server answered with an ERROR packet, so it did not act on the request. Its code and text are in the
        /// message; what to do depends on them (`QUEUE_ERROR` is worth a repetition later, most others are not).
        public static let serverError = Code(value: .serverError)

        /// The peer sent bytes that are no valid packet, or a packet at a place where it means nothing. The connection
        /// was closed. Check that a Gearman server of a known kind listens there; for requests, as ``connectionLost``.
        public static let protocolViolation = Code(value: .protocolViolation)

        /// A worker ran the job and reported that it failed. Repeat it if the function's contract allows it.
        public static let jobFailed = Code(value: .jobFailed)

        /// A worker ran the job and reported an exception; its text is in ``GearmanError/payload``. As ``jobFailed``.
        public static let jobException = Code(value: .jobException)

        /// The client or worker was closed, or is draining, and takes nothing new. Use another one.
        public static let closed = Code(value: .closed)

        /// Too many requests wait for their answers on this connection, and this one was not sent. Repeat it later.
        public static let tooManyRequests = Code(value: .tooManyRequests)

        /// The server's answer to an administrative command could not be understood. Check the server's version.
        public static let unsupportedReply = Code(value: .unsupportedReply)
    }

    /// What happened.
    public let code: Code

    /// One sentence for an operator, without any payload.
    public let message: String

    /// The error that caused this one, if there is one.
    public let underlying: (any Error)?

    /// What the worker sent with an exception; empty otherwise.
    public let payload: [UInt8]

    /// The warnings that the job sent before it ended, oldest first.
    public let warnings: [[UInt8]]

    /// The source file that created the error.
    public let file: String

    /// The line in ``file``.
    public let line: Int

    /// - Parameters:
    ///   - code: what happened.
    ///   - message: one sentence for an operator, without any payload.
    ///   - underlying: the error that caused this one.
    ///   - payload: what the worker sent with an exception.
    ///   - warnings: the warnings that the job sent before it ended.
    ///   - file: the source file that makes it.
    ///   - line: the line there.
    public init(
        _ code: Code, _ message: String, underlying: (any Error)? = nil, payload: [UInt8] = [],
        warnings: [[UInt8]] = [], file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.message = message
        self.underlying = underlying
        self.payload = payload
        self.warnings = warnings
        self.file = file
        self.line = line
    }
}

/// Two errors are equal when they say the same to the caller; where and by what they were raised does not count.
extension GearmanError: Equatable {
    /// Compares ``code``, ``message``, ``payload`` and ``warnings``.
    public static func == (left: GearmanError, right: GearmanError) -> Bool {
        left.code == right.code && left.message == right.message && left.payload == right.payload
            && left.warnings == right.warnings
    }
}

extension GearmanError: CustomStringConvertible, CustomDebugStringConvertible {
    /// The code and the message, safe to log: it contains no payload.
    public var description: String {
        "\(self.code): \(self.message)"
    }

    /// Everything the error knows, payloads included.
    public var debugDescription: String {
        var text = "\(self.code): \(self.message) (\(self.file):\(self.line))"
        if !self.payload.isEmpty {
            text += ", payload: \(String(decoding: self.payload, as: UTF8.self).debugDescription)"
        }
        for warning in self.warnings {
            text += ", warning: \(String(decoding: warning, as: UTF8.self).debugDescription)"
        }
        if let underlying { text += ", caused by: \(String(reflecting: underlying))" }
        return text
    }
}
