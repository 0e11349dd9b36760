import GearclockCore
import GearclockEnvironment
import GearclockMariaDB
import MariaDBServer
import TaskStoreConformance
import Testing

@Suite struct AdministrationTests {
    private func administration(_ configuration: MariaDBConfiguration) -> MariaDBAdministration {
        MariaDBAdministration(configuration: configuration, clock: SystemClock())
    }

    @Test func `a migration says what it made`() async throws {
        let administration = self.administration(try await MariaDBServer.shared().makeDatabase())
        let first = try await administration.migrate()
        #expect(first.made == ["tasks", "jobs", "outcomes"] && first.defect == nil)
        #expect(try await administration.migrate().made.isEmpty)
    }

    @Test func `the status tells the tasks, and what is wrong with each node`() async throws {
        let fixture = try await StoreFixture()
        try await fixture.insert(1...3)
        _ = try await fixture.store.claimDue(StoredTask.claim(limit: 1), now: StoredTask.now)
        var configuration = fixture.configuration
        let count = configuration.nodes.count
        configuration.nodes.append(.init(host: "127.0.0.1", port: 1))
        let status = await self.administration(configuration).status()
        #expect(status.counts?.scheduled == 2 && status.counts?.running == 1)
        #expect(status.nodes.map(\.isWell) == [Bool](repeating: true, count: count) + [false])
        #expect(status.nodes[0].schemaVersion == MariaDBSchema.version)
        let offset = try #require(status.nodes[0].clockOffset)
        #expect(offset > .seconds(-2) && offset < .seconds(2))
        #expect(status.nodes[count].failure != nil)
        await fixture.end()
    }

    @Test func `a database without a schema is said to have none`() async throws {
        let administration = self.administration(try await MariaDBServer.shared().makeDatabase())
        let status = await administration.status()
        #expect(status.counts == nil && !status.nodes[0].isWell)
        #expect(status.nodes[0].schemaProblem?.contains("store migrate") == true)
        #expect(await !administration.verify().isGood)
    }

    @Test func `a sound database is verified, and each kind of damage is found`() async throws {
        let fixture = try await StoreFixture()
        try await fixture.insert(1...3)
        let administration = self.administration(fixture.configuration)
        let sound = await administration.verify()
        #expect(sound.isGood, "\(sound.checks.filter { $0.result != .good })")
        let id = StoredTask.id(2).literal
        let damages = [
            ("UPDATE task SET priority = 9 WHERE id = \(id)", "keeps the rules", "UPDATE task SET priority = 1"),
            (
                "INSERT INTO attempt VALUES (x'\(String(repeating: "0", count: 32))', 1, 1, 1, 1, 1, '')", "belongs to",
                "DELETE FROM attempt"
            ),
            (
                "UPDATE task SET state = 1, owner = 5, wake_at = 5 WHERE id = \(id)", "still running",
                "UPDATE task SET state = 0, owner = NULL, wake_at = due_at"
            ),
            (
                "ALTER TABLE task DROP CONSTRAINT task_state", "as the program knows",
                "ALTER TABLE task ADD CONSTRAINT task_state CHECK (state <= 5)"
            ),
            (
                "ALTER TABLE task DROP INDEX task_wake", "as the program knows",
                "ALTER TABLE task ADD KEY task_wake (lane, wake_at)"
            ),
        ]
        for (damage, name, repair) in damages {
            try fixture.write(damage)
            let bad = await administration.verify().checks.filter { $0.result == .bad }
            #expect(!bad.isEmpty && bad.allSatisfy { $0.name.contains(name) }, "\(damage): \(bad)")
            try fixture.write(repair)
        }
        #expect(await administration.verify().isGood)
        await fixture.end()
    }

    @Test func `settings are judged by their values`() async throws {
        let server = try await MariaDBServer.start(arguments: [
            "--max-allowed-packet=1M", "--innodb-flush-log-at-trx-commit=2",
        ])
        let administration = self.administration(try server.makeDatabase())
        let settings = await administration.checkSettings()
        let levels = Dictionary(uniqueKeysWithValues: settings[0].findings.map { ($0.name, $0.level) })
        #expect(levels["version"] == .good)
        #expect(levels["innodb_flush_log_at_trx_commit"] == .wrong)
        #expect(levels["max_allowed_packet"] == .advice)
        #expect(levels["innodb_doublewrite"] == .good)
        #expect(settings[0].level == .wrong)
    }

