import Foundation
import Gearman
import GearmanServer
import Testing

/// The same random sessions with our server and with gearmand; `Scripts/with-gearmand swift test …` says where one is.
@Suite(.timeLimit(.minutes(60)))
struct DifferentialTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let port = environment["GEARMAND_PORT"].flatMap { Int($0) }
    /// The first session, and how many there are.
    private static let firstSeed = environment["GEARCLOCK_DIFFERENTIAL_SEED"].flatMap { Int($0) } ?? 1
    private static let count =
        environment["GEARCLOCK_DIFFERENTIAL_COUNT"].flatMap { Int($0) }
        ?? (environment["GEARCLOCK_DIFFERENTIAL_SEED"] == nil ? 25 : 1)
    /// So many sessions are played to the same servers: both remember all functions that there ever were.
    private static let sessionsPerServer = 50
    private static let stepsPerSession = 150
    /// One of so many sessions waits for the clock too.
    private static let sessionsPerWait = 20

    @Test(
        .enabled(
            if: port != nil || environment["CI"] == "true",
            "GEARMAND_PORT is not set: run it by Scripts/with-gearmand"))
    func `random sessions have the same answers from our server and from gearmand`() async throws {
        let port = try #require(Self.port)
        let end = Self.firstSeed + Self.count
        for start in stride(from: Self.firstSeed, to: end, by: Self.sessionsPerServer) {
            if start > Self.firstSeed { try Gearmand.restart() }
            try await withServer { ours in
                for seed in start..<min(start + Self.sessionsPerServer, end) {
                    try await self.play(seed, ours: ours.port, gearmand: port)
                }
            }
        }
    }

    private func play(_ seed: Int, ours: Int, gearmand: Int) async throws {
        let prefix = "s\(seed)."
        var session = DifferentialSession(seed: UInt64(seed), prefix: prefix)
        var tail: [String] = []
        do {
            let servers = [
                try await ComparedServer(port: ours, prefix: prefix),
                try await ComparedServer(port: gearmand, prefix: prefix),
            ]
            for number in 1...Self.stepsPerSession {
                if number == Self.stepsPerSession / 2, seed % Self.sessionsPerWait == 3 {
                    session.planForTheClock(now: time(nil))
                }
                let step = session.next()
                tail = tail.suffix(11) + ["\(number): \(step)"]
                async let reply = servers[0].perform(step)
                let theirs = try await servers[1].perform(step)
                let answers = try await reply
                guard answers == theirs else {
                    return self.report("ours: \(answers)\ngearmand: \(theirs)", seed, tail)
                }
                tail[tail.count - 1] += "\n    \(answers)"
            }
            let (admin, theirs) = (try await self.lists(ours, prefix), try await self.lists(gearmand, prefix))
            if admin != theirs { self.report("GearmanAdmin, ours: \(admin)\ngearmand: \(theirs)", seed, tail) }
        } catch {
            guard await Gearmand.isWell(port: gearmand) else {
                self.report("no difference: gearmand crashed or hangs, and is started again", seed, tail)
                return try Gearmand.restart()
            }
            self.report("\(error)", seed, tail)
        }
    }

    /// What an administrator sees of a session when it is over.
    private func lists(_ port: Int, _ prefix: String) async throws -> [String] {
        let admin = GearmanAdmin(server: GearmanServerAddress(host: "127.0.0.1", port: port), logger: silentLogger)
        let functions = try await admin.status().filter { $0.function.hasPrefix(prefix) }.map { "\($0)" }
        let priorities = try await admin.priorityStatus().filter { $0.function.hasPrefix(prefix) }.map { "\($0)" }
        // gearmand keeps 63 bytes of 64.
        let uniques = try await admin.showUniqueJobs().filter { $0.hasPrefix(prefix) }.map { String($0.prefix(63)) }
        let workers = try await admin.workers().map { "\($0.clientID ?? "nobody"): \($0.functions)" }
        await admin.close()
        return [functions, priorities, uniques, workers.filter { $0.contains(prefix) }].flatMap { $0.sorted() }
    }

    private func report(_ problem: String, _ seed: Int, _ tail: [String]) {
        let steps = tail.map { $0.count > 2_000 ? $0.prefix(2_000) + "…" : $0[...] }.joined(separator: "\n")
        Issue.record(
            """
            seed \(seed): \(problem)
            after these steps, the last one included:
            \(steps)
            again: GEARCLOCK_DIFFERENTIAL_SEED=\(seed) Scripts/with-gearmand \
            swift test --filter DifferentialTests
            """)
    }
}

/// The gearmand that `Scripts/with-gearmand` started.
enum Gearmand {
    static func isWell(port: Int) async -> Bool {
        do {
            return try await BlockingConnection(port: port).ask("version", end: "\n").hasPrefix("OK")
        } catch {
            return false
        }
    }

    /// On the same port, with nothing in its memory. One that somebody else started goes on as it is.
    static func restart() throws {
        guard ProcessInfo.processInfo.environment["GEARMAND_DIR"] != nil else { return }
        // Foundation's `Process` would wait for gearmand too, which outlives the script.
        let command = "Scripts/with-gearmand --kill 1 && Scripts/with-gearmand --start 1"
        try #require(system(command) == 0, "\(command)")
    }
}
