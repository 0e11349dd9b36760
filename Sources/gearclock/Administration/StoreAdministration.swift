internal import GearclockCore
internal import GearclockEnvironment
internal import GearclockMariaDB
internal import GearclockSQLite

/// What an operator does with one store, of whatever kind.
struct StoreAdministration: Sendable {
    let location: StoreLocation
    let clock: SystemClock

    init(_ location: StoreLocation, clock: SystemClock) {
        self.location = location
        self.clock = clock
    }

    func migrate() async throws -> StoreReport {
        switch self.location.place {
        case .sqlite(let path):
            try self.location.prepareDirectory()
            return Self.report { () throws(TaskStoreError) in
                let migration = try SQLiteAdministration(path: path).migrate()
                return Self.migrated(before: migration.before, after: migration.after)
            }
        case .mariadb(let url):
            let administration = MariaDBAdministration(try self.configuration(url), self.clock)
            do throws(MariaDBFailure) {
                return Self.migrated(try await administration.migrate())
            } catch {
                return StoreReport(
                    problem: error.description, status: error.meaning == .nodeUnavailable ? .unreachable : .failed)
            }
        }
    }

    func status() async throws -> StoreReport {
        switch self.location.place {
        case .sqlite(let path):
            Self.report { () throws(TaskStoreError) in
                Self.status(path, try SQLiteAdministration(path: path).status(now: self.clock.now.wall))
            }
        case .mariadb(let url):
            Self.status(await MariaDBAdministration(try self.configuration(url), self.clock).status())
        }
    }

    func verify() async throws -> StoreReport {
        switch self.location.place {
        case .sqlite(let path):
            Self.report { () throws(TaskStoreError) in
                let checks = try SQLiteAdministration(path: path).verify(now: self.clock.now.wall)
                return Self.verified(
                    checks.map { ($0.name, $0.defects.isEmpty ? "good" : "bad", $0.defects.joined(separator: "; ")) })
            }
        case .mariadb(let url):
            Self.verified(
                await MariaDBAdministration(try self.configuration(url), self.clock).verify().checks.map { check in
                    (check.name, "\(check.result)", check.detail)
                })
        }
    }

    func checkSettings() async throws -> StoreReport {
        switch self.location.place {
        case .sqlite(let path):
            Self.report { () throws(TaskStoreError) in
                Self.settings(try SQLiteAdministration(path: path).settings())
            }
        case .mariadb(let url):
            Self.settings(await MariaDBAdministration(try self.configuration(url), self.clock).checkSettings())
        }
    }

    func grants(host: String) -> StoreReport {
        switch self.location.place {
        case .sqlite:
            var report = StoreReport()
            report.lines = ["there are no grants; who may read and write the file may use the store"]
            return report
        case .mariadb(let url):
            let configuration = url.configuration
            let grants = MariaDBAdministration.grants(
                user: configuration.user, host: host, database: configuration.database)
            var report = StoreReport()
            report.lines =
                ["-- for 'gearclock store migrate', before it:"] + grants.migrating
                + ["-- for the daemons, after the migration, because they name its tables:"] + grants.daemons
            report.members = [
                ("migrating", .array(grants.migrating.map { .text($0) })),
                ("daemons", .array(grants.daemons.map { .text($0) })),
            ]
            return report
        }
    }

    private func configuration(_ url: MariaDBURL) throws -> MariaDBConfiguration {
        try url.configurationWithPassword().configuration
    }

    private static func report(_ body: () throws(TaskStoreError) -> StoreReport) -> StoreReport {
        do throws(TaskStoreError) {
            return try body()
        } catch {
            return StoreReport(problem: error.text, status: .failed)
        }
    }
}

extension MariaDBAdministration {
    fileprivate init(_ configuration: MariaDBConfiguration, _ clock: SystemClock) {
        self.init(configuration: configuration, clock: clock)
    }
}
