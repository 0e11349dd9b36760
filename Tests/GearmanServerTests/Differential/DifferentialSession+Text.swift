import Gearman

/// What people and monitoring ask for.
extension DifferentialSession {
    mutating func cancel() -> DifferentialRequest {
        self.era += 1
        return .cancel(self.job())
    }

    mutating func line() -> DifferentialRequest {
        switch Int.random(in: 0..<10, using: &self.random) {
        case 0..<5: self.list()
        case 5, 6: self.queueLimit()
        case 7: self.creation()
        case 8: self.word()
        default: self.oddLine()
        }
    }

    private mutating func list() -> DifferentialRequest {
        .line(
            self.random.element(of: ["status", "prioritystatus", "show jobs", "show unique jobs", "workers"]),
            end: self.random.element(of: ["\r\n", "\n"]))
    }

    private mutating func queueLimit() -> DifferentialRequest {
        let limits = [
            "", " 3", " 0", " 0 2 1", " 2 1", " 1 x 4", " -1", " +2", " ", "  4", " 4294967298", " 2147483648",
            " 99999999999999999999", " 3\0", " 1 2 3",
        ]
        let function = self.random.element(of: [self.function(), self.scheduledFunction, self.prefix + "none"])
        return .line("maxqueue \(function)\(self.random.element(of: limits))")
    }

    /// With a newline alone, gearmand would lose the last letter of the function.
    private mutating func creation() -> DifferentialRequest {
        let name = self.prefix + self.random.element(of: ["new", "f", "made\0x"])
        return .line(
            self.random.element(of: [
                "create function \(name)", "CREATE Function \(name)", "create function \(name) ",
                "create  function  \(name)",
                "drop function \(self.prefix)none", "drop function \(self.prefix)new",
                "drop function \(self.prefix)NEW",
            ]))
    }

    /// A server answers these in words of its own.
    private mutating func word() -> DifferentialRequest {
        .line(
            self.random.element(of: ["version", "VERSION x", "verbose", "getpid", "GetPid", "getpid  1 2"]),
            end: self.random.element(of: ["\r\n", "\n"]))
    }

    private mutating func oddLine() -> DifferentialRequest {
        .line(
            self.random.element(of: [
                "show", "SHOW nothing", "show ", "show jobs x", "show unique", "show unique jobs x", "", " ", "\r",
                "nonsense",
                " status", "status ", "status  a   b", "\tstatus", "sta\0tus", "nons\0ense x", "status\r", "\u{e4}",
                "cancel nothing at", "cancel", "cancel job", "cancel job ", "cancel job x y", "CANCEL Job H:x:1",
                "create", "create function", "create x y", "drop", "drop function", "drop x y", "maxqueue", "maxqueue ",
                "shutdown", "shutdown graceful", "a b c d e", "a b c d ", "x".padded(to: 8_000),
            ]),
            end: self.random.element(of: ["\r\n", "\n"]))
    }

    /// A function that goes with its jobs: gearmand keeps those, and never looks at them again.
    mutating func doomedFunction() -> [DifferentialRequest] {
        let function = self.newName()
        return [
            .line("create function \(function)"), .packet(.submitJobBackground, [function, ""], data: "x"),
            .line("drop function \(function.uppercased())"), .line("drop function \(function)"),
        ]
    }
}
