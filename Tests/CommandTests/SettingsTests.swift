import GearclockCore
import GearclockMariaDB
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
        #expect(
            settings.gearman
                == Sourced([JobServerLocation(GearmanServerAddress(host: "127.0.0.1", port: 4730))], .standard))
        #expect(
            settings.stores.value.map(\.description) == [
                "main=sqlite:/somebody/.local/state/gearclock/gearclock.sqlite"
            ])
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

    @Test func `a job server is reached by TLS if it says so`() async throws {
        let settings = try await self.load(
            flags: [.sslCaFile: ["ca.pem"]], environment: ["GEARCLOCK_GEARMAN": "tls://a, tls://[::1]:2, b:3"],
            file: "sslCertificate: c.pem\nsslKey: c.key\nsslServerName: jobs.example\n")
        #expect(settings.gearman.value.map(\.description) == ["tls://a:4730", "tls://[::1]:2", "b:3"])
        #expect(settings.gearman.value.map(\.isSecured) == [true, true, false])
        #expect(settings.sslCaFile == Sourced("ca.pem", .flag("--ssl-ca-file")))
        #expect(settings.sslCertificate.value == "c.pem")
        #expect(settings.sslKey.value == "c.key")
        #expect(settings.sslServerName.value == "jobs.example")
        let again = try await self.load(file: settings.yaml)
        #expect(again.gearman.value == settings.gearman.value)
        #expect(again.sslCaFile.value == "ca.pem")
    }

    @Test func `TLS that is not used, or not always, is refused`() async throws {
        let unused = await self.failure(flags: [.sslCaFile: ["ca.pem"], .gearman: ["a"]])
        #expect(unused?.message == "--ssl-ca-file: no job server is reached by TLS; write tls://HOST:PORT.")
        let twice = await self.failure(environment: ["GEARCLOCK_GEARMAN": "tls://a,a"])
        #expect(twice?.message == "GEARCLOCK_GEARMAN: a:4730 stands there with TLS and without it.")
        for text in ["tls:a", "tls://", "ssl://a", "tls://a/"] {
            #expect(await self.failure(flags: [.gearman: [text]])?.message.contains("is not an address") == true)
        }
        // A file may be for other commands too.
        _ = try await self.load(flags: [.gearman: ["a"]], file: "sslCaFile: ca.pem")
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
        "gearman: [a, '']", "gearman: 'a:b'", "store: mariadb://u:secret@h/d/e", "store: [sqlite:a, sqlite:b]", "[a]",
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

    @Test(arguments: [
        ("sqlite:a,b.db", ["sqlite:a,b.db"]),
        ("a=sqlite:x?number=0, b=sqlite:y?number=1", ["a=sqlite:x?number=0", "b=sqlite:y?number=1"]),
        ("mariadb://u@h1,h2:1,mariadb:2/d", ["mariadb://u@h1,h2:1,mariadb:2/d"]),
        ("mariadb://u:p,w@h,mysql://v@i,j,c=mariadb://k,l", ["mariadb://u:p,w@h", "mysql://v@i,j", "c=mariadb://k,l"]),
        ("sqlite:a,x=y,sqlite:b", ["sqlite:a,x=y", "sqlite:b"]), ("sqlite:a,", ["sqlite:a,"]),
        ("a=b=sqlite:c,a b=sqlite:d", ["a=b=sqlite:c,a b=sqlite:d"]), ("redis:x,sqlite:b", ["redis:x", "sqlite:b"]),
    ])
    func `a comma in the variable begins a store only where a kind of store follows`(text: String, parts: [String]) {
        #expect(StoreLocations.split(text) == parts)
    }

    @Test func `several stores have names and numbers`() async throws {
        let environment = ["GEARCLOCK_STORE": "east=sqlite:/a,b?number=3,west=mariadb://h1,h2:1/d?number=4&tls=off"]
        let stores = try await self.load(environment: environment).stores.value
        #expect(stores.map(\.name) == ["east", "west"] && stores.map(\.number) == [3, 4])
        #expect(
            stores.map(\.description) == [
                "east=sqlite:/a,b?number=3", "west=mariadb://gearclock@h1:3306,h2:1/d?number=4&tls=off",
            ])
        #expect(try await self.load(flags: [.store: ["sqlite:/a"]]).stores.value.map(\.number) == [0])
        #expect(try await self.load(flags: [.store: ["sqlite:/a?number=5"]]).stores.value.map(\.number) == [5])
    }

    @Test(arguments: [
        (["a=sqlite:x?number=1", "b=sqlite:y?number=1"], "same number, 1"),
        (["a=sqlite:x?number=1", "b=sqlite:y"], "ids"),
        (["sqlite:x?number=0", "sqlite:y?number=1"], "have the name main;"),
        (["a-b=sqlite:x?number=0", "A.b=sqlite:y?number=1"], "a-b and A.b"),
    ])
    func `stores that cannot be told apart are refused, and it is said why`(texts: [String], why: String) async throws {
        let failure = try #require(await self.failure(flags: [.store: texts]))
        #expect(failure.status == .usage && failure.message.hasPrefix("--store: "))
        #expect(failure.message.contains(why), "\(failure.message)")
    }

    @Test func `a password comes from the location, from the variable of the store, or from that of all`() async throws
    {
        let environment = ["GEARCLOCK_STORE_PASSWORD": "all", "GEARCLOCK_STORE_PASSWORD_NORTH_1": "north"]
        let settings = try await self.load(
            flags: [
                .store: [
                    "a=mariadb://u:own@h?number=1", "north-1=mariadb://u@h?number=2", "c=mariadb://u@h?number=3",
                    "d=mariadb://u@h?number=4&password_file=/p", "e=sqlite:/e?number=5",
                ]
            ], environment: environment)
        let passwords = settings.stores.value.map { store -> String? in
            if case .mariadb(let url) = store.place { url.configuration.password?.text } else { nil }
        }
        #expect(passwords == ["own", "north", "all", nil, nil])
        for shown in [settings.yaml, settings.json] {
            for secret in ["own@", ":own", "\"all", "north\"", "=north"] { #expect(!shown.contains(secret)) }
        }
    }

    @Test func `a password is visible only on the command line`() async throws {
        let store = "mariadb://u:secret@h"
        #expect(try await self.load(flags: [.store: [store]]).hasVisiblePassword)
        #expect(try await !self.load(flags: [.store: ["mariadb://u@h"]]).hasVisiblePassword)
        #expect(try await !self.load(environment: ["GEARCLOCK_STORE": store]).hasVisiblePassword)
        #expect(try await !self.load(file: "store: \(store)").hasVisiblePassword)
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
        #expect(again.stores.value == settings.stores.value)
        #expect(again.logLevel.value == .debug)
        #expect(again.drainTimeout.value.duration == .milliseconds(500))
        #expect(again.readyFile.value == nil)
        #expect(settings.yaml.contains("logLevel: \"debug\"  # --log-level\n"))
        #expect(settings.json.contains(#""drainTimeout":{"value":0.5,"origin":"GEARCLOCK_DRAIN_TIMEOUT"}"#))
    }
}
