import Foundation

/// The rules about files that are not Swift, and about files that belong together.
enum ProjectRules {
    /// A fixture is named in a test or script, or its folder is, where all of a folder is read.
    static func unusedFixtures(_ fixtures: [String], readers: String) -> [Violation] {
        fixtures.filter { !$0.hasSuffix(".md") }.compactMap { path in
            let parts = path.split(separator: "/")
            let folders = parts.dropFirst().dropLast()
            let isNamed =
                parts.last.map { readers.contains($0) } == true
                || folders.contains { readers.contains("\"\($0)\"") || readers.contains("Fixtures/\($0)") }
            return isNamed ? nil : Violation(path: path, line: 1, message: "no test and no script reads this fixture")
        }
    }

    /// The project stands alone: it names no place of the machine that it was written on.
    static func machinePaths(path: String, text: String) -> [Violation] {
        let folders = ["home", "root", "Users", "work", "farm", "mnt"].map { "/\($0)/" } + ["../" + "shared"]
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { number, line in
            folders.filter { line.contains($0) && !self.isInsideOfPath($0, in: line) }.map {
                Violation(path: path, line: number + 1, message: "`\($0)` is a place of one machine")
            }
        }
    }

    /// `a/home/b` is a relative path, and `https://x/home/` is another machine's.
    private static func isInsideOfPath(_ folder: String, in line: Substring) -> Bool {
        guard let place = line.range(of: folder), place.lowerBound > line.startIndex, folder.hasPrefix("/") else {
            return false
        }
        let before = line[line.index(before: place.lowerBound)]
        return before.isLetter || before.isNumber || before == "." || before == "_" || before == "-" || before == "}"
    }

    /// A Markdown file has one title.
    static func titles(path: String, text: String) -> [Violation] {
        var isInFence = false
        let titles = text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            if line.hasPrefix("```") { isInFence.toggle() }
            return !isInFence && line.hasPrefix("# ")
        }
        guard titles.count != 1 else { return [] }
        return [Violation(path: path, line: 1, message: "\(titles.count) titles (`# …`); one, please")]
    }

    /// What an article shows in Swift is a part of code that is compiled.
    static func examples(path: String, text: String, code: String) -> [Violation] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let starts = lines.indices.filter { lines[$0] == "```swift" }
        return starts.compactMap { start in
            let block = lines[(start + 1)...].prefix { $0 != "```" }
            guard !self.unindented(code).contains(self.unindented(block.joined(separator: "\n"))) else { return nil }
            return Violation(path: path, line: start + 1, message: "this example is in no code that is compiled")
        }
    }

    private static func unindented(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "\n")
    }

    /// What is meant to be run can be run.
    static func scripts(path: String, text: String, isExecutable: Bool) -> [Violation] {
        let isScript = text.hasPrefix("#!")
        let isMeantToRun = path == ".ci/run" || (path.hasPrefix("Scripts/") && !path.hasPrefix("Scripts/lib/"))
        switch (isScript, isExecutable) {
        case (true, false): return [Violation(path: path, line: 1, message: "begins with #! but is not executable")]
        case (false, true): return [Violation(path: path, line: 1, message: "is executable but does not begin with #!")]
        case (false, false) where isMeantToRun:
            return [Violation(path: path, line: 1, message: "is a script: begin with #! and make it executable")]
        case (true, true), (false, false): return []
        }
    }
}
