import Foundation

/// The files of this project that have rules, read once.
struct Project {
    static let current = Result { try Project(top: Project.top) }

    /// Where Package.swift lies.
    static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct TextFile {
        /// Relative to the top of the project.
        let path: String
        let text: String
        let isExecutable: Bool
    }

    /// Swift, shell, Perl, Markdown and the like; everything but fixtures.
    let texts: [TextFile]
    let swift: [SourceCode]
    /// Their paths.
    let fixtures: [String]

    private static let folders = [".ci", "Fixtures", "Scripts", "Sources", "Tests"]

    private init(top: URL) throws {
        var paths = try FileManager.default.contentsOfDirectory(atPath: top.path).filter {
            $0.hasSuffix(".md") || $0 == "Package.swift"
        }
        for folder in Self.folders {
            let inside = FileManager.default.enumerator(atPath: top.appending(path: folder).path)
            while let path = inside?.nextObject() as? String {
                guard inside?.fileAttributes?[.type] as? FileAttributeType == .typeRegular else { continue }
                paths.append("\(folder)/\(path)")
            }
        }
        paths.sort()
        self.fixtures = paths.filter { $0.hasPrefix("Fixtures/") }
        self.texts = try paths.filter { !$0.hasPrefix("Fixtures/") || $0.hasSuffix(".md") }.map { path in
            let file = top.appending(path: path)
            return TextFile(
                path: path, text: String(decoding: try Data(contentsOf: file), as: UTF8.self),
                isExecutable: FileManager.default.isExecutableFile(atPath: file.path))
        }
        self.swift = self.texts.filter { $0.path.hasSuffix(".swift") }.map {
            SourceCode(path: $0.path, text: $0.text)
        }
    }

    /// What reads fixtures: the text of every test and script.
    var readers: String {
        self.texts.filter { $0.path.hasPrefix("Tests/") || $0.path.hasPrefix("Scripts/") }.map(\.text).joined()
    }
}
