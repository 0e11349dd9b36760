import Testing

/// A rule that never finds anything looks just like a project that keeps it: each is shown a planted violation.
@Suite struct RulesTests {
    private static let core = "Sources/GearclockCore/Dispatcher/Planted.swift"
    private static let daemon = "Sources/GearclockDispatcher/Planted.swift"
    private static let packet = "Sources/Gearman/Packet/Planted.swift"

    @Test(arguments: [
        (core, "let now = Date.now"),
        (core, "func f() async {}"),
        (core, "let log: Logger"),
        (core, "public struct A {}"),
        (daemon, "Task { await f() }"),
        (daemon, "Task(priority: .high) { }"),
        (daemon, "Task\n    .detached { }"),
        (daemon, "try await Task.sleep(for: .seconds(1))"),
        (daemon, "queue.sync { }"),
        (daemon, "final class A: @unchecked Sendable {}"),
        (daemon, "let a = try! f()"),
        (daemon, "print(\"\\(try! f())\")"),
        (daemon, "FileManager.default.currentDirectoryPath"),
        (packet, "let a = values.shuffled()"),
        ("Tests/GearmanTests/Planted.swift", "@testable import Gearman"),
        ("Tests/GearmanTests/Planted.swift", "let s = DispatchSemaphore(value: 0)"),
        ("Sources/Newcomer/Planted.swift", "let harmless = 1"),
    ])
    func `a banned word is found`(path: String, code: String) {
        #expect(!Rules.bannedWords(SourceCode(path: path, text: code)).isEmpty)
    }

    @Test(arguments: [
        (core, "// Date.now is what we never ask.\nlet text = \"Date.now\""),
        (core, "/* Task { /* nested */ } */ let a = 1"),
        (core, "let a = #\"try! \\(try!) \"# + \"\"\"\n    Date.now \"quoted\"\n    \"\"\""),
        (core, "let task: ClaimedTask = ClaimedTask(a)"),
        (core, "func `an async test of Date.now`() {}"),
        (daemon, "try await self.environment.clock.sleep(until: deadline)"),
        (daemon, "let value = Int.random(in: 0..<3, using: &random)"),
        ("Sources/GearclockEnvironment/SystemClock.swift", "try await Task.sleep(for: wait)"),
        ("Sources/Gearman/Client/Planted.swift", "public struct GearmanPlanted {}"),
    ])
    func `what is only spoken of, or permitted, is not found`(path: String, code: String) {
        #expect(Rules.bannedWords(SourceCode(path: path, text: code)).isEmpty)
    }

    @Test func `a random number without a generator is found`() {
        let code = "let a = Int.random(in: 0..<max(1, 2))\nlet b = Int.random(\n    in: 0...3, using: &random)"
        #expect(Rules.chance(SourceCode(path: Self.daemon, text: code)).map(\.line) == [1])
    }

    @Test func `an import that crosses a wall is found`() {
        let code = "internal import GearclockCore\npackage import struct GRDB.Row\nimport Foundation\n// import Nothing"
        let found = Rules.imports(SourceCode(path: Self.daemon, text: code))
        #expect(found.map(\.line) == [2, 3])
    }

    @Test func `the core imports FoundationEssentials in Wire and nowhere else`() {
        let code = "internal import FoundationEssentials"
        #expect(Rules.imports(SourceCode(path: "Sources/GearclockCore/Wire/A.swift", text: code)).isEmpty)
        #expect(!Rules.imports(SourceCode(path: Self.core, text: code)).isEmpty)
    }

    @Test func `a file of 501 lines is too long and one of 500 is not`() {
        func sizes(_ lines: Int) -> [Violation] {
            Rules.sizes(SourceCode(path: Self.core, text: String(repeating: "let a = 1\n", count: lines)))
        }
        #expect(sizes(500).isEmpty)
        #expect(sizes(501).map(\.line) == [501])
    }

    @Test func `a line of 121 columns is too long, and columns are characters`() {
        func sizes(_ line: String) -> [Violation] { Rules.sizes(SourceCode(path: Self.core, text: line)) }
        #expect(sizes("// " + String(repeating: "…", count: 117)).isEmpty)
        #expect(sizes("// " + String(repeating: "…", count: 118)).map(\.line) == [1])
    }

