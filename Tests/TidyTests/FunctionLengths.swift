/// Finds the functions of a file and counts their lines, from `func`, `init`, `deinit` or `subscript` to the brace that
/// closes them. It follows brackets only: what has no body (a requirement of a protocol) is not counted.
struct FunctionLengths {
    struct Function: Equatable {
        let line: Int
        let lines: Int
    }

    let functions: [Function]

    init(of file: SourceCode) {
        self.functions = ["func", "init", "deinit", "subscript"].flatMap { keyword in
            file.occurrences(of: keyword).compactMap { Self.function(at: $0, keyword: keyword, in: file) }
        }
    }

    private static func function(at start: Int, keyword: String, in file: SourceCode) -> Function? {
        // `.init(…)` and `self.init(…)` are calls.
        if start > 0, file.code[start - 1] == UInt8(ascii: ".") { return nil }
        guard let opening = Self.bodyStart(after: start + keyword.utf8.count, in: file) else { return nil }
        var depth = 0
        for position in opening..<file.code.count {
            if file.code[position] == UInt8(ascii: "{") { depth += 1 }
            if file.code[position] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 {
                let line = file.line(of: start)
                return Function(line: line, lines: file.line(of: position) - line + 1)
            }
        }
        return nil
    }

    /// The first `{` outside parentheses, unless the scope ends or another function begins before it.
    private static func bodyStart(after start: Int, in file: SourceCode) -> Int? {
        let nextFunction = [UInt8]("func ".utf8)
        var depth = 0
        for position in start..<file.code.count {
            switch file.code[position] {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "{") where depth == 0: return position
            case UInt8(ascii: "}") where depth <= 0: return nil
            case UInt8(ascii: "f") where depth == 0 && file.code[position...].starts(with: nextFunction):
                return nil
            default: break
            }
            if depth < 0 { return nil }
        }
        return nil
    }
}
