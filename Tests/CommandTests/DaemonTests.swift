import Foundation
import GearclockCore
import Testing

/// The life of a daemon process, without a job server: how it starts, what it says, how it stops.
struct DaemonTests {
    @Test(arguments: ["worker", "dispatcher", "controller", "up"])
    func `a daemon waits for a job server, and stops when it is asked to`(name: String) async throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let ready = try files.file("ready", "left behind by a process that was killed")
        let daemon = try RunningGearclock(
            [name, "--gearman", "127.0.0.1:1", "--ready-file", ready], environment: ["XDG_STATE_HOME": files.path])
        #expect(try await daemon.line(containing: "No job server answers") != nil)
        #expect(!FileManager.default.fileExists(atPath: ready))
        #expect(FileManager.default.fileExists(atPath: files.path + "/gearclock/gearclock.sqlite"))
        daemon.terminate()
        #expect(try await daemon.line(containing: "Stopped") != nil)
        #expect(await daemon.status == 0)
    }

    @Test func `the log of a daemon can be JSON, and starts with its seed`() async throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let daemon = try RunningGearclock(
            ["worker", "--gearman", "127.0.0.1:1", "--log-format", "json", "--store", "x=sqlite:\(files.path)/tasks"],
            environment: [:])
        let line = try #require(try await daemon.line(containing: "Starting"))
        daemon.terminate()
        let object = try #require(try JSONParser.parse(Array(line.utf8)).object)
        #expect(object["level"] == .text("info"))
        #expect(object["label"] == .text("gearclock.worker"))
        let metadata = try #require(object["metadata"]?.object)
        #expect(metadata["seed"] != nil)
        #expect(metadata["store"] == .text("x=sqlite:\(files.path)/tasks"))
        #expect(await daemon.status == 0)
    }

    @Test func `a ready file that cannot be replaced is wrong usage`() async throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let outcome = try await GearclockExecutable.run(
            ["worker", "--gearman", "127.0.0.1:1", "--ready-file", files.path, "--store", "sqlite:\(files.path)/tasks"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("Error: The ready file \(files.path) is in the way"))
    }
}
