/// A line of the text protocol, as gearmand reads it.
enum TextCommand: Equatable {
    case workers
    case status
    case priorityStatus
    case showJobs
    case showUniqueJobs
    case cancelJob(handle: [UInt8])
    case createFunction([UInt8])
    case dropFunction([UInt8])
    /// Without numbers, the function has no limit any more.
    case limitQueue(function: [UInt8], [UInt32])
    case processID
    case verbosity
    case version
    case shutDown(isGraceful: Bool)
    /// `cancel` of something else than a job.
    case cancelUnknown
    /// `show` of something else than jobs.
    case showUnknown
    /// Words are missing, or wrong, behind this one.
    case incomplete([UInt8])
    case unknown([UInt8])

    /// - Parameter line: without the newline.
    /// - Returns: nil if there are more words than gearmand takes.
    init?(_ line: [UInt8], allowsShutdown: Bool) {
        guard let words = Self.words(of: line) else { return nil }
        let rest = words.dropFirst().map(\.lowercaseWord)
        switch (words[0].lowercaseWord, words.count) {
        case ("workers", _): self = .workers
        case ("status", _): self = .status
        case ("prioritystatus", _): self = .priorityStatus
        case ("cancel", 3): self = rest[0] == "job" ? .cancelJob(handle: words[2]) : .cancelUnknown
        case ("cancel", 4...): self = .cancelUnknown
        case ("show", 2...):
            self = rest == ["jobs"] ? .showJobs : rest == ["unique", "jobs"] ? .showUniqueJobs : .showUnknown
        case ("create", 3) where rest[0] == "function": self = .createFunction(words[2])
        case ("drop", 3) where rest[0] == "function": self = .dropFunction(words[2])
        case ("maxqueue", 2...):
            // What 32 bits leave of it, as C's `atoi` does; a negative number is no limit.
            let numbers = words.dropFirst(2).map { UInt32(max(0, Int32(truncatingIfNeeded: LeadingNumber($0).value))) }
            self = .limitQueue(function: words[1], numbers)
        case ("create", _), ("drop", _), ("maxqueue", _): self = .incomplete(words[0])
        case ("getpid", _): self = .processID
        case ("verbose", _): self = .verbosity
        case ("version", _): self = .version
        case ("shutdown", _) where allowsShutdown:
            self = rest.isEmpty || rest == ["graceful"] ? .shutDown(isGraceful: !rest.isEmpty) : .incomplete(words[0])
        default: self = .unknown(words[0])
        }
    }

    /// Spaces separate words; several of them are one, but one at the start follows an empty word. Each word ends at a
    /// NUL, if there is one in it, because gearmand's C thinks so.
    private static func words(of line: [UInt8]) -> [[UInt8]]? {
        var words: [[UInt8]] = []
        var rest = line[...]
        if rest.last == 0x0d { rest.removeLast() }
        while let space = rest.firstIndex(of: 0x20) {
            words.append(Array(rest[..<space].prefix { $0 != 0 }))
            rest = rest[space...].drop { $0 == 0x20 }
            guard words.count < ProtocolLimits.words else { return nil }
        }
        return words + [Array(rest.prefix { $0 != 0 })]
    }
}

extension Collection<UInt8> {
    /// As C's `strcasecmp` sees it: up to a NUL, and without capitals.
    var lowercaseASCII: [UInt8] {
        self.prefix { $0 != 0 }.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    }

    /// The same for a word that is compared with a known one.
    var lowercaseWord: String {
        String(decoding: self.lowercaseASCII, as: UTF8.self)
    }
}
