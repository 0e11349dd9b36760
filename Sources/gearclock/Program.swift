internal import ArgumentParser
internal import Foundation

/// Where the program starts and where it ends.
@main
enum Program {
    static func main() async {
        do {
            let arguments = Self.joiningNegativeNumbers(Array(CommandLine.arguments.dropFirst()))
            var command = try await GearclockCommand.asyncParseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Terminal.writeError(failure.rendered)
            Self.end(failure.status)
        } catch {
            Self.end(Self.report(error))
        }
    }

    /// The parser takes `-1` for a flag, and would say of `--in-flight -1` that a value is missing. As `--in-flight=-1`
    /// the option itself says what it takes. There are no flags that begin with a digit.
    private static func joiningNegativeNumbers(_ arguments: [String]) -> [String] {
        let beforeTerminator = arguments.prefix { $0 != "--" }
        var joined: [String] = []
        for argument in beforeTerminator {
            let isNegative = argument.first == "-" && argument.dropFirst().first?.isNumber == true
            if isNegative, let option = joined.last, option.hasPrefix("--"), !option.contains("=") {
                joined[joined.count - 1] += "=\(argument)"
            } else {
                joined.append(argument)
            }
        }
        return joined + arguments.dropFirst(beforeTerminator.count)
    }

    /// Leaves at once. What is under way anywhere is cut off, which everything here survives.
    static func end(_ status: ExitStatus) -> Never {
        exit(status.rawValue)
    }

    /// What the argument parser throws: help and versions too, which are no errors.
    private static func report(_ error: any Error) -> ExitStatus {
        let text = GearclockCommand.fullMessage(for: error)
        switch GearclockCommand.exitCode(for: error) {
        case .success:
            Terminal.write(text)
            return .done
        case .validationFailure:
            Terminal.writeError(text)
            return .usage
        default:
            Terminal.writeError(text)
            return .failed
        }
    }
}

/// The two streams of the process. Each line leaves at once and whole.
enum Terminal {
    static func write(_ line: String) {
        Self.write(Array(line.utf8) + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
    }

    static func write(_ line: [UInt8]) {
        Self.write(line + [UInt8(ascii: "\n")], to: STDOUT_FILENO)
    }

    static func writeError(_ line: String) {
        Self.write(Array(line.utf8) + [UInt8(ascii: "\n")], to: STDERR_FILENO)
    }

    /// Lines that have their newline already.
    static func writeError(lines: String) {
        Self.write(Array(lines.utf8), to: STDERR_FILENO)
    }

    /// From now on, what goes to standard error is appended to a file.
    ///
    /// - Throws: ``CommandFailure`` if the file cannot be opened.
    static func appendErrors(to path: String) throws {
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
        guard file >= 0 else {
            throw CommandFailure(.usage, "The log file \(path) cannot be opened: \(String(cString: strerror(errno))).")
        }
        dup2(file, STDERR_FILENO)
        close(file)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                // Nobody reads any more. There is no other place to say so.
                return
            }
        }
    }
}
