/// Reads the answers to text commands, in the order of the commands. It performs nothing.
package struct AdminReplyReader: Equatable, Sendable {
    /// The form of a command's answer.
    package enum Form: Equatable, Sendable {
        /// One line: `OK`, `OK` and text, or `ERR` and text.
        case line
        /// Lines, and one with a dot.
        case list
    }

    /// An answer is given up beyond this size; a server with a million jobs stays below it.
    package static let sizeLimitBytes = 256 * 1024 * 1024

    private var expected: [Form] = []
    private var buffer: [UInt8] = []
    /// Up to here the buffer has no line end.
    private var searched = 0
    private var lines: [String] = []
    private var listSizeBytes = 0

    package init() {}

    /// A command was sent.
    package mutating func commandSent(answeredBy form: Form) {
        self.expected.append(form)
    }

    /// Bytes came from the server.
    ///
    /// - Returns: the answers that are complete now, the lines of each.
    /// - Throws: ``GearmanError`` if what came is no answer. The connection is of no use any more.
    package mutating func bytesReceived(_ bytes: [UInt8]) throws(GearmanError) -> [[String]] {
        self.buffer += bytes
        var answers: [[String]] = []
        var start = 0
        while let end = self.buffer[max(start, self.searched)...].firstIndex(of: 0x0a) {
            var line = self.buffer[start..<end]
            if line.last == 0x0d { line.removeLast() }
            start = end + 1
            if let answer = try self.lineReceived(String(decoding: line, as: UTF8.self)) { answers.append(answer) }
        }
        self.buffer.removeFirst(start)
        self.searched = self.buffer.count
        guard self.buffer.count + self.listSizeBytes <= Self.sizeLimitBytes else {
            throw GearmanError(.unsupportedReply, "The server's answer is larger than \(Self.sizeLimitBytes) bytes")
        }
        return answers
    }

    private mutating func lineReceived(_ line: String) throws(GearmanError) -> [String]? {
        guard let form = self.expected.first else {
            throw GearmanError(.unsupportedReply, "The server sent a line that nobody asked for")
        }
        switch form {
        case .line:
            self.expected.removeFirst()
            return [line]
        case .list:
            if self.lines.isEmpty, line.hasPrefix("ERR "), !line.contains("\t") {
                self.expected.removeFirst()
                return [line]
            }
            guard line != "." else {
                self.expected.removeFirst()
                defer { self.lines = [] }
                self.listSizeBytes = 0
                return self.lines
            }
            self.listSizeBytes += line.utf8.count + 32
            self.lines.append(line)
            return nil
        }
    }
}
