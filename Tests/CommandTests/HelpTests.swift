import Foundation
import Testing

/// The whole help texts, compared with `Fixtures/help`: no flag comes, goes or changes its meaning unnoticed.
///
/// After a change that is meant: `gearclock NAME --help > Fixtures/help/NAME.txt`, and without a name `gearclock.txt`;
/// `gearclock store NAME --help > Fixtures/help/store-NAME.txt`.
struct HelpTests {
    static let subcommands = [
        "up", "worker", "dispatcher", "controller", "jobserver", "submit", "get", "list", "cancel", "stats", "pause",
        "resume",
        "limits", "store",
        "store-migrate", "store-status", "store-verify", "store-check-settings", "store-grants", "config",
    ]

    private static let fixtures = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/help")

    @Test(arguments: ["gearclock"] + HelpTests.subcommands)
    func `a help text is the one in the fixtures`(name: String) async throws {
        let words = name.hasPrefix("store-") ? ["store", String(name.dropFirst("store-".count))] : [name]
        let arguments = name == "gearclock" ? ["--help"] : words + ["--help"]
        let outcome = try await GearclockExecutable.run(arguments)
        let fixture = Self.fixtures.appendingPathComponent(name + ".txt")
        let expected = try String(contentsOf: fixture, encoding: .utf8)
        #expect(outcome.output == expected)
        #expect(outcome.errors == "")
        #expect(outcome.status == 0)
    }

    @Test func `each fixture belongs to a subcommand`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.fixtures.path)
        #expect(files.sorted() == (["gearclock"] + Self.subcommands).map { $0 + ".txt" }.sorted())
    }

    @Test(arguments: ["dashboard", "run-now", "retry", "delete", "doctor", "exec"])
    func `a command without an implementation is not there`(name: String) async throws {
        let outcome = try await GearclockExecutable.run([name])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("'\(name)'"))
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `there is a completion script for each shell`(shell: String) async throws {
        let outcome = try await GearclockExecutable.run(["--generate-completion-script", shell])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("gearclock"))
        #expect(Self.subcommands.filter { !$0.contains("-") }.allSatisfy { outcome.output.contains($0) })
    }

    @Test func `the version is one line`() async throws {
        let outcome = try await GearclockExecutable.run(["--version"])
        #expect(outcome.output.hasPrefix("gearclock "))
        #expect(outcome.output.filter(\.isNewline).count == 1)
        #expect(outcome.status == 0)
    }
}
