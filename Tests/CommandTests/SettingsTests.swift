import GearclockCore
import Gearman
import Logging
import Testing
import gearclock

/// Flags win over the environment, the environment over the file, the file over the defaults.
struct SettingsTests {
    private func load(
        flags: [SettingKey: [String]] = [:], environment: [String: String] = [:], file: String? = nil
    ) async throws -> Settings {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let path = try file.map { try files.file("gearclock.yaml", $0) }
        let surroundings = Settings.Surroundings(
            environment: environment.merging(["HOME": "/somebody"]) { given, _ in given },
            directory: "/directory", isRoot: false)
        return try await Settings.load(flags: flags, file: path, surroundings: surroundings)
    }

    private func failure(
        flags: [SettingKey: [String]] = [:], environment: [String: String] = [:], file: String? = nil
    ) async -> CommandFailure? {
        await #expect(throws: CommandFailure.self) {
            try await self.load(flags: flags, environment: environment, file: file)
        }
    }

    @Test func `each setting has a default`() async throws {
        let settings = try await self.load()
        #expect(settings.gearman == Sourced([GearmanServerAddress(host: "127.0.0.1", port: 4730)], .standard))
        #expect(
            settings.store.value.description == "main=sqlite:/somebody/.local/state/gearclock/gearclock.sqlite")
        #expect(settings.logLevel == Sourced(.info, .standard))
        #expect(settings.logFormat == Sourced(.text, .standard))
        #expect(settings.readyFile == Sourced(nil, .standard))
        #expect(settings.drainTimeout.value.duration == .seconds(30))
        #expect(settings.answerTimeout.value.duration == .seconds(30))
    }

    @Test func `the first place that has a setting wins`() async throws {
        let file = "logLevel: debug\nlogFormat: json\ndrainTimeout: 7\n"
        let environment = ["GEARCLOCK_LOG_LEVEL": "warning", "GEARCLOCK_LOG_FORMAT": "text"]
        let settings = try await self.load(flags: [.logLevel: ["error"]], environment: environment, file: file)
        #expect(settings.logLevel == Sourced(.error, .flag("--log-level")))
        #expect(settings.logFormat == Sourced(.text, .environment("GEARCLOCK_LOG_FORMAT")))
        #expect(settings.drainTimeout.value.duration == .seconds(7))
        guard case .file("drainTimeout", _) = settings.drainTimeout.origin else {
            Issue.record("\(settings.drainTimeout.origin)")
            return
        }
    }

    @Test func `lists are not merged: the first place that has one wins`() async throws {
        let settings = try await self.load(
            flags: [.gearman: ["a", "b:1"]], environment: ["GEARCLOCK_GEARMAN": "c"], file: "gearman: [d]")
        #expect(settings.gearman.value.map(\.description) == ["a:4730", "b:1"])
    }

    @Test func `several values are separated by commas in the environment`() async throws {
        let settings = try await self.load(environment: ["GEARCLOCK_GEARMAN": "a:1, [::1]:2,c"])
        #expect(settings.gearman.value.map(\.description) == ["a:1", "[::1]:2", "c:4730"])
    }

    @Test(arguments: ["gearman: a:1", "gearman: [a:1]", "gearman:\n  - a:1\n", "---\n# a comment\ngearman: 'a:1'\n"])
    func `the file has one value or a list`(file: String) async throws {
        let settings = try await self.load(file: file)
        #expect(settings.gearman.value.map(\.description) == ["a:1"])
    }

    @Test func `an empty variable counts as not set`() async throws {
        let settings = try await self.load(environment: ["GEARCLOCK_LOG_LEVEL": "", "GEARCLOCK_CONFIG": ""])
        #expect(settings.logLevel == Sourced(.info, .standard))
    }

    @Test func `the variable GEARCLOCK_CONFIG names the file`() async throws {
        let files = try TemporaryDirectory()
        defer { files.remove() }
        let path = try files.file("gearclock.yaml", "logLevel: trace")
        let settings = try await self.load(environment: ["GEARCLOCK_CONFIG": path])
        #expect(settings.logLevel == Sourced(.trace, .file(key: "logLevel", path: path)))
    }

    @Test(arguments: ["", "\n\n", "# logLevel: debug\n", "---\n  # nothing\n"])
    func `a file without content changes nothing`(file: String) async throws {
        let settings = try await self.load(file: file)
        #expect(settings.logLevel == Sourced(.info, .standard))
    }

    @Test(arguments: [
        ("loglevel: info", "loglevel"), ("logLevel: info\nretries: 3", "retries"),
        ("gearman:\n  host: a", "gearman.host"), ("config: x", "config"),
    ])
    func `an unknown key is refused by name`(file: String, key: String) async throws {
        let failure = try #require(await self.failure(file: file))
        #expect(failure.status == .usage)
        #expect(failure.message.hasPrefix("Unknown in "))
        #expect(failure.message.contains(": \(key). "))
    }

    @Test(arguments: [
        "logLevel: [info]", "logLevel: loud", "logLevel:", "drainTimeout: soon", "drainTimeout: -1", "gearman: []",
        "gearman: [a, '']", "gearman: 'a:b'", "store: mariadb://u:secret@h/d", "store: [sqlite:a, sqlite:b]", "[a]",
        "just text", "gearman: [[a]]", "gearman: [a", "logLevel: info\nlogLevel: info",
    ])
    func `a malformed file is refused, and the message names it`(file: String) async throws {
        let failure = try #require(await self.failure(file: file))
        #expect(failure.status == .usage)
        #expect(failure.message.contains("gearclock.yaml"))
        #expect(!failure.message.contains("secret"))
    }

    @Test(arguments: [
        (SettingKey.gearman, "host:0"), (.gearman, ""), (.gearman, "a b"), (.store, "tasks.sqlite"),
        (.store, "redis:x"),
        (.logLevel, "INFO"), (.logFormat, "xml"), (.drainTimeout, "1m"), (.answerTimeout, "nan"),
    ])
    func `a malformed value is refused, and the message names its flag or its variable`(
        key: SettingKey, text: String
    ) async throws {
        let byFlag = try #require(await self.failure(flags: [key: [text]]))
        #expect(byFlag.status == .usage)
        #expect(byFlag.message.hasPrefix(key.flag + ": "))
        guard !text.isEmpty else { return }
        let byVariable = try #require(await self.failure(environment: [key.environmentVariable: text]))
        #expect(byVariable.message.hasPrefix(key.environmentVariable + ": "))
    }

    @Test func `names follow from the key in the file`() {
        let names = SettingKey.allCases.map { [$0.rawValue, $0.flag, $0.environmentVariable] }
        #expect(names.contains(["gearman", "--gearman", "GEARCLOCK_GEARMAN"]))
        #expect(names.contains(["logLevel", "--log-level", "GEARCLOCK_LOG_LEVEL"]))
        #expect(names.contains(["readyFile", "--ready-file", "GEARCLOCK_READY_FILE"]))
    }

    @Test func `what config prints is a file with the same effect`() async throws {
        let settings = try await self.load(
            flags: [.gearman: ["a:1", "b:2"], .store: ["x=sqlite:y z.db"], .logLevel: ["debug"]],
            environment: ["GEARCLOCK_DRAIN_TIMEOUT": "0.5"])
        let again = try await self.load(file: settings.yaml)
        #expect(again.gearman.value == settings.gearman.value)
        #expect(again.store.value == settings.store.value)
        #expect(again.logLevel.value == .debug)
        #expect(again.drainTimeout.value.duration == .milliseconds(500))
        #expect(again.readyFile.value == nil)
        #expect(settings.yaml.contains("logLevel: \"debug\"  # --log-level\n"))
        #expect(settings.json.contains(#""drainTimeout":{"value":0.5,"origin":"GEARCLOCK_DRAIN_TIMEOUT"}"#))
    }
}
