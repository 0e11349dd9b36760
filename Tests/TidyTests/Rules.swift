/// A place that breaks a rule, as a compiler would name it.
struct Violation: Equatable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(self.path):\(self.line): \(self.message)" }
}

/// The rules that one Swift file can break by itself.
enum Rules {
    static let linesPerFile = 500
    static let linesPerFunction = 60
    static let columns = 120

    static func bannedWords(_ file: SourceCode) -> [Violation] {
        guard let room = Room(of: file.path) else {
            return [Violation(path: file.path, line: 1, message: "has no room: give its folder one in Room.swift")]
        }
        return BannedWord.all.flatMap { banned -> [Violation] in
            guard banned.rooms.contains(room), !banned.except.contains(file.path) else { return [] }
            return file.occurrences(of: banned.word).map {
                Violation(
                    path: file.path, line: file.line(of: $0),
                    message: "`\(banned.word)` is banned here; use \(banned.instead)")
            }
        }
    }

    /// `.random(in:)` needs `using:`; whatever its range is.
    static func chance(_ file: SourceCode) -> [Violation] {
        file.occurrences(of: ".random ( in :").compactMap { start in
            var depth = 0
            var end = start
            while end < file.code.count {
                if file.code[end] == UInt8(ascii: "(") { depth += 1 }
                if file.code[end] == UInt8(ascii: ")") {
                    depth -= 1
                    if depth == 0 { break }
                }
                end += 1
            }
            guard !String(decoding: file.code[start..<end], as: UTF8.self).contains("using:") else { return nil }
            return Violation(
                path: file.path, line: file.line(of: start),
                message: "`.random(in:)` draws from the system; pass a generator (`using:`)")
        }
    }

    static func imports(_ file: SourceCode) -> [Violation] {
        let matching = allowedImports.filter { file.path.hasPrefix($0.folder) }
        guard let allowed = matching.max(by: { $0.folder.utf8.count < $1.folder.utf8.count }) else { return [] }
        return file.codeLines.enumerated().compactMap { number, line in
            let words = line.split(whereSeparator: { $0 == " " || $0 == "." })
            guard let position = words.firstIndex(of: "import"), position <= 2, words.count > position + 1,
                words[..<position].allSatisfy({ ["internal", "package", "public", "private"].contains($0) })
            else { return nil }
            let module = String(words[position + 1])
            guard !allowed.modules.contains(module) else { return nil }
            return Violation(
                path: file.path, line: number + 1, message: "\(allowed.folder) does not import \(module)")
        }
    }

    static func sizes(_ file: SourceCode) -> [Violation] {
        let lines = file.lines
        var found = lines.enumerated().compactMap { number, line -> Violation? in
            let width = line.unicodeScalars.count
            guard width > Self.columns else { return nil }
            return Violation(path: file.path, line: number + 1, message: "\(width) columns; \(Self.columns) at most")
        }
        if lines.count > Self.linesPerFile + 1 {
            found.append(
                Violation(
                    path: file.path, line: Self.linesPerFile + 1,
                    message: "\(lines.count - 1) lines; split by topic, \(Self.linesPerFile) at most"))
        }
        return found
            + FunctionLengths(of: file).functions.filter { $0.lines > Self.linesPerFunction }.map {
                Violation(
                    path: file.path, line: $0.line,
                    message: "a function of \($0.lines) lines; \(Self.linesPerFunction) at most")
            }
    }

    static func unfinishedWork(path: String, text: String) -> [Violation] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { number, line in
            unfinishedWords.filter { word in
                line.split(whereSeparator: { !$0.isLetter }).contains { $0 == word }
            }.map {
                Violation(path: path, line: number + 1, message: "`\($0)`: finish it, or file an issue")
            }
        }
    }

    /// A machine's `switch` names every state, so that a new state cannot be forgotten.
    static func machineDefaults(_ file: SourceCode) -> [Violation] {
        guard file.path.contains("StateMachine"), Room(of: file.path) != .tests else { return [] }
        return file.occurrences(of: "default :").filter { start in
            // `counts[key, default: 0]` is something else.
            file.code[..<start].last { !$0.isWhiteSpace } != UInt8(ascii: ",")
        }.map {
            Violation(
                path: file.path, line: file.line(of: $0), message: "`default:` in a state machine; list every state")
        }
    }
}
