import Testing

/// This project keeps its rules.
@Suite struct ProjectTests {
    let project: Project

    init() throws {
        self.project = try Project.current.get()
    }

    @Test func `the project was found`() {
        #expect(self.project.swift.contains { $0.path == "Tests/TidyTests/ProjectTests.swift" })
        #expect(self.project.texts.contains { $0.path == "CONTRIBUTING.md" })
    }

    @Test func `no room uses a word that is banned there`() {
        self.expectNone(self.project.swift.flatMap(Rules.bannedWords))
    }

    @Test func `every random number has a generator`() {
        self.expectNone(self.project.swift.flatMap(Rules.chance))
    }

    @Test func `every folder imports only what it may`() {
        self.expectNone(self.project.swift.flatMap(Rules.imports))
    }

    @Test func `files, functions and lines are short`() {
        self.expectNone(self.project.swift.flatMap(Rules.sizes))
    }

    @Test func `a machine's switch names every state`() {
        self.expectNone(self.project.swift.flatMap(Rules.machineDefaults))
    }

    @Test func `every type says what it is`() {
        self.expectNone(self.project.swift.flatMap(DeclarationRules.documentation))
    }

    @Test func `names say something`() {
        self.expectNone(self.project.swift.flatMap(DeclarationRules.names))
    }

    @Test func `nothing is left unfinished`() {
        self.expectNone(self.project.texts.flatMap { Rules.unfinishedWork(path: $0.path, text: $0.text) })
    }

    @Test func `no file names a place of one machine`() {
        self.expectNone(self.project.texts.flatMap { ProjectRules.machinePaths(path: $0.path, text: $0.text) })
    }

    @Test func `every fixture is used`() {
        self.expectNone(ProjectRules.unusedFixtures(self.project.fixtures, readers: self.project.readers))
    }

    @Test func `every Markdown file has one title`() {
        let documents = self.project.texts.filter { $0.path.hasSuffix(".md") }
        self.expectNone(documents.flatMap { ProjectRules.titles(path: $0.path, text: $0.text) })
    }

    @Test func `the examples of the library's articles are compiled`() {
        let code = self.project.texts.filter { $0.path.hasPrefix("Tests/Support/EmbeddingExample/") }.map(\.text)
        let articles = self.project.texts.filter { $0.path.hasPrefix("Sources/Gearman/Gearman.docc/") }
        #expect(!code.isEmpty && !articles.isEmpty)
        self.expectNone(
            articles.flatMap {
                ProjectRules.examples(path: $0.path, text: $0.text, code: code.joined(separator: "\n"))
            })
    }

    @Test func `scripts can be run`() {
        self.expectNone(
            self.project.texts.flatMap {
                ProjectRules.scripts(path: $0.path, text: $0.text, isExecutable: $0.isExecutable)
            })
    }

    private func expectNone(_ violations: [Violation], at location: SourceLocation = #_sourceLocation) {
        for violation in violations {
            Issue.record("\(violation)", sourceLocation: location)
        }
    }
}