    @Test func `sizes and spans are read as the server writes them`() {
        let cases: [(SettingRule.Condition, String, Bool)] = [
            (.isAtLeast(512 << 20), "512M", true), (.isAtLeast(512 << 20), "536870911", false),
            (.isAtLeast(512 << 20), "1G", true), (.isAtLeast(1), "", false),
            (.isAtLeast(1), "9223372036854775807G", false),
            (.lastsAtMost(seconds: 1.5), "PT1.5S", true), (.lastsAtMost(seconds: 1.5), "PT5S", false),
            (.lastsAtMost(seconds: 100), "PT1M30S", true), (.lastsAtMost(seconds: 100), "P1D", false),
            (.lastsAtMost(seconds: 100), "soon", false), (.isOne(of: ["ON"]), "on", true),
        ]
        for (condition, value, holds) in cases {
            let rule = SettingRule(.variable, "name", condition, otherwise: .wrong, "why")
            #expect(rule.holds(for: value) == holds, "\(condition) \(value)")
        }
        let options = MariaDBAdministration.options(
            "base_dir = /var/lib; evs.suspect_timeout = PT5S; ; gcache.size=128M")
        #expect(options == ["base_dir": "/var/lib", "evs.suspect_timeout": "PT5S", "gcache.size": "128M"])
    }

    @Test func `an account with the printed grants can do all that daemons do, and nothing else`() async throws {
        let server = try await MariaDBServer.shared()
        let conformance = Array(TaskStoreConformance.cases.prefix { !$0.description.contains("16 MiB") })
        #expect(conformance.count > 40)
        for (number, conformance) in conformance.enumerated() {
            try await conformance.run { connections in
                var configuration = try server.makeDatabase()
                try await Self.makeAccount(of: configuration)
                configuration.user = "d'\(configuration.database)"
                configuration.password = MariaDBConfiguration.Secret("secret")
                return (0..<connections).map { _ in OneNodeStore(configuration) }
            }
            if number > 0 { continue }
            var configuration = try server.makeDatabase()
            try await Self.makeAccount(of: configuration)
            configuration.user = "d'\(configuration.database)"
            configuration.password = MariaDBConfiguration.Secret("secret")
            let jobs = ClusterFixture.store(configuration)
            for conformance in JobStoreConformance.cases.prefix(1) { try await conformance.run(jobs, jobs) }
            await jobs.close()
            let connection = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
            for statement in ["DROP TABLE task", "CREATE TABLE other (a INT)", "DELETE FROM gearclock_schema"] {
                #expect(throws: MariaDBFailure.self, "\(statement)") { try connection.execute(statement) }
            }
            connection.close()
        }
    }

    /// An account that migrates and another one that works, with what is printed and no more.
    private static func makeAccount(of configuration: MariaDBConfiguration) async throws {
        let root = try MariaDBConnection(to: configuration.nodes[0], configuration: configuration)
        defer { root.close() }
        let (migrating, working) = ("m'\(configuration.database)", "d'\(configuration.database)")
        for user in [migrating, working] {
            let name = user.replacing("'", with: "''")
            try root.execute("CREATE USER '\(name)'@'127.0.0.1' IDENTIFIED BY 'secret'")
        }
        func grant(_ statements: [String]) throws {
            for statement in statements { try root.execute(String(statement.dropLast())) }
        }
        try grant(
            MariaDBAdministration.grants(user: migrating, host: "127.0.0.1", database: configuration.database).migrating
        )
        var account = configuration
        account.user = migrating
        account.password = MariaDBConfiguration.Secret("secret")
        #expect(
            try await MariaDBAdministration(configuration: account, clock: SystemClock()).migrate().made
                == MariaDBSchema.migrations.map(\.name))
        try grant(
            MariaDBAdministration.grants(user: working, host: "127.0.0.1", database: configuration.database).daemons)
    }
}
