/// The rules about what the types of `Sources` are called and how they are introduced.
///
/// They look at declarations that begin in the first column, which is where the formatter puts every top-level one.
enum DeclarationRules {
    private static let kinds: Set<Substring> = ["struct", "enum", "class", "actor", "protocol"]
    private static let modifiers: Set<Substring> = ["public", "package", "internal", "private", "final", "indirect"]

    /// Every type says in a doc comment what it is.
    static func documentation(_ file: SourceCode) -> [Violation] {
        let lines = file.lines
        return self.types(of: file).filter { !$0.isPrivate }.compactMap { type in
            var above = type.line - 2
            while above >= 0, lines[above].hasPrefix("@") || lines[above].hasPrefix("#if") { above -= 1 }
            guard above < 0 || !lines[above].hasPrefix("///") else { return nil }
            return Violation(
                path: file.path, line: type.line, message: "`\(type.name)` needs a doc comment that says what it is")
        }
    }

    static func names(_ file: SourceCode) -> [Violation] {
        self.types(of: file).compactMap { type in
            if let ending = emptyNames.first(where: { type.name.hasSuffix($0) }) {
                return Violation(
                    path: file.path, line: type.line, message: "`\(type.name)`: `\(ending)` says nothing")
            }
            if type.isPublic, !type.name.hasPrefix("Gearman") {
                return Violation(
                    path: file.path, line: type.line, message: "`\(type.name)` is public and must begin with Gearman")
            }
            if type.name == "Task" || type.name == "Worker" {
                return Violation(
                    path: file.path, line: type.line, message: "`\(type.name)` alone means two things here")
            }
            return nil
        }
    }

    private struct TypeDeclaration {
        let name: String
        let line: Int
        let isPublic: Bool
        let isPrivate: Bool
    }

    private static func types(of file: SourceCode) -> [TypeDeclaration] {
        guard file.path.hasPrefix("Sources/") else { return [] }
        return file.codeLines.enumerated().compactMap { number, line in
            guard line.first?.isLetter == true else { return nil }
            let words = line.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") })
            guard let kind = words.firstIndex(where: { !self.modifiers.contains($0) }),
                self.kinds.contains(words[kind]),
                words.count > kind + 1
            else { return nil }
            return TypeDeclaration(
                name: String(words[kind + 1]), line: number + 1, isPublic: words[..<kind].contains("public"),
                isPrivate: words[..<kind].contains("private"))
        }
    }
}