    @Test(arguments: [
        "func f(a: Int = { 1 }()) -> Int {", "init?<T>(_ value: T) where T: Sendable {", "func f()\n{",
    ])
    func `a function of 61 lines is too long and one of 60 is not`(head: String) {
        func functions(_ lines: Int) -> [Violation] {
            let filler = lines - 1 - head.split(separator: "\n").count
            let body = String(repeating: "    g(\"{\")\n", count: filler)
            return Rules.sizes(SourceCode(path: Self.core, text: "struct A {\n\(head)\n\(body)}\n}\n"))
        }
        #expect(functions(60).isEmpty)
        #expect(functions(61).map(\.line) == [2])
    }

    @Test func `a requirement without a body does not swallow what follows`() {
        let filler = String(repeating: "let a = 1\n", count: 100)
        let code = "protocol P {\n    func f()\n    func g()\n}\nlet b = A.init(1)\nstruct S {\n\(filler)}\n"
        #expect(Rules.sizes(SourceCode(path: Self.core, text: code)).isEmpty)
    }

    @Test func `a default in a state machine is found`() {
        let machine = SourceCode(
            path: "Sources/GearclockCore/PlantedStateMachine+A.swift", text: "switch a { default: b[c, default: 0] }")
        #expect(Rules.machineDefaults(machine).count == 1)
        #expect(Rules.machineDefaults(SourceCode(path: Self.core, text: "switch a { default: b }")).isEmpty)
    }

    @Test func `a type without a doc comment is found`() {
        let code =
            "/// Says what it is.\n@frozen\npackage struct A {}\n\npackage enum B {}\nprivate struct C {}\nlet d = 1\n"
        #expect(DeclarationRules.documentation(SourceCode(path: Self.core, text: code)).map(\.line) == [5])
    }

    @Test func `a name that says nothing is found`() {
        let code =
            "struct StoreManager {}\npublic final class Client {}\npublic struct GearmanClient {}\nactor Worker {}\n"
        #expect(DeclarationRules.names(SourceCode(path: Self.packet, text: code)).map(\.line) == [1, 2, 4])
    }

    @Test func `unfinished work is found, in comments too`() {
        let text = "a\n// \(unfinishedWords[0]): later\n# \(unfinishedWords[1])\nmethODO"
        #expect(Rules.unfinishedWork(path: "Scripts/planted", text: text).map(\.line) == [2, 3])
    }

    @Test func `a place of one machine is found, another's address is not`() {
        let text = "cd /" + "home/me\nhttps://example.org/home/page\nbuild/work/x\n\"/" + "work/x\""
        #expect(ProjectRules.machinePaths(path: "README.md", text: text).map(\.line) == [1, 4])
    }

    @Test func `an unused fixture is found`() {
        let fixtures = [
            "Fixtures/seeds.txt", "Fixtures/packets/echo.hex", "Fixtures/tasks/bad.json", "Fixtures/README.md",
        ]
        let found = ProjectRules.unusedFixtures(fixtures, readers: "read(\"seeds.txt\") readAll(\"packets\")")
        #expect(found.map(\.path) == ["Fixtures/tasks/bad.json"])
    }

    @Test func `two titles are found, comments in code blocks are not titles`() {
        #expect(ProjectRules.titles(path: "A.md", text: "# A\n```sh\n# comment\n```\n## B").isEmpty)
        #expect(ProjectRules.titles(path: "A.md", text: "# A\n# B").count == 1)
        #expect(ProjectRules.titles(path: "A.md", text: "no title").count == 1)
    }

    @Test func `an example that is in no code is found`() {
        func examples(_ text: String) -> [Int] {
            ProjectRules.examples(path: "A.md", text: text, code: "func a() {\n    b()\n    c()\n}\n").map(\.line)
        }
        #expect(examples("# A\n```swift\nb()\nc()\n```\n").isEmpty)
        #expect(examples("# A\n```swift\nb()\nd()\n```\n```sh\nd\n```\n") == [2])
    }

    @Test func `a script that cannot be run is found`() {
        func scripts(_ path: String, _ text: String, _ isExecutable: Bool) -> Int {
            ProjectRules.scripts(path: path, text: text, isExecutable: isExecutable).count
        }
        #expect(scripts("Scripts/up", "#!/usr/bin/env bash", true) == 0)
        #expect(scripts("Scripts/up", "#!/usr/bin/env bash", false) == 1)
        #expect(scripts("Scripts/up", "echo", false) == 1)
        #expect(scripts("Scripts/lib/part.sh", "echo", false) == 0)
        #expect(scripts("README.md", "# A", true) == 1)
    }
}
